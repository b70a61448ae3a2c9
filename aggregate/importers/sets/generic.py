"""Any pairs: two globs and what of their names is equal, or a CSV that says it all."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.pair import ORIGINS
from uniser_core.sources.folder import glob_pattern
from uniser_core.storage import Store

from aggregate.importers.base import ALSO, NOT_STATED, PairTree, Part, PublishedSet
from aggregate.importers.matching import EXTENSION, Match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregate.importers.tree import Tree

FILES = ("input", "target", "mask")
FACTS = ("effect", "variant", "split", "group_id", "origin", "prompt", "license", "attribution")
SPLITS = ("train", "val", "test")
GLOBS = ("input_glob", "target_glob", "mask_glob", "match")


@dataclass(frozen=True)
class GlobRule:
    """A glob a role, for the end of a path; the key is what the groups of `key` capture in the name, or all of it."""

    globs: dict[str, re.Pattern[str]]
    key: re.Pattern[str]

    def match(self, role: str, name: str) -> Match | None:
        """See `Rule`."""
        if role not in self.globs or not self.globs[role].search(name):
            return None
        stem = EXTENSION.sub("", name.rpartition("/")[2])
        found = self.key.search(stem)
        if found is None:
            return None
        key = "-".join(g for g in found.groups() if g) or found[0]
        return Match(key, {"name": stem} if role == "input" and stem != key else {})


@dataclass(frozen=True)
class TableRule:
    """Pairs as a table tells them, by path: file to (role, match); the key is the target's path."""

    roles: dict[str, tuple[str, Match]]

    def match(self, role: str, name: str) -> Match | None:
        """See `Rule`. Archives are folders of their names, which a table may leave out."""
        known = self.roles.get(name) or self.roles.get(name.partition("/")[2])
        return known[1] if known and known[0] == role else None


@dataclass(frozen=True)
class _Pairs(PublishedSet):
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    group_of: re.Pattern[str] | None = None

    def facts(self, tree: Tree, path: str, known: Mapping[str, str], params: dict[str, Any]) -> dict[str, Any]:
        """What the table says of this pair, and its group."""
        params.pop("name", None)
        row = self.rows.get(path) or self.rows.get(path.partition("/")[2], {})
        facts: dict[str, Any] = {k: row[k] for k in FACTS if row.get(k)}
        found = self.group_of.search(known["key"]) if self.group_of else None
        return {**({"group_id": f"{self.dataset}/{found[0]}"} if found else {}), **facts}


class Generic:
    """`uniser import generic ROOT --effect haze --input-glob 'hazy/*.png' --target-glob 'clear/*.png'`."""

    name, dataset, effect, license = "generic", "-", "any", "as given"
    tree = "what --input-glob and --target-glob, or --csv, say"
    options: tuple[str, ...] = (
        ALSO, *GLOBS, "csv", "effect", "dataset", "origin", "split", "group", "license", "prompt", "align",
    )  # fmt: skip

    def expected(self) -> dict[str, str]:
        """See `ImporterKind`."""
        return {}

    def __call__(self, root: str, options: Mapping[str, Any]) -> PairTree:
        """See `ImporterKind`. Raises InputError on options that do not fit together, or a bad table."""
        table = options.get("csv")
        globs = [f"--{o.replace('_', '-')}" for o in GLOBS if options.get(o)]
        if table and globs:
            raise InputError(globs[0], "does not go with --csv", "leave one out")
        if not table and not (options.get("input_glob") and options.get("target_glob")):
            raise InputError("uniser import generic", "needs --input-glob and --target-glob, or --csv", "give them")
        _one_of("--split", options.get("split"), SPLITS)
        _one_of("--origin", options.get("origin"), ORIGINS)
        rows = _read_table(table) if table else []
        if not options.get("effect") and not (rows and all(r.get("effect") for r in rows)):
            raise InputError("uniser import generic", "needs --effect, or a column 'effect'", "e.g. --effect haze")
        found = PairTree(_spec(root, options, rows), root, options)
        there = {n for name in found.tree.files for n in (name, name.partition("/")[2])}
        lost = sorted({r[f] for r in rows for f in FILES if r.get(f)} - there)
        if lost:
            found.warnings.append(f"{len(lost)} files of {table} are not there: {', '.join(lost[:8])}")
        return found


