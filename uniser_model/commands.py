"""What the commands of `uniser_model.cli` do."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.output import print_facts

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
    task: str, images: Sequence[str], out: str, checkpoint: str | None, *, asked: dict[str, Any],
    masks: Sequence[str], force: bool, batch: int, device: str, precision: str, as_json: bool,
) -> None:  # fmt: skip
    """`uniser remove` and `uniser add`; `asked` are the fields of `Ask` that the command line gives."""
    from uniser_model.restore import folder, inputs, job
    from uniser_model.restore.ask import Ask
    from uniser_model.weights import BUNDLED

    ask = Ask(task=task, **asked, regions=job.regions_of(masks))
    if batch < 1:
        raise InputError(f"--batch {batch}", "must be 1 or more", "leave it out")
    found = folder.locate(folder.local(checkpoint or str(BUNDLED)))
    plan = inputs.plan(images, out)
    check_device(device)
    report = job.Report(as_json)
    made_by = {"checkpoint": job.identity(str(found)), "task": task, **asked, "masks": list(masks),
               "precision": precision}  # fmt: skip
    tasks = job.remaining(plan, out, made_by, force, report)
    for source, error in plan.refused:
        report.bad(source, error)
    if tasks:
        from uniser_model.infer import Restorer

        job.run(Restorer.load(found, device, precision), tasks, ask, batch, report, plan.many)
    report.close()


def run_export(checkpoint: str, out: str, data: str | None, text_encoder: bool, as_json: bool) -> None:
    """`uniser export`; with a corpus, how the checkpoint does best is measured first."""
    from dataclasses import asdict

    from uniser_model.infer import Restorer

    restorer = Restorer.from_pretrained(checkpoint)
    if data is not None:
        from uniser_core.corpus import Corpus

        from uniser_model.restore.measure import habits_of, judge_all

        restorer.habits = habits_of(judge_all(restorer, Corpus.open(data)))
    restorer.save_pretrained(out, text_encoder)
    habits = asdict(restorer.habits)
    print_facts({"folder": out, **habits.pop("measured"), **habits}, as_json)
