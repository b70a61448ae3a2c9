"""The command line stays snappy because of what it does not import: an import graph, not a timing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "dask", "distributed", "numba", "cv2", "pyarrow", "numpy", "scipy", "pandas", "bpy",
         "pydantic", "PIL", "skimage", "datasets", "yaml", "OpenEXR", "tensorboard"}  # fmt: skip
PROBE = "import sys, json; sys.argv = ['uniser', *{arguments!r}]\n{code}\nprint(json.dumps(sorted(sys.modules)))"


def modules_after(code: str, *arguments: str) -> set[str]:
    script = PROBE.format(code=code, arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {m.split(".")[0] for m in json.loads(done.stdout.splitlines()[-1])}


def test_help_imports_nothing_heavy():
    code = "from uniser_core.cli import main\ntry: main()\nexcept SystemExit as e: assert not e.code, e.code"
    loaded = modules_after(code, "--help")
    assert loaded.isdisjoint(HEAVY), loaded & HEAVY
    assert {"syn_haze", "aggregate", "uniser_model"} <= loaded  # their light command modules are there


RENDERING = [
    "uniser_core.engine",
    "uniser_core.runner",
    "uniser_core.synth",
    "uniser_core.sources",
    "uniser_core.decode",
]


@pytest.mark.parametrize("module", RENDERING)
def test_a_rendering_node_never_imports_torch_dask_or_transformers(module):
    loaded = modules_after(f"import {module}")
    assert loaded.isdisjoint({"torch", "transformers", "dask", "distributed", "bpy", "datasets", "pandas"})


PACKAGES = ("halo_render", "syn_haze", "lr_srd", "aggregate", "uniser_model", "blender_scenes")


@pytest.mark.parametrize("package", ["uniser_core", *PACKAGES])
def test_the_import_column_is_enforced(package, tmp_path):
    """A file that breaks the rule is written where ruff lints it, and ruff must say so."""
    others = [p for p in PACKAGES if p != package]
    allowed = {"halo_render": {"blender_scenes"}, "lr_srd": {"blender_scenes"}}.get(package, set())
    source = "".join(f"import {name}\n" for name in others)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "json",
         "--stdin-filename", f"{package}/probe.py", "-"],
        input=source, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    banned = {line["message"].split("`")[1] for line in json.loads(done.stdout)}
    assert banned == set(others) - allowed
