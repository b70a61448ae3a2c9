"""The run of `uniser remove`: what is named, what goes where, what is bad, what is resumed; one line each."""

from __future__ import annotations

import io
import json
import subprocess
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
import typer
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.uniser_model.small import hazy, picture
from uniser_core.errors import ConfigMismatchError, InputError, StorageError
from uniser_model import checkpoint
from uniser_model.commands import run_export, run_restore
from uniser_model.infer import Restorer
from uniser_model.restore import folder
from uniser_model.restore.inputs import plan

if TYPE_CHECKING:
    from pathlib import Path

HAZY = hazy(picture("photo", 90, 140), 0.5, 0.9)


def save(path: Path, rgb8: np.ndarray = HAZY) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb8).save(path)
    return str(path)


def remove(
    run: str, images: list[Any], out: Path, masks: tuple[str, ...] = (), force: bool = False, **asked: Any
) -> None:
    run_restore("remove", [str(i) for i in images], str(out), run, asked=asked, masks=masks, force=force, batch=2,
                device="cpu", precision="fp32", as_json=False)  # fmt: skip


def names(found: Any) -> list[str]:
    return [t.result.as_posix() for t in found.tasks]


def test_inputs_by_name_folder_glob_and_list(tmp_path: Path) -> None:
    for name in ("a.jpg", "deep/b.png", "deep/c.txt", "d.gif"):
        save(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).write_text("")
    assert names(plan([str(tmp_path / "a.jpg")], "out")) == ["out/a.jpg"]
    found = plan([str(tmp_path)], "out")
    assert names(found) == ["out/a.jpg", "out/deep/b.png"]
    assert "results are written as" in str(found.refused[0][1])
    assert names(plan([str(tmp_path / "**" / "*.png")], "out")) == ["out/deep/b.png"]
    assert names(plan([str(tmp_path / "*.jpg")], "out")) == ["out/a.jpg"]
    listed = plan(["-"], "out", io.StringIO(f"{tmp_path / 'deep/b.png'}\n\n{tmp_path / 'none.png'}\n"))
    assert names(listed) == ["out/b.png"]
    assert "none.png: does not exist" in str(listed.refused[0][1])
    save(tmp_path / "out" / "a.jpg")
    assert names(plan([str(tmp_path)], str(tmp_path / "out"))) == [
        str(tmp_path / "out" / n) for n in ("a.jpg", "deep/b.png")
    ]
    for images, words in (
        (["*.none"], "holds no pictures"),
        ([str(tmp_path / "x.png")], "does not exist"),
        ([str(tmp_path / "d.gif")], "results are written as"),
        ([str(tmp_path / "a.jpg"), str(tmp_path / "out" / "a.jpg")], "has the name of that of"),
    ):
        with pytest.raises(InputError, match=words):
            plan(images, "elsewhere")
    with pytest.raises(InputError, match="is the input itself"):
        plan([str(tmp_path / "a.jpg")], str(tmp_path))


def test_bad_photos_among_good_ones(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "in"
    save(photos / "a.png")
    save(photos / "other_aspect.png", HAZY[:, :60])
    save(photos / "z.png")
    (photos / "empty.png").write_bytes(b"")
    (photos / "half.jpg").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:300])
    mask = np.zeros((180, 280), np.uint8)
    mask[:60, :60] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    with pytest.raises(typer.Exit) as ended:
        remove(run, [photos], tmp_path / "out", (f"{tmp_path / 'mask.png'}:0.5",))
    assert ended.value.exit_code == 3
    said = capsys.readouterr()
    assert [line.rpartition("/")[2] for line in said.out.splitlines()] == ["a.png", "z.png"]
    lines = said.err.splitlines()
    assert len(lines) == 3
    for words in (
        "empty.png is empty",
        "half.jpg",
        "other_aspect.png: mask of 280x180: the picture is 60x90, of another",
    ):
        assert any(words in line and " -> " in line for line in lines), words
    out = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert np.array_equal(out[50:], HAZY[50:])


def test_black_mask_and_no_strength_write_the_input(run: str, tmp_path: Path) -> None:
    photo = save(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((90, 140), np.uint8))
    remove(run, [photo], tmp_path / "black", (str(tmp_path / "black.png"),))
    remove(run, [photo], tmp_path / "none", strength=0.0)
    for place in ("black", "none"):
        assert np.array_equal(np.asarray(Image.open(tmp_path / place / "a.png")), HAZY)


