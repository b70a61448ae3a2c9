"""Bodies of requests: how large, how slow and how many at once they may be."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

M = TypeVar("M", bound=BaseModel)
# A body may take this long, and longer by what has come at this rate: phones are faster, a drip is not.
GRACE_S, SLOWEST_BYTES_PER_S = 10.0, 16_000
MAX_JSON_BYTES = 256_000


async def chunks(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises HTTPException 413 when it is or says it is too large, 408 when it is too slow."""
    too_large = HTTPException(413, f"the upload is larger than {max_bytes / 1e6:g} MB -> choose a smaller file")
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > max_bytes:
        raise too_large
    began, received = asyncio.get_running_loop().time(), 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout_at(began + GRACE_S + received / SLOWEST_BYTES_PER_S):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise HTTPException(408, "the upload came too slowly -> try again") from None
        if chunk is None:
            return
        received += len(chunk)
        if received > max_bytes:
            raise too_large
        yield chunk


async def read_json(request: Request, kind: type[M]) -> M:
    """A small JSON body. Raises HTTPException 400 naming the field that is wrong."""
    data = b"".join([chunk async for chunk in chunks(request, MAX_JSON_BYTES)])
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the request"
        raise HTTPException(400, f"{name}: {first['msg']}") from None


@dataclass
class Door:
    """At most `open_at_once` uploads, and `in_line` that wait; what comes then is told to come again."""

    open_at_once: int
    in_line: int
    waiting: int = 0
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.open_at_once)

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a slot. Raises HTTPException 503 when too many wait already."""
        if self._slots.locked() and self.waiting >= self.in_line:
            raise HTTPException(503, "too many uploads at once -> try again in a moment", {"Retry-After": "2"})
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


async def save(request: Request, path: Path, max_bytes: int) -> None:
    """Write the body to a file as it comes; memory holds one piece of it. Raises HTTPException."""
    with path.open("wb") as file:
        async for chunk in chunks(request, max_bytes):
            file.write(chunk)
