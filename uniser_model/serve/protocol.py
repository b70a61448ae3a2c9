"""HTTP whose patience ends: with a client that does not finish its headers, and one that does not read its answer."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Of all clients together; those beyond are closed at once.
MAX_CONNECTIONS = 256
HEADER_TIMEOUT_S = 10.0
# An answer of which nothing more was taken for so long is given up.
READING_TIMEOUT_S = 20.0


class PatientProtocol(H11Protocol):
    """uvicorn waits for ever for headers and for readers; between requests its own keep-alive timer runs."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self.timers: dict[str, asyncio.TimerHandle] = {}
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        self._watch_headers()

    def data_received(self, data: bytes) -> None:
        """Stop the clock at the end of the headers, start it at the first byte of others."""
        super().data_received(data)
        self._watch_headers()

    def pause_writing(self) -> None:
        """The client reads slower than it is sent to."""
        super().pause_writing()
        self._start("reading", READING_TIMEOUT_S)

    def resume_writing(self) -> None:
        """It has taken what was sent."""
        super().resume_writing()
        self._stop("reading")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks."""
        super().connection_lost(exc)
        self._stop("headers")
        self._stop("reading")

    def _watch_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop("headers")
        elif "headers" not in self.timers:
            self._start("headers", HEADER_TIMEOUT_S)

    def _start(self, name: str, seconds: float) -> None:
        self.timers[name] = asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    def _stop(self, name: str) -> None:
        if name in self.timers:
            self.timers.pop(name).cancel()
