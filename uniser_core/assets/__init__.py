"""Pictures, models and panoramas out of published packages, unpacked once into a per-user cache.

`$UNISER_CACHE`, else `$XDG_CACHE_HOME/uniser`, else `~/.cache/uniser`; an asset lies in `assets/NAME` there, with
`licenses.csv` (a row per file) and `asset.json` (which packages it came from, and which are missing).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from uniser_core.errors import InputError

MANIFEST = "asset.json"
LICENSES = "licenses.csv"


@dataclass(frozen=True)
class AssetFile:
    """One file of a package. `keep` is False where something is only derived from it."""

    name: str
    member: str
    sha256: str
    bytes: int
    license: str = ""
    attribution: str = ""
    source_uri: str = ""
    keep: bool = True


@dataclass(frozen=True)
class AssetPart:
    """What is taken out of one package. `optional`: the asset is of use without it."""

    package: str
    client: str
    files: tuple[AssetFile, ...]
    version: str = ""
    optional: bool = False
    copyright: str = ""
    derive: str = ""


@dataclass(frozen=True)
class Asset:
    """One entry of the catalog; `digest` changes with it."""

    name: str
    summary: str
    parts: tuple[AssetPart, ...]
    digest: str


@cache
def catalog() -> dict[str, Asset]:
    """All assets by name."""
    import hashlib

    import yaml

    text = Path(__file__).with_name("catalog.yaml").read_text(encoding="utf8")
    assets = {}
    for name, entry in yaml.safe_load(text).items():
        parts = tuple(
            AssetPart(**{**part, "files": tuple(AssetFile(**f) for f in part["files"])}) for part in entry["parts"]
        )
        digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
        assets[name] = Asset(name, entry["summary"], parts, digest)
    return assets


def get_asset(name: str) -> Asset:
    """A catalog entry. Raises InputError with the known names."""
    if name not in catalog():
        raise InputError(f"unknown asset '{name}'", f"known: {', '.join(catalog())}", "uniser assets list")
    return catalog()[name]


def cache_folder() -> Path:
    """The per-user cache, which may not exist yet."""
    if given := os.environ.get("UNISER_CACHE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "uniser"


def asset_folder(name: str) -> Path:
    """Where the asset lies, or would."""
    return cache_folder() / "assets" / get_asset(name).name


def manifest(name: str) -> dict[str, Any] | None:
    """`asset.json` of a fetched asset; None when it is not fetched, or was by another catalog."""
    try:
        found: dict[str, Any] = json.loads((asset_folder(name) / MANIFEST).read_text(encoding="utf8"))
    except (OSError, ValueError):
        return None
    return found if found.get("digest") == get_asset(name).digest else None


def asset_path(name: str) -> Path:
    """Folder of an asset, fetched on first use, offline ever after.

    Raises InputError on an unknown name, or with the exact command when a fetch fails.
    """
    if manifest(name) is None:
        fetch_asset(name)
    return asset_folder(name)


def fetch_asset(name: str) -> Path:
    """Fetch an asset, or what an earlier fetch had to leave out. Raises InputError when a needed part fails."""
    from uniser_core.assets.fetch import fetch

    return fetch(get_asset(name))


def licensed_files(name: str) -> list[dict[str, str]]:
    """Rows of a fetched asset's `licenses.csv`: file, license, attribution, source_uri."""
    import csv

    if manifest(name) is None:
        raise InputError(f"asset {name}", "is not fetched yet", f"uniser assets fetch {name}")
    with (asset_folder(name) / LICENSES).open(encoding="utf8", newline="") as stream:
        return [dict(row) for row in csv.DictReader(stream)]


def describe(name: str) -> dict[str, Any]:
    """What `uniser assets list` shows of one asset."""
    asset, found = get_asset(name), manifest(name)
    if found is None:
        files = [f for part in asset.parts for f in part.files if f.keep]
        count, size = len(files), sum(f.bytes for f in files)
        licenses = sorted({f.license for f in files if f.license}) or ["in the package"]
    else:
        count, size = len(found["files"]), sum(entry["bytes"] for entry in found["files"].values())
        licenses = sorted({row["license"] for row in licensed_files(name)})
    state = "no" if found is None else "in part" if found["missing"] else "yes"
    return {
        "name": name,
        "summary": asset.summary,
        "files": count,
        "bytes": size,
        "licenses": licenses,
        "fetched": state,
        "packages": [part.package for part in asset.parts],
        "missing": sorted(found["missing"]) if found else [],
        "path": str(asset_folder(name)) if found else "",
    }
