"""`uniser train`, `remove`, `add` and `eval`: light here, everything heavy is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

# A Typer of one callback that takes arguments: `uniser train demo --data …` with no sub-command in between.
_ONE = {"invoke_without_command": True, "subcommand_metavar": "", "add_help_option": True}
_FREE_ORDER = {"allow_interspersed_args": True}

train_app = typer.Typer(pretty_exceptions_enable=False)
remove_app = typer.Typer(pretty_exceptions_enable=False)
add_app = typer.Typer(pretty_exceptions_enable=False)
eval_app = typer.Typer(pretty_exceptions_enable=False)


@train_app.callback(context_settings=_FREE_ORDER, **_ONE)  # type: ignore[arg-type]
def train(
    preset: Annotated[str, typer.Argument(help="demo, S, B, L or XL", metavar="PRESET")],
    data: Annotated[str, typer.Option(help="corpus folder or URI, as `uniser corpus build` writes it")],
    out: Annotated[str, typer.Option(help="run folder; the same command again resumes it")],
    steps: Annotated[int | None, typer.Option(help="optimizer steps")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="instead of --steps: as many as fit, timed at the start")
    ] = None,
    seed: Annotated[int, typer.Option(help="weights, order and every draw follow from it")] = 0,
    objective: Annotated[str | None, typer.Option(help="anchored, eps, v, flow or x0")] = None,
    text: Annotated[str | None, typer.Option(help="minilm, or a hub id or folder of T5, UMT5, CLIP, BERT")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="any field: optim.lr=0.0005")] = None,
    init: Annotated[str | None, typer.Option(help="begin with the weights of this checkpoint")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …; auto: a GPU where there is one")] = "auto",
    profile: Annotated[bool, typer.Option("--profile", help="record a few steps into OUT/profile")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan; write nothing")] = False,
    card: Annotated[str | None, typer.Option(help="with --dry-run: hours on this card, e.g. H100")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Train a model on a corpus; on several GPUs or nodes: torchrun … -m uniser_model.train, with the same options."""
    from uniser_model.commands import run_train

    fixed = {"steps": steps, "minutes": minutes, "seed": seed, "objective": objective, "text": text}
    run_train(preset, data, out, fixed, set_ or [], init=init, device=device, dry_run=dry_run, as_json=as_json,
              profile=profile, card=card)  # fmt: skip


Images = Annotated[list[str], typer.Argument(help="pictures, or folders of them", metavar="IMAGE...")]
Out = Annotated[str, typer.Option(help="folder for the results, named as the inputs are")]
Checkpoint = Annotated[str | None, typer.Option(help="run or checkpoint folder; default: the bundled one")]
Effect = Annotated[str, typer.Option(help="flare, haze, shadow, reflection, …")]
Mask = Annotated[str | None, typer.Option(help="where: an 8-bit picture of the same size, white = there")]
Strength = Annotated[float, typer.Option(help="how much: 0 nothing … 1 the whole effect")]
Prompt = Annotated[str | None, typer.Option(help='instead of "Remove haze."; "Remove effects." names none')]
Steps = Annotated[int | None, typer.Option(help="sampler steps; default: the objective's own")]
Seed = Annotated[int, typer.Option(help="of the noise that sampling starts from")]
Force = Annotated[bool, typer.Option("--force", help="overwrite results that are there")]
Device = Annotated[str, typer.Option(help="cpu, cuda, …")]
Json = Annotated[bool, typer.Option("--json", help="print what was written as JSON")]


def _restore_command(verb: str) -> Callable[..., None]:
    """The command that removes or adds: they take the same options."""

    def command(
        images: Images, out: Out, checkpoint: Checkpoint = None, effect: Effect = "haze", mask: Mask = None,
        strength: Strength = 1.0, prompt: Prompt = None, steps: Steps = None, seed: Seed = 0, force: Force = False,
        device: Device = "cpu", as_json: Json = False,
    ) -> None:  # fmt: skip
        from uniser_model.commands import run_restore

        run_restore(verb, images, out, checkpoint, effect=effect, mask=mask, strength=strength, prompt=prompt,
                    steps=steps, seed=seed, force=force, device=device, as_json=as_json)  # fmt: skip

    return command


remove_app.callback(help="Remove an effect from pictures.", context_settings=_FREE_ORDER, **_ONE)(  # type: ignore[arg-type]
    _restore_command("remove")
)
add_app.callback(help="Add an effect to pictures.", context_settings=_FREE_ORDER, **_ONE)(  # type: ignore[arg-type]
    _restore_command("add")
)


@eval_app.callback(context_settings=_FREE_ORDER, **_ONE)  # type: ignore[arg-type]
def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="run folder or checkpoint folder", metavar="CHECKPOINT")],
    bench: Annotated[list[str], typer.Option(help="NAME=ROOT: a corpus, pair shards, or input/ target/ (and mask/)")],
    out: Annotated[str, typer.Option(help="folder of the tables; the same command again goes on from there")],
    also: Annotated[list[str] | None, typer.Option(help="NAME=DIR: another method's pictures")] = None,
    effect: Annotated[list[str] | None, typer.Option(help="BENCH=EFFECT of a folder; default: names none")] = None,
    split: Annotated[str, typer.Option(help="of a corpus")] = "test",
    limit: Annotated[int | None, typer.Option(help="the first so many pictures of each bench")] = None,
    control: Annotated[bool, typer.Option("--control", help="a second table: mask, strength, clean pictures")] = False,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="print the tables as JSON")] = False,
) -> None:
    """Score a checkpoint beside classical methods, with intervals; exit 3 when a picture could not be scored."""
    from uniser_model.scoring.run import run_eval

    run_eval(checkpoint, bench, out, also=also or [], effect=effect or [], split=split, limit=limit, control=control,
             seed=seed, device=device, as_json=as_json)  # fmt: skip
