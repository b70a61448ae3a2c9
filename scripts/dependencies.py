"""Write docs/dependencies.md and docs/sbom.cdx.json from pyproject.toml and what is installed.

python scripts/dependencies.py            both
python scripts/dependencies.py --audit    ask pip-audit for known vulnerabilities; passes by without network
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
import uuid
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
SBOM = ROOT / "docs" / "sbom.cdx.json"
HEAD = """# Dependencies

Written by `python scripts/dependencies.py` from `pyproject.toml` and the metadata of the installed packages: what each
is needed for (`core`: always; else the extras that ask for it), the version at hand, and the licence that it states.
`docs/sbom.cdx.json` lists these and all that they need in turn (CycloneDX 1.6).
`python scripts/dependencies.py --audit` asks [pip-audit](https://pypi.org/project/pip-audit/) about the pinned
versions, where it and a network are at hand.

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


def installed() -> dict[str, set[str]]:
    """What is installed of our dependencies and of theirs: by normal name, the names that each needs in turn."""
    found: dict[str, set[str]] = {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    waiting = [Requirement(r) for group in groups for r in group]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wish = waiting.pop()
        name, extras = canonicalize_name(wish.name), frozenset(wish.extras)
        if (name, extras) in seen or name == project["name"]:
            continue
        seen.add((name, extras))
        try:
            needs = [Requirement(r) for r in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:
            continue
        asked = [r for r in needs if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in (*extras, ""))]
        found.setdefault(name, set()).update(canonicalize_name(r.name) for r in asked)
        waiting += asked
    return {name: {n for n in needs if n in found} for name, needs in sorted(found.items())}


def version(name: str) -> str:
    """Without the build (CPU, CUDA) that this machine has."""
    return metadata.version(name).partition("+")[0]


def sbom() -> str:
    """The bill of materials as CycloneDX JSON: the same text for the same packages."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    licences = LicenseFactory()

    def component(name: str, number: str, licence: str, kind: Any) -> Component:
        stated = [] if licence == "see the package" else [licences.make_from_string(licence)]
        url = PackageURL("pypi", None, name, number)
        return Component(name=name, version=number, licenses=stated, type=kind, purl=url, bom_ref=str(url))

    root = component(project["name"], project["version"], project["license"], ComponentType.APPLICATION)
    graph = installed()
    parts = {n: component(n, version(n), licence(metadata.metadata(n)), ComponentType.LIBRARY) for n in graph}
    bom = Bom(components=parts.values())
    bom.metadata.component = root
    # No clock and no chance: another text means other packages.
    bom.metadata.timestamp = None
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, " ".join(sorted(str(p.purl) for p in (root, *parts.values()))))
    bom.register_dependency(root, [parts[n] for n in wanted() if n in parts])
    for name, needs in graph.items():
        bom.register_dependency(parts[name], [parts[n] for n in sorted(needs)])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def audit() -> int:
    """pip-audit over constraints.txt: its exit code, or 0 with a word where it cannot ask."""
    if find_spec("pip_audit") is None:
        print("pip-audit is not installed: pip install pip-audit")
        return 0
    words = ["--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    done = subprocess.run([sys.executable, "-m", "pip_audit", *words], capture_output=True, text=True, check=False)
    if re.search(r"ConnectionError|Max retries exceeded|ServiceError|ConnectTimeout", done.stderr):
        print("not audited: no connection to the vulnerability service")
        return 0
    print(done.stdout + done.stderr)
    return done.returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audit", action="store_true", help="of known vulnerabilities, by pip-audit")
    if parser.parse_args().audit:
        sys.exit(audit())
    PAGE.write_text(page())
    SBOM.write_text(sbom())
