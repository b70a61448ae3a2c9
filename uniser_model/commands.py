"""What the commands of `uniser_model.cli` do."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from uniser_core.errors import EXIT_ITEMS_FAILED, InputError
from uniser_core.output import print_facts, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader


def check_device(name: str) -> None:
    """Raise InputError unless torch can use the device here."""
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}", str(error).splitlines()[0], "use cpu") from error


def corpus_identity(corpus: CorpusReader) -> str:
    """Hash of the pairs' names in order: another corpus behind the same path does not resume a run."""
    digest = hashlib.blake2b(digest_size=8)
    for name in corpus.index.column("pair_id").to_pylist():
        digest.update(f"{name}\n".encode())
    return digest.hexdigest()


def make_config(
    preset: str, data_uri: str, corpus_id: str, fixed: Mapping[str, Any], settings: Sequence[str]
) -> TrainConfig:
    """Preset, then --set, then the named options (None: not given). Raises InputError."""
    from uniser_model.config import build_config, set_field
    from uniser_model.presets import preset_values

    values = preset_values(preset) | {"data_uri": data_uri, "corpus_id": corpus_id}
    for assignment in settings:
        set_field(values, assignment)
    values |= {k: v for k, v in fixed.items() if v is not None}
    config = build_config(values)
    if (config.steps is None) == (config.minutes is None):
        raise InputError("--steps and --minutes", "give one of them", "for instance --minutes 3")
    return config


def run_train(
    preset: str, data: str, out: str, fixed: Mapping[str, Any], settings: Sequence[str], *, init: str | None,
    device: str, dry_run: bool, as_json: bool, profile: bool = False, card: str | None = None,
) -> None:  # fmt: skip
    """`uniser train`, on this rank of those that torchrun started, or alone."""
    from uniser_core.corpus import Corpus

    from uniser_model.world import pick_device

    make_config(preset, data, "", fixed, settings)  # bad settings are told before the corpus is read
    device = pick_device(device)
    check_device(device)
    corpus = Corpus.open(data)
    config = make_config(preset, data, corpus_identity(corpus), fixed, settings)
    if dry_run:
        from uniser_model.plan import training_plan

        print_facts(training_plan(config, corpus, card), as_json)
        return
    from uniser_model.trainer import train

    began = time.perf_counter()
    folder = train(config, Path(out), corpus, device=device, init=init, quiet=as_json, profile=profile)
    if int(os.environ.get("RANK", "0")) == 0:
        print_facts({"checkpoint": str(folder), "seconds": round(time.perf_counter() - began, 1)}, as_json)


def run_restore(
    task: str, images: Sequence[str], out: str, checkpoint: str | None, *, effect: str, mask: str | None,
    strength: float, prompt: str | None, steps: int | None, seed: int, force: bool, device: str, as_json: bool,
) -> None:  # fmt: skip
    """`uniser remove` and `uniser add`."""
    from uniser_model import pictures
    from uniser_model.checkpoint import find
    from uniser_model.supervision import check_strength
    from uniser_model.weights import BUNDLED

    check_strength(strength)
    checkpoint = checkpoint or str(BUNDLED)
    find(checkpoint)
    tasks = pictures.plan(images, out, force)
    if steps is not None and steps < 1:
        raise InputError(f"--steps {steps}", "must be 1 or more", "leave it out")
    check_device(device)
    from uniser_model.infer import Restorer

    restorer = Restorer.load(checkpoint, device)
    written: list[dict[str, str]] = []
    failed: list[dict[str, str]] = []
    for one in tasks:
        try:
            rgb8, alpha = pictures.read(one.source)
            where = None if mask is None else pictures.read_mask(mask, (rgb8.shape[0], rgb8.shape[1]))
            result = restorer.run(rgb8, effect=effect, task=task, mask_HW=where, strength=strength, prompt=prompt,
                                  steps=steps, seed=seed)  # fmt: skip
        except InputError as error:
            if len(tasks) == 1:
                raise
            failed.append({"picture": str(one.source), "error": str(error)})
            typer.echo(f"uniser: {error}", err=True)
            continue
        pictures.write(one.result, result, alpha)
        written.append({"picture": str(one.source), "result": str(one.result)})
        if not as_json:
            typer.echo(str(one.result))
    if as_json:
        print_json({"written": written, "failed": failed})
    if failed:
        raise typer.Exit(EXIT_ITEMS_FAILED)
