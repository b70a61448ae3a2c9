"""What the server makes of photos: the same as the command line does, and nothing a page may not ask for."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.uniser_core.pictures import encode, encode_cv, encode_exr, exif, photo, swapped_profile
from tests.uniser_model.small import run_app
from uniser_core import registry
from uniser_core.color import decode_srgb8, encode_srgb8
from uniser_core.effect import ENGINE_KEYS
from uniser_core.frame import Frame
from uniser_model.cli import remove_app
from uniser_model.masks import blur_mask
from uniser_model.serve.synthesis import enlarged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.uniser_model.serve.client import Client

PHOTO = photo(90, 120)
SYNTHESIS, RESTORATION = "/api/synthesis", "/api/restoration"


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(scope="module")
def picture(server: Client) -> str:
    return server.upload(encode(PHOTO))


@pytest.fixture(scope="module")
def label(server: Client) -> str:
    return json.loads(server.ask("GET", "/api/state")[2])["checkpoints"][0]


def test_every_effect_comes_with_the_schema_its_sliders_are_made_from(server: Client) -> None:
    found = {e["name"]: e for e in server.made("/api/effects")["effects"]}
    assert {"haze", "flare", "shadow", "reflection", "rain", "leak"} <= set(found)
    assert found["haze"]["needs"] == ["depth"]
    assert found["leak"]["schema"] == registry.get_effect("leak").Params.model_json_schema()


def test_a_preview_is_what_its_seed_draws_with_what_was_changed(server: Client, picture: str) -> None:
    asked: dict[str, Any] = {"do": "preview", "picture": picture, "effect": "leak", "seed": 5}
    drawn = server.made(SYNTHESIS, **asked)
    again = server.made(SYNTHESIS, **asked)
    assert drawn["params"] == again["params"]
    assert server.file(drawn, "after.jpg") == server.file(again, "after.jpg") != server.file(drawn, "before.jpg")
    assert server.made(SYNTHESIS, **{**asked, "seed": 6})["params"] != drawn["params"]
    tint = [0.25, 1.0, 0.5]
    changed = server.made(SYNTHESIS, **asked, changes={"tint_rgb": tint})
    assert changed["params"] == {**drawn["params"], "tint_rgb": tint}


def test_a_pair_at_full_size_follows_from_its_parameters(server: Client) -> None:
    large = photo(700, 1000)  # larger than a preview
    asked = {"picture": server.upload(encode(large)), "effect": "leak", "seed": 2, "changes": {"reach": 0.7}}
    shown = server.made(SYNTHESIS, do="preview", **asked)
    made = server.made(SYNTHESIS, do="pair", **asked)
    told = json.loads(server.file(made, "params.json"))
    assert (shown["width"], shown["height"], made["width"], made["height"]) == (768, 538, 1000, 700)
    assert np.array_equal(pixels(server.file(made, "target.png")), large)
    own = {k: v for k, v in told["params"].items() if k not in ENGINE_KEYS}
    assert own == shown["params"]
    assert own["reach"] == 0.7
    effect = registry.get_effect("leak")
    frame = Frame("x", 1000, 700, {"rgb8": lambda: large})
    again = encode_srgb8(effect.apply(frame, effect.Params.model_validate(own)).degraded)
    assert np.array_equal(pixels(server.file(made, "input.png")), again)


def test_lengths_in_pixels_grow_with_the_picture() -> None:
    small = {"focal_px": 10.0, "count": 3, "pasted": {"contact_px": [4, 6.5], "turn": 2}, "night": True}
    assert enlarged(small, 2.0) == {
        "focal_px": 20.0,
        "count": 3,
        "pasted": {"contact_px": [8, 13.0], "turn": 2},
        "night": True,
    }


BAD = [
    ("leak", {"nonsense": 1}, "unknown parameter 'nonsense'"),
    ("leak", {"reach": -1}, "greater than 0"),
    ("leak", {"variant": "flood"}, "cannot be changed here"),
    ("leak", {"amount": "1"}, "cannot be changed here"),
    ("reflection", {"reflect": "/etc"}, "cannot be changed here"),
    ("reflection", {"reflect": "http://evil.example/x.png"}, "cannot be changed here"),
    ("nonsense", {}, "unknown effect"),
]


@pytest.mark.parametrize(("effect", "changes", "said"), BAD)
def test_what_an_effect_cannot_be_asked_is_told_in_one_line(
    server: Client, picture: str, effect: str, changes: dict[str, Any], said: str
) -> None:
    job = server.work(SYNTHESIS, do="preview", picture=picture, effect=effect, changes=changes)
    assert job["state"] == "failed"
    assert said in job["error"]
    assert "\n" not in job["error"]


def test_requests_are_checked_field_by_field(server: Client, picture: str, label: str) -> None:
    good = {"picture": picture, "checkpoint": label}
    cases: list[tuple[str, Any, str]] = [
        (SYNTHESIS, {"do": "preview", "picture": picture}, "effect"),
        (SYNTHESIS, {"do": "effects", "picture": picture, "effect": "leak"}, "do"),
        (SYNTHESIS, {"do": "pair", "picture": picture, "effect": "leak", "path": "/etc/passwd"}, "path"),
        (RESTORATION, {**good, "strength": 1.2}, "strength"),
        (RESTORATION, {**good, "strength": "NaN"}, "strength"),
        (RESTORATION, {**good, "task": "destroy"}, "task"),
        (RESTORATION, {**good, "seed": -1}, "seed"),
        (RESTORATION, {**good, "steps": 0}, "steps"),
        (RESTORATION, {**good, "prompt": "x" * 300}, "prompt"),
        (RESTORATION, {**good, "checkpoint": "/tmp"}, "checkpoint '/tmp'"),
        (RESTORATION, {**good, "mask": "../x"}, "not here any more"),
        (RESTORATION, [1], "the request: "),
        (SYNTHESIS, b"{", "JSON"),
        (SYNTHESIS, b"[" * 100_000, "JSON"),
    ]
    for path, body, said in cases:
        status, told = server.post(path, body)
        assert status == 400, body
        assert said in told["error"]
    assert server.post(SYNTHESIS, b" " * 300_000)[0] == 413


def _restored(server: Client, **asked: Any) -> np.ndarray:
    made = server.made(RESTORATION, **asked)
    return pixels(server.file(made, made["result"]))


def test_restoring_is_what_the_restorer_does(server: Client, picture: str, label: str, run: str) -> None:
    from uniser_model.infer import Restorer

    got = _restored(server, picture=picture, checkpoint=label, effect="haze", strength=0.8, seed=3)
    assert np.array_equal(got, Restorer.load(run).run(PHOTO, effect="haze", strength=0.8, seed=3))
    assert not np.array_equal(got, PHOTO)
    added = _restored(server, picture=picture, checkpoint=label, effect="haze", task="add")
    assert not np.array_equal(added, _restored(server, picture=picture, checkpoint=label, effect="haze"))
    assert np.array_equal(_restored(server, picture=picture, checkpoint=label, strength=0), PHOTO)


def test_outside_the_painted_area_the_photo_is_untouched(server: Client, picture: str, label: str) -> None:
    painted = np.zeros((45, 60), np.uint8)  # half the photo's size, as a page may paint
    painted[:, :15] = 255
    got = _restored(server, picture=picture, checkpoint=label, mask=server.upload(encode(painted)))
    full = np.zeros((90, 120), np.float32)
    full[:, :31] = 1  # enlarging reaches half a cell further
    inside = blur_mask(full, 120) > 0
    changed = (got != PHOTO).any(axis=2)
    assert changed[:, :28].any()
    assert not changed[~inside].any()
    assert (~inside).mean() > 0.4


def test_transparency_stays(server: Client, label: str) -> None:
    alpha = np.linspace(0, 255, 120).astype(np.uint8)[None].repeat(90, 0)
    got = _restored(server, picture=server.upload(encode(np.dstack([PHOTO, alpha]))), checkpoint=label)
    assert np.array_equal(got[..., 3], alpha)


def test_the_download_is_the_file_that_the_command_writes(server: Client, label: str, run: str, tmp_path: Path) -> None:
    """Format, 16 bits, profile, EXIF and orientation are the photo's: byte for byte what `uniser remove` gives."""
    described = exif(6)
    described[0x010F] = "A maker"
    light = decode_srgb8(PHOTO)
    deep = (light * 65535).astype(np.uint16)
    photos = {
        "jpg": encode(PHOTO, "jpeg", exif=described, icc_profile=swapped_profile()),
        "png": encode_cv(deep, ".png"),
        "tif": encode_cv(deep, ".tif"),
        "webp": encode(PHOTO, "webp", lossless=True, icc_profile=swapped_profile()),
        "exr": encode_exr(tmp_path / "light.exr", R=light[..., 0], G=light[..., 1], B=light[..., 2]),
    }
    for ending, data in photos.items():
        (tmp_path / f"photo.{ending}").write_bytes(data)
        made = server.made(RESTORATION, picture=server.upload(data), checkpoint=label, effect="haze", strength=0.6)
        assert made["result"] == f"result.{ending}"
        run_app("remove", tmp_path / f"photo.{ending}", "--checkpoint", run, "--strength", 0.6, "--out",
                tmp_path / "out", remove=remove_app)  # fmt: skip
        assert server.file(made, made["result"]) == (tmp_path / "out" / f"photo.{ending}").read_bytes()
        assert server.ask("GET", made["files"][made["result"]])[1]["content-type"].startswith("image/")


