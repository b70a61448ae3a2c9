"""Nothing that comes from outside is run: held over every line of the product, and tried on a pickled model."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import pytest

from tests.cli import ROOT
from tests.hostile.mutate import CANARY, PICKLE
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("uniser_core", "halo_render", "syn_haze", "lr_srd", "aggregate", "uniser_model", "blender_scenes")
UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
RUNNING = {"eval", "exec", "compile"}
CALLS = {
    "torch.hub.load": "runs hub code",
    "yaml.load": "may build objects",
    "yaml.unsafe_load": "builds objects",
    "yaml.full_load": "may build objects",
    "os.system": "is a shell",
    "os.popen": "is a shell",
    "subprocess.getoutput": "is a shell",
    "subprocess.getstatusoutput": "is a shell",
    "shutil.unpack_archive": "unpacks names blindly",
    "pandas.read_pickle": "unpickles",
}
# Parts of a model that hold no weights, and our own, which are read by `read_tensors`.
WITHOUT_WEIGHTS = ("Tokenizer", "Config", "Scheduler", "Processor", "ProcessorPil", "Restorer")


def faults(source: str) -> list[str]:
    """What a module does that could run what it is given, each with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: imports {n}" for n in names if n.partition(".")[0] in UNPICKLING]
        elif isinstance(node, ast.Call):
            found += [f"{node.lineno}: {ast.unparse(node.func)} {fault}" for fault in _faults_of_call(node)]
    return found


def _faults_of_call(call: ast.Call) -> list[str]:
    name, given = ast.unparse(call.func), {k.arg: ast.unparse(k.value) for k in call.keywords}
    last = name.rpartition(".")[2]
    rules = {
        "runs text": name in RUNNING,
        CALLS.get(name, ""): name in CALLS,
        "unpacks names blindly": last in ("extractall", "extract") and "archive" in name.lower(),
        "may unpickle": name in ("np.load", "numpy.load") and given.get("allow_pickle") != "False",
        "trusts hub code": given.get("trust_remote_code", "False") != "False",
        "builds a shell": given.get("shell", "False") != "False",
        "may unpickle weights": last == "from_pretrained"
        and not name.removesuffix(".from_pretrained").endswith(WITHOUT_WEIGHTS)
        and given.get("use_safetensors") != "True",
        # Of the metrics' published weights there are state dicts alone: tensors may be taken from one, by torch's word.
        "loads pickled weights": given.get("weights_only", str(name != "torch.load")) != "True",
    }
    return [fault for fault, broken in rules.items() if broken]


FILES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def test_no_line_of_the_product_runs_what_it_is_given() -> None:
    assert len(FILES) > 300
    told = {str(p.relative_to(ROOT)): faults(p.read_text()) for p in FILES}
    assert {name: lines for name, lines in told.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "subprocess.run(f'convert {name}', shell=True)",
        "os.system(name)",
        "eval(text)",
        "AutoModel.from_pretrained(where)",
        "AutoModel.from_pretrained(where, use_safetensors=True, trust_remote_code=True)",
        "archive.extractall(folder)",
    ],
)
def test_each_rule_finds_what_breaks_it(line: str) -> None:
    assert faults(line)


def test_what_is_safe_is_left_alone() -> None:
    safe = "torch.load(f, weights_only=True)", "np.load(f, allow_pickle=False)", "AutoTokenizer.from_pretrained(w)"
    assert faults("\n".join([*safe, "model.eval()", "re.compile(x)"])) == []


def test_pickled_weights_of_a_depth_model_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    from syn_haze.depth.hub import HubDepth

    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"model_type": "dpt", "architectures": ["DPTForDepthEstimation"]}))
    (model / "pytorch_model.bin").write_bytes(PICKLE)
    with pytest.raises(InputError, match="depth model"):
        _ = HubDepth(str(model)).is_metric
    assert not (tmp_path / CANARY).exists()
