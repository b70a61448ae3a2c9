"""docs/dependencies.md and docs/sbom.cdx.json name what pyproject.toml asks for, and for what."""

import importlib.util
import json
import re

import pytest

from tests.cli import ROOT


def script():
    spec = importlib.util.spec_from_file_location("dependencies", ROOT / "scripts" / "dependencies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_not_stale():
    told = script()
    rows = re.findall(r"^\| (\S+) \| .+ \| ([^|]+) \|$", told.PAGE.read_text(), re.M)
    written = {name: groups.split(", ") for name, groups in rows if name not in ("package", "---")}
    assert written == told.wanted(), "run python scripts/dependencies.py"
    assert len(written) > 20


def test_the_bill_of_materials_lists_the_pinned_versions():
    bom = json.loads(script().SBOM.read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    listed = {c["name"]: c["version"] for c in bom["components"]}
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.M))
    pins = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    assert {n: v for n, v in listed.items() if pins.get(n, v) != v} == {}, "run python scripts/dependencies.py"
    direct = next(d for d in bom["dependencies"] if d["ref"] == bom["metadata"]["component"]["bom-ref"])["dependsOn"]
    known = {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in direct}
    assert known <= set(listed)
    asked = {name for name, groups in script().wanted().items() if groups != ["optics-tests"]}
    assert known >= asked, "run python scripts/dependencies.py"
    assert len(listed) > len(known) + 50
    assert sum("licenses" in c for c in bom["components"]) > 0.9 * len(listed)


def test_the_bill_of_materials_keeps_to_its_schema():
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion

    validator, text = validation.JsonStrictValidator(SchemaVersion.V1_6), script().SBOM.read_text()
    try:
        assert validator.validate_str(text) is None
    except MissingOptionalDependencyException:
        pytest.skip("needs cyclonedx-python-lib[json-validation]")
    assert validator.validate_str(text.replace('"library"', '"nothing"')) is not None


def test_an_audit_without_its_tool_or_network_passes_by(monkeypatch, capsys):
    told = script()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert told.audit() == 0
    assert re.search("not installed|not audited", capsys.readouterr().out)