def test_what_cannot_be_written_as_it_came_is_a_png(server: Client, label: str) -> None:
    made = server.made(RESTORATION, picture=server.upload(encode(PHOTO, "gif")), checkpoint=label)
    assert pixels(server.file(made, "result.png")).shape == (90, 120, 3)


def test_deep_pictures_and_turned_ones_come_as_they_look(server: Client) -> None:
    import cv2

    deep = (decode_srgb8(PHOTO) * 65535).astype(np.uint16)
    status, told = server.post("/api/pictures", cv2.imencode(".png", deep[..., ::-1])[1].tobytes())
    assert (status, told["width"], told["height"]) == (201, 120, 90)
    told = server.post("/api/pictures", encode(PHOTO, "jpeg", exif=exif(6)))[1]
    assert (told["width"], told["height"]) == (90, 120)
    assert pixels(server.file(told, "view.jpg")).shape == (120, 90, 3)


def test_a_result_is_no_photo_to_work_on(server: Client, picture: str) -> None:
    made = server.made(SYNTHESIS, do="preview", picture=picture, effect="leak")
    status, told = server.post(SYNTHESIS, {"do": "preview", "picture": made["id"], "effect": "leak"})
    assert (status, "is not a photo" in told["error"]) == (400, True)


def test_a_worker_that_dies_costs_its_job_only(server: Client, picture: str) -> None:
    import signal
    from pathlib import Path

    before = server.made(SYNTHESIS, do="preview", picture=picture, effect="leak", seed=1)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    worker = next(int(c) for c in children if b"synthesis" in Path(f"/proc/{c}/cmdline").read_bytes())
    os.kill(worker, signal.SIGSTOP)
    _, job = server.post(SYNTHESIS, {"do": "preview", "picture": picture, "effect": "leak", "seed": 1})
    os.kill(worker, signal.SIGKILL)
    while job["state"] in ("waiting", "working"):
        job = json.loads(server.ask("GET", f"/api/jobs/{job['id']}?seen={job['version']}")[2])
    assert job["state"] == "failed"
    assert "ended unexpectedly" in job["error"]
    after = server.made(SYNTHESIS, do="preview", picture=picture, effect="leak", seed=1)
    assert server.file(after, "after.jpg") == server.file(before, "after.jpg")


def test_a_job_can_be_cancelled_and_the_line_has_an_end(server: Client, picture: str) -> None:
    import signal
    from pathlib import Path

    server.made(SYNTHESIS, do="preview", picture=picture, effect="leak")
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    worker = next(int(c) for c in children if b"synthesis" in Path(f"/proc/{c}/cmdline").read_bytes())
    os.kill(worker, signal.SIGSTOP)  # a job that takes for ever
    asked = {"do": "preview", "picture": picture, "effect": "leak"}
    jobs = []
    while (answer := server.post(SYNTHESIS, asked))[0] == 202:
        jobs.append(answer[1]["id"])
        assert len(jobs) < 20
    assert answer[0] == 503
    assert "waiting" in answer[1]["error"]
    assert len(jobs) == 9  # one at work, eight in line
    for job in reversed(jobs):
        server.ask("DELETE", f"/api/jobs/{job}", X_Uniser_Token=server.token)
    states = [json.loads(server.ask("GET", f"/api/jobs/{job}?seen=0")[2]) for job in jobs]
    assert {(s["state"], s["error"]) for s in states} == {("failed", "cancelled")}
    assert server.made(SYNTHESIS, **asked)
