"""Write docs/dependencies.md from pyproject.toml and what is installed: python scripts/dependencies.py."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
HEAD = """# Dependencies

Written by `python scripts/dependencies.py` from `pyproject.toml` and the metadata of the installed packages: what each
is needed for (`core`: always; else the extras that ask for it), the version at hand, and the licence that it states.

| package | version | licence | needed for |
|---|---|---|---|
"""
NAME = re.compile(r"[A-Za-z0-9._-]+")


def wanted() -> dict[str, list[str]]:
    """Direct dependencies by normal name, each with the extras that ask for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            name = NAME.match(requirement)
            assert name is not None, requirement
            if (normal := re.sub(r"[-_.]+", "-", name[0]).lower()) != project["name"]:
                found.setdefault(normal, []).append(group)
    return dict(sorted(found.items()))


def licence(facts: metadata.PackageMetadata) -> str:
    """What a package says of its licence: an SPDX expression, else a classifier, else a short text."""
    classifiers = [c.rpartition(" :: ")[2] for c in facts.get_all("Classifier") or () if c.startswith("License ::")]
    text = (facts["License"] or "").strip()
    short = text if text and "\n" not in text and len(text) < 60 else ""
    return facts["License-Expression"] or " / ".join(classifiers) or short or "see the package"


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip("\n")]
    for name, groups in wanted().items():
        try:
            facts = metadata.metadata(name)
            lines.append(f"| {name} | {facts['Version']} | {licence(facts)} | {', '.join(groups)} |")
        except metadata.PackageNotFoundError:
            lines.append(f"| {name} | not installed | | {', '.join(groups)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