def test_folder_goes_on_and_nothing_is_overwritten(run: str, tmp_path: Path) -> None:
    photos, out = tmp_path / "in", tmp_path / "out"
    for name in "abc":
        save(photos / f"{name}.png")
    remove(run, [photos], out)
    (out / "b.png").unlink()
    stamps = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    remove(run, [photos], out)
    assert (out / "b.png").is_file()
    assert all((out / n).stat().st_mtime_ns == t for n, t in stamps.items())
    with pytest.raises(ConfigMismatchError, match="another run: effect: None, now flare"):
        remove(run, [photos], out, effect="flare")
    with pytest.raises(InputError, match="exists"):
        remove(run, [photos / "a.png"], out)
    remove(run, [photos], out, force=True, effect="flare")
    assert all((out / n).stat().st_mtime_ns > t for n, t in stamps.items())


def test_full_disk_is_one_line_and_goes_on_when_there_is_room(run: str, tmp_path: Path) -> None:
    disk, photos = tmp_path / "disk", tmp_path / "in"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        rng = np.random.default_rng(0)
        for name in "abc":
            save(photos / f"{name}.png", rng.integers(0, 256, (100, 100, 3), dtype=np.uint8))
        with pytest.raises(StorageError, match="no space left on device") as error:
            remove(run, [photos], disk)
        assert "\n" not in str(error.value)
        assert len(list(disk.glob("*.png"))) == 1
        assert not list(disk.glob(".*tmp*"))
        subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
        remove(run, [photos], disk)
        assert len(list(disk.glob("*.png"))) == 3
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="module")
def exported(run: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "model"
    run_export(run, str(out), None, False, True)
    return out


def test_exported_folder_restores_as_the_run_does(run: str, exported: Path, tmp_path: Path) -> None:
    for part in ("model_index.json", "transformer/diffusion_pytorch_model.safetensors", "codec/config.json",
                 "text_encoder/prompts.safetensors"):  # fmt: skip
        assert (exported / part).is_file()
    image = Image.fromarray(HAZY)
    wanted = Restorer.load(run)(image, effect="haze")
    assert np.array_equal(np.asarray(Restorer.from_pretrained(exported)(image, effect="haze")), np.asarray(wanted))
    remove(str(exported), [save(tmp_path / "a.png")], tmp_path / "out")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), np.asarray(wanted))
    with pytest.raises(InputError, match="is not empty"):
        run_export(run, str(exported), None, False, True)


def test_exported_encoder_knows_further_prompts(run: str, exported: Path, tmp_path: Path) -> None:
    Restorer.load(run).save_pretrained(tmp_path / "whole", text_encoder=True)
    image = Image.fromarray(HAZY)
    moved = (tmp_path / "whole").rename(tmp_path / "elsewhere")
    found = Restorer.from_pretrained(moved)
    assert found.prompts.encoder == str(moved / "text_encoder")
    assert np.array_equal(
        np.asarray(found(image, prompt="add flare")), np.asarray(Restorer.load(run)(image, prompt="add flare"))
    )


def test_other_and_damaged_folders_are_refused(exported: Path, tmp_path: Path) -> None:
    import shutil

    def copy(name: str) -> Path:
        shutil.copytree(exported, tmp_path / name)
        return tmp_path / name

    codec = copy("codec")
    (codec / "codec" / "config.json").write_text('{"codec": "kl"}')
    with pytest.raises(InputError, match="its codec is kl, but its transformer was trained with pixel"):
        folder.load(codec)
    other = copy("other")
    weights = other / "transformer" / folder.WEIGHTS
    save_file({k: v for k, v in load_file(weights).items() if k != "head.bias"} | {"more": torch.ones(1)}, weights)
    with pytest.raises(InputError, match=r"of another architecture: head.bias is missing"):
        folder.load(other)
    weights.write_bytes(b"no weights at all")
    with pytest.raises(InputError, match="is no safetensors file"):
        folder.load(other)
    index = copy("index")
    (index / "transformer" / "config.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        folder.load(index)


def test_weights_of_another_size_are_refused_by_name(run: str, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(checkpoint.find(run), tmp_path / "c")
    told = json.loads((tmp_path / "c" / "config.json").read_text())
    told["model"]["width"] *= 2
    (tmp_path / "c" / "config.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="of another architecture"):
        folder.load(tmp_path / "c")


def test_the_hub_is_reached_by_its_own_client_or_told_about(
    run: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing listens there: both ways end in one line."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="someone/nothing: is no folder, and not on the hub"):
        Restorer.from_pretrained("someone/nothing")
    with pytest.raises(StorageError, match="hub repository me/model"):
        Restorer.load(run).push_to_hub("me/model")
