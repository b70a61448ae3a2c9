"""`uniser halo`: scenes, frames, and what many of them will cost."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from uniser_core.cli_synth import Scheduler, Verify, front_door, synth_command

app = typer.Typer(no_args_is_help=True, help="HALO: Blender scenes to HDR frames with lights, and flare on them.")


@app.command()
def scenes(
    scene: Annotated[str, typer.Option(help="names, an archetype, all, or a path")] = "all",
    sheet: Annotated[str | None, typer.Option(help="render a thumbnail of each into this PNG or JPEG")] = None,
    frames: Annotated[str | None, typer.Option(help="make the sheet of these frames instead of rendering")] = None,
    size: Annotated[int, typer.Option(help="thumbnail size in pixels")] = 160,
    seed: Annotated[int, typer.Option()] = 0,
    survey: Annotated[bool, typer.Option(help="build the recipes and write their table anew (after a change)")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List the scenes: name, archetype, lights, licence, what it shows."""
    from uniser_core.output import print_table

    from halo_render.scenes import find_scenes

    found = find_scenes(scene)
    if sheet:
        from halo_render.sheet import sheet_of_frames, write_sheet

        if frames:
            sheet_of_frames(frames, sheet, size)
            return
        write_sheet(scene, sheet, size, seed)
        return
    from halo_render.scene_facts import lights_text, listing, survey_recipes

    if survey:
        typer.echo(survey_recipes())
        return
    rows = listing(found)
    if not as_json:
        rows = [r | {"lights": lights_text(r["lights"])} for r in rows]
    print_table(rows, as_json, title=f"{len(rows)} scenes")


@app.command()
def frames(
    out: Annotated[str, typer.Option(help="run folder: a path or an s3://, gs:// URI")],
    scene: Annotated[str, typer.Option(help="NAME[,NAME…], an archetype, all, or a path")] = "all",
    cameras: Annotated[int, typer.Option(help="views of each scene")] = 1,
    resolution: Annotated[str, typer.Option(help="WIDTHxHEIGHT, or N for N x N")] = "1280x720",
    samples: Annotated[int, typer.Option(help="most samples a pixel")] = 256,
    min_samples: Annotated[int, typer.Option(help="fewest samples a pixel")] = 16,
    noise_threshold: Annotated[float, typer.Option(help="a pixel is done below this noise")] = 0.03,
    denoise: Annotated[bool, typer.Option(help="Open Image Denoise, light group by light group")] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda, optix, hip, oneapi, metal")] = "cpu",
    threads: Annotated[int, typer.Option(help="threads of each Blender: part of what a frame is")] = 2,
    seed: Annotated[int, typer.Option()] = 0,
    limit: Annotated[int | None, typer.Option(help="only the first frames of the plan")] = None,
    workers: Annotated[int, typer.Option(help="Blender processes side by side")] = 1,
    shard: Annotated[str | None, typer.Option(help="i/n: make only this part of the shards (farms)")] = None,
    scheduler: Scheduler = None,
    retries: Annotated[int, typer.Option(help="more tries of a frame that fails")] = 1,
    item_timeout_s: Annotated[float | None, typer.Option(help="kill and set aside a frame after this")] = 3600.0,
    memory_mb: Annotated[int | None, typer.Option(help="kill a Blender that grows beyond this")] = None,
    recycle: Annotated[int, typer.Option(help="frames of one Blender process before a fresh one")] = 50,
    verify: Verify = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="render drafts, print hours and bytes")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Render HDR frames with depth, normals, light groups and a lights table; run it again to go on."""
    from uniser_core.cli_synth import finish_run, parse_shard
    from uniser_core.runner import RunOptions, run_job
    from uniser_core.supervisor import WorkerLimits

    from halo_render.blender.session import RenderSettings, check_device
    from halo_render.frame_job import FrameJob

    width, height = parse_resolution(resolution)
    check_device(device)
    settings = RenderSettings(width, height, samples, min_samples, noise_threshold, denoise, device, threads)
    limits = WorkerLimits(item_timeout_s, memory_mb, recycle)
    job = FrameJob(scene, cameras, settings, seed, limit)
    if dry_run:
        from uniser_core.output import print_facts

        from halo_render.plan import measure

        cost = measure(len(job.item_keys()), 1, settings, seed, scene)
        print_facts({row["name"]: row["value"] for row in cost.rows()}, as_json)
        return
    options = RunOptions(workers, parse_shard(shard), retries, limits, not as_json, scheduler, verify)
    finish_run(run_job(job, out, options), as_json)


@app.command()
def plan(
    pairs: Annotated[int, typer.Option(help="flare pairs wanted")] = 70_000,
    scene: Annotated[str, typer.Option(help="NAME[,NAME…], an archetype, all, or a path")] = "all",
    resolution: Annotated[str, typer.Option(help="WIDTHxHEIGHT, or N for N x N")] = "3840x2160",
    variants: Annotated[int, typer.Option(help="flare variants that part two makes of a frame")] = 30,
    samples: Annotated[int, typer.Option(help="most samples a pixel")] = 256,
    threads: Annotated[int, typer.Option(help="threads of each Blender")] = 2,
    seed: Annotated[int, typer.Option()] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Render two small frames of each archetype, then say hours, disk and the farm's command lines."""
    from uniser_core.output import print_json, print_table

    from halo_render.blender.session import RenderSettings
    from halo_render.plan import farm_lines, measure

    width, height = parse_resolution(resolution)
    settings = RenderSettings(width, height, samples, threads=threads)
    cost = measure(pairs, variants, settings, seed, scene)
    lines = farm_lines(cost, settings, seed)
    if as_json:
        print_json({**{r["name"]: r["value"] for r in cost.rows()}, "commands": lines})
        return
    print_table(cost.rows(), as_json=False)
    typer.echo("\n".join(lines))


