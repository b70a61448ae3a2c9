"""`uniser serve` as a user starts it, a real process on loopback, and a client that asks it as its page does."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.cli import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

# The command of this tree, whatever is installed.
COMMAND = """
from uniser_core import cli
from uniser_model.serve.cli import app
cli.app.add_typer(app, name="serve")
cli.main()
"""


def start(*options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, "serve", *map(str, options)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, **pipes)


class Client:
    """Asks one server; every method returns what came back, good or bad."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
        self.port = int(url.rstrip("/").rpartition(":")[2])
        page = self.ask("GET", "/")[2].decode()
        self.token = re.search(r'name="token" content="([^"]+)"', page)[1]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """(status, headers by small name, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            sent = {k.replace("_", "-"): v for k, v in headers.items()}
            connection.request(method, path, body, sent, encode_chunked="transfer-encoding" in map(str.lower, sent))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """(status, JSON) of a POST as the page sends it; `body` is bytes or becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, _, answer = self.ask("POST", path, data, **{"X_Uniser_Token": self.token, **headers})
        return status, json.loads(answer)

    def upload(self, data: bytes) -> str:
        status, told = self.post("/api/pictures", data)
        assert status == 201, told
        return told["id"]

    def work(self, path: str, **body: Any) -> dict[str, Any]:
        """A job followed to its end: as the server tells it."""
        status, job = self.post(path, body)
        assert status == 202, job
        while job["state"] in ("waiting", "working"):
            job = json.loads(self.ask("GET", f"/api/jobs/{job['id']}?seen={job['version']}")[2])
        return job

    def made(self, path: str, **body: Any) -> dict[str, Any]:
        """The result of a job that succeeds."""
        job = self.work(path, **body)
        assert job["state"] == "done", job
        return job["result"]

    def file(self, result: dict[str, Any], name: str) -> bytes:
        status, _, data = self.ask("GET", result["files"][name])
        assert status == 200
        return data

    def raw(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


@contextmanager
def serving(*options: Any) -> Iterator[Client]:
    process = start("--port", 0, *options)
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.stderr.read()
        yield Client(url, process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()
