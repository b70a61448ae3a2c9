"""A hub on loopback: the few endpoints that the hub's own client asks to create, commit, list and download."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "c" * 40


class Hub:
    """Repositories by name, each its files by path; `refused`: status that every commit gets instead."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.tokens: set[str] = set()
        self.refused = 0
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def answer(self, status: int, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        parts = urlsplit(self.path).path.strip("/").split("/")
        if parts == ["api", "repos", "create"]:
            asked = json.loads(sent)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.hub.repositories.setdefault(name, {})
            self.hub.private[name] = bool(asked.get("private") or asked.get("visibility") == "private")
            return self.answer(200, {"url": f"{self.hub.url}/{name}", "name": name, "id": name})
        if parts == ["api", "validate-yaml"]:
            # The card's head is checked before a commit.
            head = json.loads(sent)["content"].split("---")[1]
            assert yaml.safe_load(head)["library_name"] == "uniser"
            return self.answer(200, {"warnings": [], "errors": []})
        name = "/".join(parts[2:4])
        if name not in self.hub.repositories:
            return self.answer(404, {"error": "Repository not found"})
        if parts[4] == "preupload":
            files = json.loads(sent)["files"]
            return self.answer(200, {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                                               for f in files]})  # fmt: skip
        if parts[4] == "commit" and not self.hub.refused:
            for line in sent.decode().splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    assert entry["value"]["encoding"] == "base64"
                    content = base64.b64decode(entry["value"]["content"])
                    self.hub.repositories[name][entry["value"]["path"]] = content
            return self.answer(200, {"success": True, "commitOid": COMMIT,
                                     "commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}"})  # fmt: skip
        return self.answer(self.hub.refused or 404, {"error": "no"})

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            name = "/".join(parts[2:4])
            files = self.hub.repositories.get(name)
            if files is None:
                return self.answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            if len(parts) > 4 and parts[4] == "tree":
                return self.answer(200, [{"type": "file", "path": p, "size": len(d), "oid": hashlib.sha1(d).hexdigest()}
                                         for p, d in files.items()])  # fmt: skip
            return self.answer(200, {"id": name, "modelId": name, "sha": COMMIT, "private": False, "tags": [],
                                     "siblings": [{"rfilename": p} for p in files]})  # fmt: skip
        name, path = "/".join(parts[:2]), "/".join(parts[4:])
        data = self.hub.repositories.get(name, {}).get(path)
        if data is None:
            return self.answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
        return self.answer(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit=COMMIT)

    do_HEAD = do_GET


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub at `url` for as long as the block lasts."""
    hub = Hub()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        http.shutdown()
        http.server_close()