def parse_resolution(text: str) -> tuple[int, int]:
    """`WxH` or `N`. Raises InputError otherwise."""
    from uniser_core.errors import InputError

    width, _, height = text.partition("x")
    if not (width.isdecimal() and (height or width).isdecimal()):
        raise InputError(f"--resolution {text}", "must be WIDTHxHEIGHT or N", "e.g. 1280x720")
    w, h = int(width), int(height or width)
    if not (min(w, h) >= 8 and max(w, h) <= 16384):
        raise InputError(f"--resolution {text}", "each side must be 8 to 16384", "")
    return w, h


RENDER_OPTIONS: dict[str, tuple[Any, Any]] = {
    "frames": (Annotated[str | None, typer.Option(help="frames that `uniser halo frames` wrote")], None),
    "kinds": (Annotated[str, typer.Option(help="all, or of reflective,glare,streak,shimmer with commas")], "all"),
    "lens": (
        Annotated[str | None, typer.Option(help="a prescription (docs/lenses.md) or a .yaml; default: drawn")],
        None,
    ),
    "flare_layers": (
        Annotated[
            str | None, typer.Option(help="compose published flare layers of this folder instead (Flare7K, FlareX)")
        ],
        None,
    ),
}


def render(**given: Any) -> None:
    """Flare pairs from frames or photos by real optics; run it again to go on."""
    from uniser_core.errors import InputError

    frames = given.pop("frames")
    if (frames is None) == (given["source"] is None):
        raise InputError("halo render", "needs --frames F or --source S, not both", "e.g. --source photos")
    if frames is not None:
        given["source"] = f"frames:{frames}"
    if given["kinds"] == "all":
        given["kinds"] = None
    _flare(**given)


@app.command("sheet")
def flare_sheet(
    frames: Annotated[str, typer.Option(help="frames that `uniser halo frames` wrote")],
    out: Annotated[str, typer.Option(help="picture to write: .png, .jpg or .webp")],
    only: Annotated[str, typer.Option(help="the frame whose id holds this word")] = "",
    size: Annotated[int, typer.Option(help="width of a cell in pixels")] = 256,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write a sheet of one frame's flares: a row a lens, a column a kind."""
    from uniser_core.sheet import write_picture

    from halo_render.flare_sheet import lens_sheet

    write_picture(out, lens_sheet(frames, only, size, seed))
    typer.echo(out)


_flare = synth_command("flare", {k: v for k, v in RENDER_OPTIONS.items() if k != "frames"})
app.command("render")(front_door(render, _flare, {"frames": RENDER_OPTIONS["frames"]}, source=None, variants=30))
