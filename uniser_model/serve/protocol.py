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

    header_timer: asyncio.TimerHandle | None = None
    reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
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
        self.reading_timer = asyncio.get_running_loop().call_later(READING_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken what was sent."""
        super().resume_writing()
        self.reading_timer = _stopped(self.reading_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks."""
        self.header_timer, self.reading_timer = _stopped(self.header_timer), _stopped(self.reading_timer)
        super().connection_lost(exc)

    def _watch_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self.header_timer = _stopped(self.header_timer)
        elif self.header_timer is None:
            self.header_timer = asyncio.get_running_loop().call_later(HEADER_TIMEOUT_S, self.transport.close)


def _stopped(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
