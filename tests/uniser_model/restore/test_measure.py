from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.uniser_model.small import MemoryCorpus
from uniser_core.errors import InputError
from uniser_model.restore import bench
from uniser_model.restore.measure import Judged, habits_of, judge_all

if TYPE_CHECKING:
    from uniser_model.infer import Restorer


def test_the_better_control_is_kept_when_it_is_clearly_better(lively: Restorer) -> None:
    judged = judge_all(lively, MemoryCorpus(), pairs=2)
    assert len(judged) == 2
    assert all(0 < v < 60 for j in judged for v in (*j.controls.values(), *j.fidelities.values()))
    found = habits_of(judged)
    wanted = {c: np.mean([j.controls[c] for j in judged]) for c in ("composite", "network")}
    assert found.measured["composite_psnr_db"] == pytest.approx(wanted["composite"], abs=0.01)
    for gain, control in ((0.01, "composite"), (1.0, "network")):
        one = Judged("haze", {"composite": 30.0, "network": 30.0 + gain}, {"transfer": 25.0, "tiles": 24.0})
        assert habits_of([one]).control == control
        assert habits_of([one]).fidelity == "transfer"
    with pytest.raises(InputError, match="has no rows to judge"):
        judge_all(lively, MemoryCorpus(test=0), pairs=2)


def test_bench_model_changes_pictures_and_leaves_no_joints() -> None:
    restorer = bench.fresh_demo()
    picture = bench.grained_picture(200, 300)
    assert np.abs(restorer.run(picture).astype(int) - picture).mean() > 5
    assert 0 < bench.joint_codes(restorer) < 1
    with pytest.raises(InputError, match="give both"):
        bench.bench(data="somewhere")
