"""A loopback HTTP proxy before a real server, that refuses, stalls and dies as it is told."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Faults:
    """What goes wrong, changed by the test while it runs; and how often it did."""

    def __init__(self) -> None:
        self.requests = self.refused = self.stalled = self.cut = 0
        self.refuse_every = self.stall_every = 0
        self.stall_s = 0.0
        # The next upload of more than this many bytes breaks off there, and the server is gone for a while.
        self.cut_upload_after: int | None = None
        self.down_s = 0.0
        self.down_until = 0.0
        self.lock = threading.Lock()

    def fate(self, body_bytes: int) -> str:
        """Of one more request: refuse, stall, cut or pass."""
        with self.lock:
            self.requests += 1
            if time.monotonic() < self.down_until or (self.refuse_every and self.requests % self.refuse_every == 0):
                self.refused += 1
                return "refuse"
            if self.cut_upload_after is not None and body_bytes > self.cut_upload_after:
                self.cut_upload_after, self.down_until = None, time.monotonic() + self.down_s
                self.cut += 1
                return "cut"
            if self.stall_every and self.requests % self.stall_every == 0:
                self.stalled += 1
                return "stall"
            return "pass"


def _handler(backend: tuple[str, int], faults: Faults) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            declared = self.headers.get("Content-Length") or self.headers.get("x-amz-decoded-content-length") or 0
            fate = faults.fate(int(declared))
            if fate in ("refuse", "cut"):
                if fate == "cut":
                    self.rfile.read(int(declared) // 2)
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.close()
                return
            body = self.body()
            if fate == "stall":
                time.sleep(faults.stall_s)
            onward = http.client.HTTPConnection(*backend, timeout=30)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "content-length")}
            onward.request(self.command, self.path, body, kept | {"Content-Length": str(len(body))})
            answer = onward.getresponse()
            data = answer.read()
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection"):
                        self.send_header(name, value)
                if answer.getheader("Content-Length") is None:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            onward.close()

        def body(self) -> bytes:
            """Of the request, its chunks joined."""
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():  # trailers
                pass
            return b"".join(pieces)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A connection that was cut on purpose is no news."""


@contextlib.contextmanager
def before(host: str, port: int) -> Iterator[tuple[str, Faults]]:
    """The address of a proxy before a server, and its faults."""
    faults = Faults()
    server = _Server(("127.0.0.1", 0), _handler((host, port), faults))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        server.shutdown()
        server.server_close()
