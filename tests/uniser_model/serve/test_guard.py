"""Who may use the page: hosts, origins, tokens, headers; how large, slow and many uploads may be."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.uniser_core.pictures import encode, photo
from tests.uniser_model.serve.client import Client, serving, start
from uniser_core.errors import InputError
from uniser_core.supervisor import resident_mb
from uniser_model.serve.settings import Settings

PNG = encode(photo())


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/state", "/nothing", "/files/x/y", "/api/jobs/x"])
def test_every_answer_says_what_a_browser_may_do_with_it(server: Client, path: str) -> None:
    status, headers, _ = server.ask("GET", path)
    assert status in (200, 400, 404)
    policy = dict(p.strip().split(" ", 1) for p in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_the_page_runs_no_script_but_its_own_files(server: Client) -> None:
    page = server.ask("GET", "/")[2].decode()
    assert "<style" not in page
    assert page.count("<script") == page.count('<script src="/static/')


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("127.0.0.1", 200), ("localhost:1", 200), ("[::1]:99", 200), ("evil.example", 403),
     ("127.0.0.1.evil.example", 403),
     ("localhost.evil.example:8750", 403), ("127.0.0.1@evil.example", 403), ("192.168.1.9", 403), ("", 403)],
)  # fmt: skip
def test_a_name_of_another_site_that_resolves_here_is_refused(server: Client, host: str, wanted: int) -> None:
    assert server.ask("GET", "/api/state", Host=host)[0] == wanted


def test_hosts_of_a_server_for_others() -> None:
    everywhere = Settings(host="0.0.0.0", allow_hosts=("studio.local",))
    assert all(everywhere.allows_host(h) for h in ("192.168.1.9:8750", "[fe80::1]", "Studio.Local:8750", "localhost"))
    assert not any(everywhere.allows_host(h) for h in ("evil.example", "", "a b", "999.1.1.1", "studio.local.evil"))
    assert everywhere.is_open
    assert not Settings().is_open
    assert Settings(host="10.0.0.5").allows_host("10.0.0.5:1")
    assert not Settings(host="10.0.0.5").allows_host("10.0.0.6:1")


def test_a_request_without_a_host_is_refused(server: Client) -> None:
    with server.raw() as raw:
        raw.sendall(b"GET /api/state HTTP/1.0\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 403")


def test_another_origin_cannot_post_even_with_the_token(server: Client) -> None:
    own = f"http://127.0.0.1:{server.port}"
    assert server.post("/api/pictures", PNG, Origin=own, Sec_Fetch_Site="same-origin")[0] == 201
    for origin in ("http://evil.example", "null", own + "0", f"http://localhost:{server.port}", ""):
        status, told = server.post("/api/pictures", PNG, Origin=origin)
        assert status == 403, origin
        assert "origin" in told["error"]
    assert server.post("/api/pictures", PNG, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
@pytest.mark.parametrize("token", ["", "guess", "é"])
def test_what_changes_something_needs_the_token_of_this_server(server: Client, method: str, token: str) -> None:
    assert server.ask(method, "/api/pictures", PNG, X_Uniser_Token=token)[0] == 403


def test_no_other_site_can_read_through_a_browser(server: Client) -> None:
    """An <img> or a fetch of another site carries these headers, and cannot leave them out."""
    assert server.ask("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert server.ask("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200  # a link to it


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2f..%2fapp.py", "/static/%2e%2e/app.py", "/static/style.css%00",
     "/static//etc/passwd", "/files/../../etc/passwd", "/files/..%2f..%2fetc/passwd", "/files/{id}/photo",
     "/files/{id}/..%2fphoto", "/files/{id}/../../../etc/passwd"],
)  # fmt: skip
def test_no_path_leads_out_of_what_is_offered(server: Client, path: str) -> None:
    status, _, body = server.ask("GET", path.replace("{id}", server.upload(PNG)))
    assert status in (400, 404)
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", ".", "", "\x00", "x" * 64])
def test_no_picture_is_named_by_a_path(server: Client, name: str) -> None:
    status, told = server.post("/api/synthesis", {"do": "preview", "picture": name, "effect": "leak"})
    assert status == 400
    assert "\n" not in told["error"]
    assert "passwd" not in told["error"]


def test_an_upload_that_says_it_is_too_large_is_refused_unread(server: Client) -> None:
    with server.raw() as raw:
        head = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Uniser-Token: {server.token}\r\n"
        raw.sendall(f"{head}Content-Length: 3000000\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(4096):  # the server closes: it waits for nothing more
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"larger than 2 MB" in answer


def test_an_upload_that_does_not_say_how_large_it_is_ends_at_the_limit(server: Client) -> None:
    sent = 0
    with server.raw() as raw:
        head = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Uniser-Token: {server.token}\r\n"
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            while sent < 50_000_000:
                raw.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
    assert sent < 10_000_000  # 2 MB and what lay in buffers


def _png_that_says(width: int, height: int) -> bytes:
    """A whole, tiny PNG of an enormous picture of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compressobj()
    data = b"".join(rows.compress(bytes(1 + (width + 7) // 8)) for _ in range(min(height, 20_000))) + rows.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


BOMBS = {
    "huge": (_png_that_says(20_000, 20_000), "megapixels"),
    "thin": (_png_that_says(1, 30_000_000), "megapixels"),
    "empty": (b"", "empty"),
    "text": (b"#!/bin/sh\nrm -rf /\n", "not a picture"),
    "cut": (PNG[: len(PNG) // 2], "cannot be decoded"),
    "damaged": (PNG[:60] + bytes(40) + PNG[100:], "cannot be decoded"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "not a picture"),
    "zip": (b"PK\x03\x04" + bytes(200), "not a picture"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_no_photo_is_refused_in_one_line(server: Client, name: str) -> None:
    data, said = BOMBS[name]
    assert len(data) < 200_000
    status, told = server.post("/api/pictures", data)
    assert status == 400
    assert said in told["error"]
    assert "\n" not in told["error"]
    assert "/tmp" not in told["error"]


def test_bombs_cost_neither_the_server_nor_its_workers_memory(server: Client) -> None:
    def resident() -> float:
        tasks = Path(f"/proc/{server.pid}/task")
        workers = [int(c) for t in tasks.iterdir() for c in (t / "children").read_text().split()]
        return sum(resident_mb(pid) for pid in (server.pid, *workers))

    server.post("/api/pictures", BOMBS["huge"][0])  # the worker is there
    before, after = resident(), 0.0
    for name in ("huge", "thin", "cut", "damaged") * 3:
        assert server.post("/api/pictures", BOMBS[name][0])[0] == 400
        after = max(after, resident())
    # A picture of 400 megapixels would be 1.2 GB.
    assert after - before < 200


def test_a_compressed_body_is_taken_as_it_is(server: Client) -> None:
    """No bomb is unpacked on its way in."""
    packed = gzip.compress(bytes(10_000_000))
    assert len(packed) < 20_000
    status, told = server.post("/api/pictures", packed, **{"Content-Encoding": "gzip"})
    assert status == 400
    assert "not a picture" in told["error"]


def test_slow_headers_and_slow_bodies_are_cut_off_and_nobody_waits_for_them(server: Client) -> None:
    """Drips of both kinds at once, more than there are places for uploads; meanwhile others are served."""
    slow_head, slow_body = [server.raw() for _ in range(4)], [server.raw() for _ in range(4)]
    for raw in slow_head:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    head = (
        f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Uniser-Token: {server.token}\r\nContent-Length: 9999\r\n"
    )
    for raw in slow_body:
        raw.sendall(f"{head}\r\n".encode())
    began, open_still = time.monotonic(), [*slow_head, *slow_body]
    while open_still and time.monotonic() - began < 40:
        time.sleep(1)
        assert server.ask("GET", "/api/state")[0] == 200
        for raw in list(open_still):
            try:
                raw.sendall(b"X-a: b\r\n" if raw in slow_head else b"x")
            except OSError:
                open_still.remove(raw)
    assert not open_still
    assert server.upload(PNG)
    for raw in slow_head + slow_body:
        raw.close()


@pytest.mark.slow
def test_who_does_not_read_the_answer_is_cut_off() -> None:
    """The answer is larger than what buffers hold; the server's end of the connection goes."""
    noise = np.random.default_rng(0).integers(0, 256, (2500, 3500, 3), np.uint8)
    with serving() as client:
        made = client.made("/api/synthesis", do="pair", picture=client.upload(encode(noise, "bmp")), effect="occlude")
        with client.raw() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall(f"GET {made['files']['target.png']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(30)
            got = 0
            with contextlib.suppress(ConnectionError):
                while piece := raw.recv(1 << 20):
                    got += len(piece)
        assert 0 < got < 20_000_000
        assert len(client.file(made, "target.png")) > 25_000_000


def test_a_hundred_uploads_at_once_are_taken_or_told_to_come_again(server: Client) -> None:
    noise = encode(np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8))  # 750 KB
    before = resident_mb(server.pid)

    def one(_: int) -> int:
        try:
            return server.post("/api/pictures", noise)[0]
        except OSError:  # beyond the connections that are held, it closes before all is sent
            return 503

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(one, range(100)))
    assert set(found) <= {201, 503}
    assert found.count(201) >= 4
    assert resident_mb(server.pid) - before < 100
    assert server.upload(PNG)


def test_errors_of_the_command_are_one_line(run: str, server: Client, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"\x80\x04")
    cases = [
        (["--port", server.port], "in use"),
        (["--port", 0, "--checkpoint", tmp_path], "pickled"),
        (["--port", 0, "--checkpoint", "/nowhere"], "does not exist"),
        (["--port", 99999], "65535"),
        (["--port", 0, "--max-upload-mb", 0], "above 0"),
        (["--port", 0, "--host", "300.1.1.1"], "--host 300.1.1.1"),
    ]
    for options, said in cases:
        process = start(*options)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 2, told
        assert said in told
        assert told.count("\n") == 1


def test_what_is_not_installed_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from uniser_model.serve import command

    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"starlette, uvicorn.*pip install 'uniser\[serve\]'"):
        command.run_server(Settings())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = start("--port", 0)
    client = Client(process.stdout.readline().strip(), process.pid)
    client.upload(PNG)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1  # the worker that decodes
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir())
    assert not Path(f"/proc/{children[0]}").exists()


def test_a_worker_does_not_outlive_a_server_that_was_killed() -> None:
    with serving() as client:
        client.upload(PNG)
        worker = Path(f"/proc/{client.pid}/task/{client.pid}/children").read_text().split()[0]
        os.kill(client.pid, signal.SIGKILL)
        for _ in range(100):
            if not Path(f"/proc/{worker}").exists():
                break
            time.sleep(0.1)
        assert not Path(f"/proc/{worker}").exists()
