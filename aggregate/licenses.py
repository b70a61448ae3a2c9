"""Which licences a corpus may hold, and who must be named for what it holds."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What licences of pictures let one do (their own texts; SPDX License List). Unknown ones have no tag.
_FREE = ("CC0-1.0", "PDDL-1.0", "Unlicense", "LicenseRef-Public-Domain")
_BY = ("CC-BY-", "Apache-", "MIT", "BSD-", "ODC-By-", "CDLA-Permissive-")
_SHARE_ALIKE = ("CC-BY-SA-", "ODbL-", "CDLA-Sharing-")
TAGS = {
    "public-domain": "no condition at all",
    "commercial-ok": "may be used commercially",
    "derivatives-ok": "changed copies may be passed on",
    "attribution": "the author must be named",
    "share-alike": "changed copies must keep the licence",
    "research-only": "terms that allow research alone",
}


@lru_cache(maxsize=4096)
def tags_of(license_id: str) -> frozenset[str]:
    """Tags of one SPDX id, such as {commercial-ok, derivatives-ok, attribution}; empty when it is unknown."""
    if license_id in _FREE:
        return frozenset({"public-domain", "commercial-ok", "derivatives-ok"})
    if license_id.startswith(_SHARE_ALIKE):
        return frozenset({"commercial-ok", "derivatives-ok", "attribution", "share-alike"})
    if license_id.startswith("CC-BY-"):
        parts = license_id.split("-")
        found = {"attribution"}
        found |= set() if "NC" in parts else {"commercial-ok"}
        found |= set() if "ND" in parts else {"derivatives-ok"}
        found |= {"share-alike"} if "SA" in parts else set()
        return frozenset(found)
    if license_id.startswith(_BY):
        return frozenset({"commercial-ok", "derivatives-ok", "attribution"})
    if license_id.startswith("LicenseRef-") and ("research" in license_id.lower() or "academic" in license_id.lower()):
        return frozenset({"research-only"})
    return frozenset()


@lru_cache(maxsize=1)
def _spdx() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def permitted(expression: str, allow: Sequence[str], deny: Sequence[str]) -> bool:
    """Whether a row's SPDX expression passes: of A AND B both must, of A OR B one.

    A licence passes when it, or a tag of it, is in `allow` (an empty list allows all) and neither is in `deny`.
    An expression that is no SPDX passes only where everything is allowed.
    """
    try:
        parsed = _spdx().parse(expression) if expression else None
    except Exception:
        parsed = None
    if parsed is None:
        return not allow and expression not in deny
    return _passes(parsed, frozenset(allow), frozenset(deny))


def _passes(node: Any, allow: frozenset[str], deny: frozenset[str]) -> bool:
    if getattr(node, "args", ()):
        verdicts = [_passes(part, allow, deny) for part in node.args]
        return any(verdicts) if node.operator.strip() == "OR" else all(verdicts)
    key = str(getattr(node, "key", node))
    words = tags_of(key) | {key}
    return not words & deny and (not allow or bool(words & allow))


def check_words(words: Iterable[str], where: str) -> None:
    """Raise InputError for a word that is neither a tag nor looks like an SPDX id."""
    known = {str(k).lower() for k in _spdx().known_symbols}
    for word in words:
        if word not in TAGS and not word.startswith("LicenseRef-") and word.lower() not in known:
            rule = f"is neither an SPDX id nor one of {', '.join(TAGS)}"
            raise InputError(f"{where}: '{word}'", rule, "see https://spdx.org/licenses, or name a LicenseRef-…")


def attribution_table(index: pa.Table) -> pa.Table:
    """Who is to be named: licence, attribution, data set and the number of pairs and clean pictures, sorted."""
    names = ["license", "attribution", "dataset"]
    columns = {n: index.column(n).cast(pa.string()) for n in names}
    # In one piece, which is laid out anew: what comes from another process lies at addresses that Arrow complains of.
    rows = pa.table({**columns, "clean": index.column("clean_sha256")}).combine_chunks()
    found = rows.group_by(names).aggregate([("clean", "count"), ("clean", "count_distinct")])
    found = found.sort_by([(n, "ascending") for n in names])
    return found.rename_columns([*names, "pairs", "clean_pictures"])
