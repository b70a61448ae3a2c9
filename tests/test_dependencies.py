"""docs/dependencies.md names what pyproject.toml asks for, and for what."""

import importlib.util
import re

from tests.cli import ROOT


def test_the_page_is_not_stale():
    spec = importlib.util.spec_from_file_location("dependencies", ROOT / "scripts" / "dependencies.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rows = re.findall(r"^\| (\S+) \| .+ \| ([^|]+) \|$", script.PAGE.read_text(), re.M)
    written = {name: groups.split(", ") for name, groups in rows if name not in ("package", "---")}
    assert written == script.wanted(), "run python scripts/dependencies.py"
    assert len(written) > 20
