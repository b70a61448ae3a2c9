"""Means, intervals and the forms of the table."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from uniser_core.seeding import generator
from uniser_model.scoring.metrics import METRICS as EVERY
from uniser_model.scoring.tables import Table, interval, summarise

METRICS = {m: EVERY[m] for m in ("psnr_db", "lab_rmse", "ssim_gauss11")}


def line(method: str = "a_b"):
    scores = [
        {"group": str(i), "psnr_db": float(v), "lab_rmse": None, "ssim_gauss11": 0.5}
        for i, v in enumerate((10, 20, 30))
    ]
    return summarise("set|1", method, scores, 2, METRICS)


def test_interval_is_that_of_the_mean() -> None:
    x = generator(1).normal(30, 4, 400)
    found = interval(list(x), [str(i) for i in range(400)], 3)
    assert found.mean == pytest.approx(x.mean())
    # The standard error is known: the interval is 1.96 of them to each side.
    half = 1.96 * x.std() / 20
    assert found.low == pytest.approx(x.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(x.mean() + half, abs=0.1 * half)
    assert interval(list(x), [str(i) for i in range(400)], 3) == found
    assert interval(list(x), [str(i) for i in range(400)], 4) != found


def test_interval_draws_whole_groups() -> None:
    # Ten copies of each of four scenes say no more than the four.
    values, groups = [1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "d"]
    once, copied = interval(values, groups, 7), interval(np.repeat(values, 10), np.repeat(groups, 10), 7)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert copied.pictures == 40
    alone = interval([1.0, 3.0], ["a", "a"], 7)
    assert (alone.low, alone.mean, alone.high) == (2, 2, 2)


def test_a_metric_that_no_picture_has_is_no_column() -> None:
    table = Table([line()], METRICS)
    assert table.heads() == ["bench", "method", "pictures", "failed", "psnr_db ↑ (dB)", "ssim_gauss11 ↑"]
    assert table.lines[0].figures["psnr_db"].mean == 20
    assert Table([summarise("s", "none", [], 1, METRICS)], METRICS).rows()[0]["failed"] == "1"


def test_every_form_says_the_same() -> None:
    table = Table([line(), line("c")], METRICS)
    markdown = table.markdown().splitlines()
    assert markdown[0].startswith("| bench | method |")
    assert r"set\|1 | a_b | 3 | 2 | 20.00 [10.00, 30.00] | 0.5000 [0.5000, 0.5000] |" in markdown[2]
    tex = table.latex()
    assert r"a\_b & 3 & 2 & 20.00 [10.00, 30.00]" in tex
    assert r"psnr\_db $\uparrow$ (dB)" in tex
    assert all(x.count("&") == 5 for x in tex.splitlines() if x.endswith(r"\\"))
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert [(r["method"], r["metric"]) for r in rows][:2] == [("a_b", "psnr_db"), ("a_b", "ssim_gauss11")]
    assert float(rows[0]["mean"]) == 20
    read = json.loads(table.json({"seed": 5}))
    assert read["seed"] == 5
    assert read["lines"][1]["metrics"]["psnr_db"] == {"mean": 20, "low": 10, "high": 30, "pictures": 3}
    assert set(table.files("t", {})) == {"t.md", "t.csv", "t.tex", "t.json"}
