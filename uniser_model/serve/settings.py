"""What `uniser serve` is told on its command line, checked once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from uniser_core.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A picture's view on the page, and the live preview of an effect, pixels on the long side.
VIEW_PX, PREVIEW_PX = 1600, 768
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Settings:
    """Where the page is, what it offers and how much it may take. Sizes are bytes, pixels, seconds."""

    host: str = "127.0.0.1"
    port: int = 8750
    checkpoints: tuple[str, ...] = ()
    device: str = "cpu"
    plugins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    max_upload_mb: float = 64.0
    max_megapixels: float = 50.0
    store_mb: float = 2048.0
    memory_mb: int = 8000
    job_timeout_s: float = 600.0
    queue: int = 8

    def __post_init__(self) -> None:
        for option in ("max_upload_mb", "max_megapixels", "store_mb", "memory_mb", "job_timeout_s", "queue"):
            value = getattr(self, option)
            if not value > 0:
                raise InputError(f"--{option.replace('_', '-')} {value:g}", "must be above 0", "leave it out")
        if not 0 <= self.port < 65536:
            raise InputError(f"--port {self.port}", "must be from 0 (any free one) to 65535", "leave it out")

    @property
    def max_pixels(self) -> int:
        """Of an uploaded picture, told from its header."""
        return int(self.max_megapixels * 1e6)

    @property
    def max_upload_bytes(self) -> int:
        """Of one upload."""
        return int(self.max_upload_mb * 1e6)

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach the page."""
        return self.host not in LOOPBACK

    def allows_host(self, header: str) -> bool:
        """Whether a request's Host header names this server.

        A page of another site can make its own name resolve to this address (DNS rebinding), but not an address itself:
        so names are those of a list, and addresses any where the server listens on all of them.
        """
        found = _HOST.fullmatch(header.lower())
        if found is None:
            return False
        name = found[1].strip("[]")
        if name in {*LOOPBACK, self.host.lower(), *(h.lower() for h in self.allow_hosts)}:
            return True
        return _is_address(self.host) and ipaddress.ip_address(self.host).is_unspecified and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
