"""To a hub and back by the hub's own client, in processes of their own: a client reads its settings as it starts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from tests.cli import ROOT, environment
from tests.uniser_model.restore.hub import COMMIT, serving
from tests.uniser_model.small import hazy, picture
from uniser_model.infer import Restorer

if TYPE_CHECKING:
    from pathlib import Path

PUSH = """
import sys
from uniser_core.errors import UniserError
from uniser_model.infer import Restorer
try:
    print(Restorer.from_pretrained(sys.argv[1]).push_to_hub(sys.argv[2], private=True))
except UniserError as error:
    sys.exit(str(error))
"""
PULL = """
import sys
import numpy as np
from uniser_core.errors import UniserError
from uniser_model.infer import Restorer
try:
    restorer = Restorer.from_pretrained(sys.argv[1])
except UniserError as error:
    sys.exit(str(error))
np.save(sys.argv[3], restorer.run(np.load(sys.argv[2]), effect="haze"))
"""


def client(script: str, *arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    own = {k: str(v) for k, v in settings.items()}
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, check=False,
                          env={**environment(), "HF_HUB_DISABLE_XET": "1", **own}, capture_output=True,
                          text=True, timeout=300)  # fmt: skip


def test_a_checkpoint_goes_to_the_hub_and_comes_back(run: str, tmp_path: Path) -> None:
    shown = hazy(picture("hub", 96, 128), 0.5, 0.9)
    np.save(tmp_path / "in.npy", shown)
    with serving() as hub:
        at = {"HF_ENDPOINT": hub.url, "HF_HOME": tmp_path / "home"}
        pushed = client(PUSH, run, "me/model", HF_TOKEN="hf_secret", **at)
        assert pushed.returncode == 0, pushed.stderr
        assert COMMIT in pushed.stdout
        assert hub.private == {"me/model": True}
        assert hub.tokens == {"Bearer hf_secret"}
        Restorer.load(run).save_pretrained(tmp_path / "saved")
        files = {str(p.relative_to(tmp_path / "saved")): p.read_bytes() for p in (tmp_path / "saved").rglob("*.*")}
        assert hub.repositories["me/model"] == files
        pulled = client(PULL, "me/model", tmp_path / "in.npy", tmp_path / "out.npy", **at)
        assert pulled.returncode == 0, pulled.stderr
        assert np.array_equal(np.load(tmp_path / "out.npy"), Restorer.load(run).run(shown, effect="haze"))
        missing = client(PULL, "me/nothing", tmp_path / "in.npy", tmp_path / "none.npy", **at)
        assert (missing.returncode, len(missing.stderr.splitlines())) == (1, 1), missing.stderr
        assert "me/nothing: is no folder, and not on the hub" in missing.stderr
        assert "Repository Not Found" in missing.stderr
        hub.refused = 403
        refused = client(PUSH, run, "me/model", HF_TOKEN="hf_secret", **at)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
        assert "hub repository me/model" in refused.stderr
    # What was fetched once is there without the hub.
    offline = client(PULL, "me/model", tmp_path / "in.npy", tmp_path / "again.npy", HF_HUB_OFFLINE=1, **at)
    assert offline.returncode == 0, offline.stderr
    assert np.array_equal(np.load(tmp_path / "again.npy"), np.load(tmp_path / "out.npy"))
