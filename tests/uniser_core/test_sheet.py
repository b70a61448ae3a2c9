"""Contact sheets: a line a clean picture, labels that fit and keep their words apart."""

import numpy as np
from skimage import data

from uniser_core.engine import RenderOptions, render_rows
from uniser_core.frame import Frame
from uniser_core.registry import get_effect
from uniser_core.shard import ShardWriter
from uniser_core.sheet import LABEL_PX, _label, pair_sheet, rows_sheet


def test_cameras_of_one_scene_have_lines_of_their_own(tmp_path):
    writer = ShardWriter(tmp_path / "shard-00000.parquet")
    for name in ("astronaut", "coffee", "rocket"):
        rgb8 = np.ascontiguousarray(getattr(data, name)()[:320:5, :320:5])
        frame = Frame(name, 64, 64, {"rgb8": lambda rgb8=rgb8: rgb8}, group_id="one scene")
        writer.write_item(render_rows(get_effect("occlude"), frame, RenderOptions(variants=3)).rows)
    writer.close()
    cell = 60
    sheet = pair_sheet(str(tmp_path), 6, 2, cell, aspect=1.0)
    assert sheet.shape == (3 * (cell + LABEL_PX), 3 * cell, 3)
    clean = [sheet[i * (cell + LABEL_PX) : i * (cell + LABEL_PX) + cell, :cell] for i in range(3)]
    assert all(np.abs(clean[i].astype(int) - clean[i - 1]).mean() > 5 for i in range(3))


def test_fewer_variants_than_columns_leave_a_line_short_and_repeat_none():
    def rows(name, count):
        rgb8 = np.ascontiguousarray(getattr(data, name)()[:320:5, :320:5])
        frame = Frame(name, 64, 64, {"rgb8": lambda: rgb8})
        return render_rows(get_effect("occlude"), frame, RenderOptions(variants=count)).rows

    cell = 60
    sheet = rows_sheet([rows("astronaut", 1), rows("coffee", 2)], 5, cell, aspect=1.0)
    assert sheet.shape == (2 * (cell + LABEL_PX), 6 * cell, 3)
    assert (sheet[:cell, 2 * cell :] == sheet[0, -1]).all()  # nothing beside the first picture's only variant
    first, second = (
        sheet[cell + LABEL_PX : 2 * cell + LABEL_PX, i * cell : (i + 1) * cell].astype(int) for i in (1, 2)
    )
    assert np.abs(first - second).max() > 20


def test_labels_keep_to_their_cell_and_their_words_apart():
    long, short = (_label(text, 80) for text in ("a very long name of a scene – 01", "x 01"))
    assert long.shape == short.shape == (LABEL_PX, 80, 3)
    assert long[:, -2:].max() == long.min()  # nothing is cut off at the border
    ink = np.flatnonzero(short.max(axis=(0, 2)) > 100)
    assert np.diff(ink).max() >= 4  # the gap between the words is wider than any within them
    assert np.diff(np.flatnonzero(_label("x01", 80).max(axis=(0, 2)) > 100)).max() < 4


def test_accents_are_folded_and_what_has_no_letter_is_a_question_mark():
    assert np.array_equal(_label("ü é", 80), _label("u e", 80))
    assert np.array_equal(_label("日", 80), _label("?", 80))