def _spec(root: str, options: Mapping[str, Any], rows: list[dict[str, str]]) -> _Pairs:
    split = options.get("split")
    rule = _table_rule(options["csv"], rows) if rows else _glob_rule(options)
    shown = options.get("csv") or f"{options['input_glob']} with {options['target_glob']}"
    return _Pairs(
        name="generic",
        dataset=options.get("dataset") or root.rstrip("/").rpartition("/")[2].partition(".")[0] or "generic",
        effect=options.get("effect") or rows[0]["effect"],
        license=options.get("license", NOT_STATED),
        tree=shown,
        parts=(Part(split or "all", (rule,), split=split, inputs=(len(rows),) if rows else ()),),
        prompt=options.get("prompt", ""),
        origin=options.get("origin", "photo"),
        align=bool(options.get("align")),
        rows={r["input"]: r for r in rows},
        group_of=_expression("--group", options["group"]) if options.get("group") else None,
    )


def _glob_rule(options: Mapping[str, Any]) -> GlobRule:
    globs = {role: _glob(options[f"{role}_glob"]) for role in FILES if options.get(f"{role}_glob")}
    return GlobRule(globs, _expression("--match", options.get("match") or ".+"))


def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(f"(?:^|/){glob_pattern(glob.removeprefix('./').lstrip('/'))}$")


def _expression(option: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f"{option} {text}", f"is no regular expression ({error})", "mend it") from error


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise InputError(f"{option} {value}", f"must be one of {', '.join(known)}", "choose one")


def _table_rule(table: str, rows: list[dict[str, str]]) -> TableRule:
    roles: dict[str, tuple[str, Match]] = {}
    for number, row in enumerate(rows):
        key = EXTENSION.sub("", row["target"])
        for role in FILES:
            extra = {"name": EXTENSION.sub("", row["input"]).replace("/", "_")} if role == "input" else {}
            found = (role, Match(key, extra))
            if row.get(role) and roles.setdefault(row[role], found) != found:
                raise InputError(f"{table} row {number + 2}: {row[role]}", "is there in two roles", "mend the table")
    return TableRule(roles)


def _read_table(table: str) -> list[dict[str, str]]:
    folder, _, name = table.rpartition("/")
    try:
        text = Store(folder or ("/" if table.startswith("/") else ".")).read(name).decode("utf-8-sig")
        rows = [
            {k: (v or "").strip() for k, v in row.items()} for row in csv.DictReader(io.StringIO(text), strict=True)
        ]
    except (UnicodeDecodeError, csv.Error, AttributeError) as error:
        raise InputError(table, f"is not CSV in UTF-8 ({error})", "save it as such") from error
    known = (*FILES, *FACTS)
    columns = list(rows[0]) if rows else []
    strange = [c for c in columns if c not in known]
    if not rows or strange or not {"input", "target"} <= set(columns):
        what = f"has a column '{strange[0]}'" if strange else f"has {len(rows)} rows with columns {columns}"
        raise InputError(
            table, f"{what}; columns are input, target and any of {', '.join(known[2:])}", "mend the table"
        )
    for number, row in enumerate(rows):
        where = f"{table} row {number + 2}"
        if not (row["input"] and row["target"]):
            raise InputError(where, "names no input or no target", "mend the table")
        _one_of(f"{where}: split", row.get("split"), SPLITS)
        _one_of(f"{where}: origin", row.get("origin"), ORIGINS)
    twice = [name for name, count in Counter(r["input"] for r in rows).items() if count > 1]
    if twice:
        raise InputError(f"{table}: input {twice[0]}", "is named twice", "mend the table")
    return rows


GENERIC = Generic()
