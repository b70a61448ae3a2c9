"""Licence and author of a file by Debian's machine-readable copyright format 1.0 (DEP 5)."""

from __future__ import annotations

import fnmatch
import re
from pathlib import PurePosixPath

# Debian's short names that are not SPDX identifiers.
_SPDX = {"CC-BY-3.0-USA": "CC-BY-3.0-US", "CC0": "CC0-1.0"}


def stanza_of(text: str, name: str) -> tuple[str, str]:
    """(SPDX licence, holders) of a file called `name`, or packed from a folder of its stem; the last match wins."""
    license_id, holders = "unknown", ""
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        patterns = fields.get("files", "").split()
        if any(_matches(pattern, name) for pattern in patterns):
            short = fields.get("license", "unknown").split("\n")[0].strip()
            license_id = _SPDX.get(short, short)
            holders = "; ".join(line.strip() for line in fields.get("copyright", "").split("\n") if line.strip())
    return license_id, holders


def _fields(stanza: str) -> dict[str, str]:
    found: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line[:1].isspace():
            if key:
                found[key] += "\n" + line
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.lower()
            found[key] = value
    return found


def _matches(pattern: str, name: str) -> bool:
    if pattern == "*":
        return True
    path = PurePosixPath(pattern)
    return (fnmatch.fnmatchcase(name, path.name) and path.name != "*") or path.parts == (PurePosixPath(name).stem, "*")
