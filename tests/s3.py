"""Real S3 on loopback: moto's server."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Uri = Callable[[str], str]


def uri_at(address: str) -> Uri:
    """From a key to its URI at a server."""
    endpoint = quote(address, safe="")
    return lambda key: f"s3://bucket/{key}?endpoint_override={endpoint}&region=us-east-1"


@contextlib.contextmanager
def served() -> Iterator[Uri]:
    """A function from a key to its URI in a new bucket."""
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        urlopen(Request(f"http://{host}:{port}/bucket", method="PUT")).close()
        try:
            yield uri_at(f"http://{host}:{port}")
        finally:
            server.stop()
