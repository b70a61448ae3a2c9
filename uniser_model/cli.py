"""`uniser train`, `remove`, `add`, `eval` and `merge`: light here, everything heavy is imported when it runs."""

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
ablate_app = typer.Typer(pretty_exceptions_enable=False)
merge_app = typer.Typer(pretty_exceptions_enable=False)
export_app = typer.Typer(pretty_exceptions_enable=False)


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


Images = Annotated[
    list[str], typer.Argument(help="pictures, folders of them, globs, or - (names from stdin)", metavar="IMAGE...")
]
Out = Annotated[str, typer.Option(help="folder for the results, named as the inputs are; the same again resumes it")]
Checkpoint = Annotated[
    str | None, typer.Option(help="run, checkpoint or exported folder, or OWNER/NAME of the hub; default: bundled")
]
Effect = Annotated[str, typer.Option(help="flare, haze, shadow, reflection, …; auto: whatever is there")]
Masks = Annotated[
    list[str] | None, typer.Option(help="where: a grey picture, white = there; a.png:0.4 b.png:1 for several")
]
Feather = Annotated[float | None, typer.Option(help="width of the masks' soft edge in pixels; default: as trained")]
Strength = Annotated[float, typer.Option(help="how much: 0 nothing … 1 the whole effect")]
Prompt = Annotated[str | None, typer.Option(help='instead of "Remove haze."; "Remove effects." names none')]
Control = Annotated[str | None, typer.Option(help="composite or network; default: what the checkpoint does better")]
Fidelity = Annotated[str | None, typer.Option(help="transfer or tiles; default: what the checkpoint does better")]
Tile = Annotated[int | None, typer.Option("--tile", help="side of a tile in pixels; default: as trained")]
Steps = Annotated[int | None, typer.Option(help="sampler steps; default: the objective's own")]
Sampler = Annotated[str, typer.Option(help="x0, ddim, dpm++ or heun")]
Guidance = Annotated[float, typer.Option(help="towards the prompt; 1: none")]
Seed = Annotated[int, typer.Option(help="of the noise that sampling starts from")]
Batch = Annotated[int, typer.Option(help="pictures looked at together")]
Force = Annotated[bool, typer.Option("--force", help="overwrite results that are there")]
Device = Annotated[str, typer.Option(help="cpu, cuda, …")]
Precision = Annotated[str, typer.Option(help="fp32 or bf16")]
Json = Annotated[bool, typer.Option("--json", help="print what was written as JSON")]


def _restore_command(verb: str) -> Callable[..., None]:
    """The command that removes or adds: they take the same options."""

    def command(
        images: Images, out: Out, checkpoint: Checkpoint = None, effect: Effect = "haze", prompt: Prompt = None,
        mask: Masks = None, feather: Feather = None, strength: Strength = 1.0, control: Control = None,
        fidelity: Fidelity = None, tile: Tile = None, sampler: Sampler = "ddim", steps: Steps = None,
        guidance: Guidance = 1.0, seed: Seed = 0, batch: Batch = 1, force: Force = False, device: Device = "cpu",
        precision: Precision = "fp32", as_json: Json = False,
    ) -> None:  # fmt: skip
        from uniser_model.commands import run_restore

        asked = {"effect": effect, "prompt": prompt, "strength": strength, "feather_px": feather, "control": control,
                 "fidelity": fidelity, "tile_px": tile, "sampler": sampler, "steps": steps, "guidance": guidance,
                 "seed": seed}  # fmt: skip
        run_restore(verb, images, out, checkpoint, asked=asked, masks=mask or [], force=force, batch=batch,
                    device=device, precision=precision, as_json=as_json)  # fmt: skip

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
    bench: Annotated[
        list[str],
        typer.Option(
            help="NAME=ROOT: a published set by its name, a corpus, shards, input/ target/ (mask/), or photos"
        ),
    ],
    out: Annotated[str, typer.Option(help="folder of the tables; the same command again goes on from there")],
    also: Annotated[list[str] | None, typer.Option(help="NAME=DIR: another method's pictures")] = None,
    effect: Annotated[list[str] | None, typer.Option(help="BENCH=EFFECT of a folder; default: names none")] = None,
    split: Annotated[str, typer.Option(help="of a corpus")] = "test",
    limit: Annotated[int | None, typer.Option(help="the first so many pictures of each bench")] = None,
    control: Annotated[bool, typer.Option("--control", help="a second table: mask, strength, clean pictures")] = False,
    choose_control: Annotated[
        bool, typer.Option("--choose-control", help="--control, and record the better control in the checkpoint")
    ] = False,
    guidance: Annotated[list[float] | None, typer.Option(help="a line more, guided so far towards the prompt")] = None,
    clip_iqa: Annotated[str | None, typer.Option(help="CLIP-IQA by this hub id or folder of a CLIP")] = None,
    lpips: Annotated[
        list[str] | None, typer.Option(help="LPIPS by these weights: the network's and the linear layers'")
    ] = None,
    liqe: Annotated[list[str] | None, typer.Option(help="LIQE by this CLIP, then by this file of its weights")] = None,
    qa: Annotated[str | None, typer.Option(help="QwenQA: a hub id or folder of a Qwen2.5-VL, or an endpoint")] = None,
    qa_model: Annotated[str | None, typer.Option(help="the model that the endpoint is to use")] = None,
    qa_repeats: Annotated[int, typer.Option(help="answers a picture, averaged")] = 1,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="print the tables as JSON")] = False,
) -> None:
    """Score a checkpoint beside classical methods, with intervals; exit 3 when a picture could not be scored."""
    from uniser_model.scoring.judges import JudgesAsked
    from uniser_model.scoring.run import run_eval

    judged_by = JudgesAsked(clip_iqa, tuple(lpips or ()), tuple(liqe or ()), qa, qa_model, qa_repeats)
    run_eval(checkpoint, bench, out, also=also or [], effect=effect or [], split=split, limit=limit, control=control,
             seed=seed, device=device, as_json=as_json, judged_by=judged_by, guidance=guidance or (),
             choose=choose_control)  # fmt: skip


