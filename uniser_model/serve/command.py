"""What `uniser serve` does: check, listen, say where, serve until it is stopped."""

from __future__ import annotations

import contextlib
import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer
from uniser_core.errors import InputError
from uniser_core.registry import load_plugins

from uniser_model.serve.restoration import checkpoint_labels

if TYPE_CHECKING:
    from uniser_model.serve.settings import Settings

MAX_HEADER_BYTES = 16_384


def run_server(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises InputError when something is missing or the address is taken."""
    missing = [name for name in ("starlette", "uvicorn", "h11") if find_spec(name) is None]
    if missing:
        raise InputError(f"uniser serve needs {', '.join(missing)}", "the extra 'serve' is not installed",
                         "pip install 'uniser[serve]'")  # fmt: skip
    load_plugins(settings.plugins)
    checkpoints = checkpoint_labels(settings.checkpoints)
    _serve(settings, checkpoints, _listen(settings.host, settings.port))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise InputError(f"--host {host} --port {port}", (error.strerror or str(error)).lower(),
                         "choose another, or --port 0 for any free one") from None  # fmt: skip


def _serve(settings: Settings, checkpoints: dict[str, str], listening: socket.socket) -> None:
    import uvicorn

    from uniser_model.serve.app import Server
    from uniser_model.serve.protocol import PatientProtocol

    port = listening.getsockname()[1]
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    typer.echo(f"http://{shown}:{port}/")
    if settings.is_open:
        typer.echo("uniser: everyone who can reach this address can use the page -> leave out --host to keep it to "
                   "this machine", err=True)  # fmt: skip
    if not checkpoints:
        typer.echo("uniser: no checkpoint, so nothing to restore with -> add --checkpoint DIR", err=True)
    config = uvicorn.Config(
        Server(settings, checkpoints).app(), http=PatientProtocol, ws="none", lifespan="on", access_log=False,
        log_level="error", timeout_keep_alive=5, timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES, server_header=False, proxy_headers=False,
    )  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it is stopped
        uvicorn.Server(config).run(sockets=[listening])
