"""`tar:URI`: pictures in WebDataset tars, read by their offsets; nothing is ever extracted."""

from __future__ import annotations

import json
import tarfile
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs

from uniser_core.decode import EXTENSIONS
from uniser_core.errors import InputError
from uniser_core.sources.base import Clean, Source, SourceItem, SourceOptions
from uniser_core.sources.folder import SIDECARS, attach_sidecars
from uniser_core.storage import Store, resolve

if TYPE_CHECKING:
    from uniser_core.frame import Frame

_MEMBERS = frozenset((*SIDECARS, "json"))


class TarPictures(Source):
    """One uncompressed tar or a folder of them.

    Members of one sample share the name up to the first dot of their base name: `a/k.jpg`, `a/k.depth.npy`,
    `a/k.mask.png`, `a/k.json` ({"license", "attribution", "source_uri"}). Names are only names: a
    member called `../x.jpg` or `/x.jpg` is the picture `x.jpg`. Links and devices are passed over.
    """

    expected = "a .tar with .jpg, .png, … members, or a folder of them"

    def __init__(self, place: str, spec: str, options: SourceOptions) -> None:
        super().__init__(spec, options)
        fs, path = resolve(place)
        try:
            kind = fs.get_file_info(path).type
        except OSError as error:
            raise InputError(f"--source {spec}", str(error).splitlines()[0], "check the place") from error
        if kind == pafs.FileType.NotFound:
            raise InputError(f"--source {spec}", f"does not exist ({self.expected} is expected)", "check the path")
        folder, _, name = place.rpartition("/") if kind == pafs.FileType.File else (place, "", "")
        self.store = Store(folder or ("/" if place.startswith("/") else "."))
        self.files = [name] if name else self.store.names(suffix=".tar")

    def list_items(self) -> list[SourceItem]:
        """One item a picture member, out of the tars' headers alone."""
        items: list[SourceItem] = []
        for name in self.files:
            samples = self._samples(name)
            prefix = f"{name}/" if len(self.files) > 1 else ""
            for key, members in samples.items():
                end = next((e for e in sorted(members) if f".{e}" in EXTENSIONS), None)
                if end is not None:
                    size = sum(length for _, length in members.values())
                    items.append(SourceItem(f"{prefix}{key}.{end}", size, (name, key, end, tuple(members.items()))))
        return items

    def _samples(self, name: str) -> dict[str, dict[str, tuple[int, int]]]:
        where = f"{name} of --source {self.spec}"
        samples: dict[str, dict[str, tuple[int, int]]] = {}
        try:
            with self.store.open(name) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
                total = int(stream.size())
                for member in archive:
                    if not member.isreg() or member.issparse():
                        continue
                    key, end = _key(member.name)
                    if not key or not (f".{end}" in EXTENSIONS or end in _MEMBERS):
                        continue
                    if member.offset_data + member.size > total:
                        raise tarfile.ReadError("the last member ends too early")
                    if end in samples.setdefault(key, {}):
                        raise InputError(where, f"holds {key}.{end} twice", "give every sample a name of its own")
                    samples[key][end] = (member.offset_data, member.size)
        except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            rule = f"is not a whole, uncompressed tar ({reason})"
            raise InputError(where, rule, "unpack .tar.gz to .tar, or copy it again") from error
        return samples

    def _bytes(self, name: str, offset: int, size: int) -> bytes:
        try:
            with self.store.open(name) as stream:
                stream.seek(offset)
                return bytes(stream.read(size))
        except OSError as error:
            raise InputError(f"{name} of --source {self.spec}", str(error).splitlines()[0], "check it") from error

    def load(self, item: SourceItem) -> Frame:
        """See `Source.load`."""
        name, key, end, members = item.where
        there: dict[str, tuple[int, int]] = dict(members)
        known: dict[str, Any] = {}
        if "json" in there:
            try:
                loaded = json.loads(self._bytes(name, *there["json"]))
                known = loaded if isinstance(loaded, dict) else {}
            except (ValueError, RecursionError) as error:
                raise InputError(f"{key}.json of {name}", "is not JSON", "mend the tar") from error
        clean = Clean(
            self._bytes(name, *there[end]),
            item.key,
            key.rpartition("/")[2],
            str(known.get("license") or ""),
            str(known.get("attribution") or ""),
            str(known.get("source_uri") or item.key),
        )
        sidecars = {e: partial(self._bytes, name, *there[e]) for e in SIDECARS if e in there}
        attach_sidecars(clean, sidecars, key)
        return clean.frame(self.options)


def _key(member: str) -> tuple[str, str]:
    """(folders/base name up to its first dot, the rest in lower case), without steps up or to the root."""
    parts = [p for p in member.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    if not parts or parts[-1].startswith("."):
        return "", ""
    base, _, end = parts[-1].partition(".")
    return "/".join((*parts[:-1], base)), end.lower()