@ablate_app.callback(context_settings=_FREE_ORDER, **_ONE)  # type: ignore[arg-type]
def ablate(
    preset: Annotated[str, typer.Argument(help="of the model and its training", metavar="PRESET")],
    data: Annotated[str, typer.Option(help="the corpus")],
    out: Annotated[str, typer.Option(help="folder of trainings and tables; the same command again goes on")],
    study: Annotated[
        list[str] | None,
        typer.Option(help="single, generic, auxiliary, soft-mask, leave-out, scale, objective, fresh, zero-shot"),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="time for everything, such as 20m or 8h")] = None,
    steps: Annotated[int | None, typer.Option(help="of the joint training, instead of a budget")] = None,
    seeds: Annotated[int, typer.Option(help="trainings of each kind")] = 3,
    pairs: Annotated[int, typer.Option(help="held-out pairs that judge, spread over the effects")] = 96,
    unseen: Annotated[list[str] | None, typer.Option(help="pairs of effects that no training sees")] = None,
    objective: Annotated[list[str] | None, typer.Option(help="for --study objective")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="field=value, as of uniser train")] = None,
    device: Device = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="print the tables as JSON")] = False,
) -> None:
    """Does joint training win, and what is each part of the supervision worth? Trains all, judges all alike."""
    from uniser_model.ablation.run import run_ablate

    run_ablate(preset, data, out, studies=study or ["single"], seeds=seeds, steps=steps, budget=budget, pairs=pairs,
               unseen=unseen or [], settings=settings or [], objectives=objective or ["eps", "v", "flow", "x0"],
               device=device, as_json=as_json)  # fmt: skip


@merge_app.callback(context_settings=_FREE_ORDER, **_ONE)  # type: ignore[arg-type]
def merge(
    checkpoint: Annotated[str, typer.Argument(help="run folder of a backbone with adapters", metavar="CHECKPOINT")],
    out: Annotated[str, typer.Option(help="new folder: a checkpoint, and in transformer/ what diffusers loads")],
) -> None:
    """Merge a backbone's adapters into its weights."""
    from uniser_model.backbones.export import merge as merged

    typer.echo(str(merged(checkpoint, out)))


@export_app.callback(context_settings=_FREE_ORDER, **_ONE)  # type: ignore[arg-type]
def export(
    checkpoint: Annotated[str, typer.Argument(help="run folder or checkpoint folder", metavar="CHECKPOINT")],
    out: Annotated[str, typer.Option(help="folder of transformer/, codec/, text_encoder/ and model_index.json")],
    data: Annotated[str | None, typer.Option(help="measure on this corpus's held-out pairs how it does best")] = None,
    text_encoder: Annotated[bool, typer.Option("--text-encoder", help="with the encoder of further prompts")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Write the averaged weights as the folder that Restorer.from_pretrained and the hub take."""
    from uniser_model.commands import run_export

    run_export(checkpoint, out, data, text_encoder, as_json)
