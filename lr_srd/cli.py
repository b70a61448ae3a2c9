"""`uniser shadow`: the shadow generator's own commands. Light to import: the root command loads it for --help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from uniser_core.cli_synth import finish_run, front_door, parse_shard, synth_command, worker_count

if TYPE_CHECKING:
    from uniser_core.job import Job

app = typer.Typer(help="Shadows of objects and of what stands outside the picture.", no_args_is_help=True)
MODES = ("paste", "plates", "blender")


@app.callback()
def _main() -> None:
    """Shadows of objects and of what stands outside the picture."""


OPTIONS: dict[str, tuple[Any, Any]] = {
    "mode": (
        Annotated[str, typer.Option(help="paste; plates: photos with their clean plates; blender: traced scenes")],
        "paste",
    ),
    "scene": (
        Annotated[str | None, typer.Option(help="--mode blender: scene names, an archetype, all, or a file")],
        None,
    ),
    "resolution": (Annotated[str, typer.Option(help="--mode blender: WIDTHxHEIGHT, or N for N x N")], "768x512"),
    "samples": (Annotated[int, typer.Option(help="--mode blender: most samples a pixel")], 128),
    "objects": (
        Annotated[str | None, typer.Option(help="furniture, or a folder of RGBA cut-outs: objects to paste")],
        None,
    ),
    "occluders": (
        Annotated[
            str | None,
            typer.Option(help="foliage,window,railing,building,hand,person: what casts shadows from outside"),
        ],
        None,
    ),
    "triplets": (
        Annotated[str | None, typer.Option(help="--mode plates: folder with image/ mask/ bg/, or a CSV")],
        None,
    ),
}


_paste = synth_command("shadow", {k: v for k, v in OPTIONS.items() if k in ("objects", "occluders")})


def render(**given: Any) -> None:
    """Make shadow pairs; run it again to go on."""
    from uniser_core.errors import InputError

    mode, triplets = given.pop("mode"), given.pop("triplets")
    scene, resolution, samples = (given.pop(name) for name in ("scene", "resolution", "samples"))
    if mode not in MODES:
        raise InputError(f"--mode {mode}", f"known: {', '.join(MODES)}", "choose one")
    if mode == "plates":
        _render_plates(triplets, given)
        return
    if mode == "blender":
        _render_traced(scene, resolution, samples, given)
        return
    for option, value, of in (("--triplets", triplets, "plates"), ("--scene", scene, "blender")):
        if value is not None:
            raise InputError(option, f"belongs to --mode {of}", f"add --mode {of}")
    if given["source"] is None:
        raise InputError("--mode paste", "needs --source", "give a folder of pictures, or photos")
    _paste(**given)


def _render_plates(triplets: str | None, given: dict[str, Any]) -> None:
    from uniser_core.errors import InputError

    from lr_srd.triplets import PlatesJob

    if triplets is None:
        raise InputError("--mode plates", "needs --triplets DIR", "give the folder with image/ mask/ bg/")
    _run(PlatesJob(triplets, given["encoder"], given["limit"]), given)


def _render_traced(scene: str | None, resolution: str, samples: int, given: dict[str, Any]) -> None:
    from uniser_core.errors import InputError
    from uniser_core.registry import load_point

    if scene is None:
        raise InputError("--mode blender", "needs --scene NAME", "see uniser halo scenes")
    make = load_point("uniser.shadow_jobs", "blender")
    kept = {k: given[k] for k in ("seed", "limit", "encoder")}
    _run(make(scene=scene, cameras=given["variants"] or 1, resolution=resolution, samples=samples, **kept), given)


@app.command()
def sheet(
    out: Annotated[str, typer.Argument(help="picture to write: .png, .jpg or .webp")],
    pairs: Annotated[list[str], typer.Option(help="a run of uniser shadow render; several are a line each")],
    count: Annotated[int, typer.Option(help="pairs of each run")] = 4,
    size: Annotated[int, typer.Option(help="width of a cell in pixels")] = 220,
    only: Annotated[list[str] | None, typer.Option(help="only pairs whose id holds this word")] = None,
) -> None:
    """Write a sheet of shadow pairs: a line a run, what it was beside what it became."""
    from uniser_core.sheet import write_picture

    from lr_srd.sheet import shadow_sheet

    write_picture(out, shadow_sheet(pairs, count, size, only or ()))
    typer.echo(out)


def _run(job: Job, given: dict[str, Any]) -> None:
    from uniser_core.runner import RunOptions, run_job

    options = RunOptions(
        worker_count(given["workers"]),
        parse_shard(given["shard"]),
        given["retries"],
        progress=not given["as_json"],
        scheduler=given["scheduler"],
        verify=given["verify"],
    )
    finish_run(run_job(job, given["out"], options), given["as_json"])


app.command("render")(
    front_door(render, _paste, {k: v for k, v in OPTIONS.items() if k not in ("objects", "occluders")}, source=None)
)
