"""The command behind `uniser synth EFFECT` and its front doors (`uniser haze render`, …)."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_core.runner import RunSummary
    from uniser_core.synth import SynthJob

Source = Annotated[
    str | None, typer.Option(help="folder, glob, file, 'photos', asset:NAME, pairs:URI, table:URI, tar:URI")
]
Out = Annotated[str | None, typer.Option(help="run folder: a path or an s3://, gs:// URI")]
Sheet = Annotated[
    str | None, typer.Option(help="write a contact sheet: .png, .jpg or .webp; without --out, of a few pairs alone")
]
Scheduler = Annotated[str | None, typer.Option(help="make the shards on a Dask cluster: tcp://HOST:8786")]
Verify = Annotated[
    bool, typer.Option("--verify", help="first compare finished shards with their SHA-256, and make damaged ones again")
]
# Without --out a sheet shows this much of `photos`, unless told otherwise.
SHEET_SOURCE, SHEET_VARIANTS, SHEET_SIZE_PX, SHEET_CELL_PX = "photos", 6, 512, 240


def worker_count(workers: int | None) -> int:
    """`--workers`, or the cores that this process may use. Raises InputError when it is below 1."""
    from uniser_core.errors import InputError

    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}", "must be 1 or more", "leave it out for all cores")
    return len(os.sched_getaffinity(0)) if workers is None else workers


def synth_command(effect: str, extra: dict[str, tuple[Any, Any]] | None = None) -> Callable[..., None]:
    """A typer command that makes pairs of one effect.

    `extra` maps the name of an option of this effect alone to (annotated type, default); what is given goes to
    the effect's `with_options`.
    """

    def command(
        source: Source = None,
        out: Out = None,
        sheet: Sheet = None,
        variants: Annotated[int | None, typer.Option(help="variants of each picture: 1, on a sheet alone 6")] = None,
        seed: Annotated[int, typer.Option(help="run seed: every pixel follows from it and the pictures")] = 0,
        preset: Annotated[str | None, typer.Option(help="named ranges of the effect's parameters")] = None,
        set_: Annotated[list[str] | None, typer.Option("--set", help="fix a parameter: name=value")] = None,
        depth: Annotated[
            str, typer.Option(help="auto, sidecar, heuristic, disparity, hf:ID_OR_FOLDER, marigold:ID_OR_FOLDER")
        ] = "auto",
        depth_cache: Annotated[
            str | None, typer.Option(help="where networks' depth is kept: a folder, or none; default: the user's cache")
        ] = None,
        store: Annotated[str, typer.Option(help="full, or recipe (no input pixels, rendered at load)")] = "full",
        encoder: Annotated[str, typer.Option(help="png, jpeg or jxl")] = "png",
        dither: Annotated[bool, typer.Option("--dither", help="dither 8-bit pictures of HDR frames")] = False,
        sensor_noise: Annotated[
            bool, typer.Option("--sensor-noise", help="photon and read noise after the effect, one sensor a picture")
        ] = False,
        max_size: Annotated[
            int | None, typer.Option(help="shrink pictures to this many pixels on the long side")
        ] = None,
        limit: Annotated[int | None, typer.Option(help="only the first pictures of the plan")] = None,
        plugin: Annotated[list[str] | None, typer.Option(help="a .py file that registers effects")] = None,
        workers: Annotated[int | None, typer.Option(help="processes on this machine; default: its cores")] = None,
        shard: Annotated[str | None, typer.Option(help="i/n: make only this part of the shards (farms)")] = None,
        scheduler: Scheduler = None,
        retries: Annotated[int, typer.Option(help="more tries of an item that fails")] = 1,
        item_timeout_s: Annotated[float | None, typer.Option(help="kill and set aside an item after this")] = None,
        verify: Verify = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="print items, hours and bytes; write nothing")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
        **own: Any,
    ) -> None:
        from uniser_core.errors import InputError
        from uniser_core.runner import RunOptions
        from uniser_core.supervisor import WorkerLimits
        from uniser_core.synth import SynthJob

        alone = sheet is not None and out is None
        if alone:
            source, max_size = source or SHEET_SOURCE, max_size or SHEET_SIZE_PX
        if source is None or not (out or sheet):
            raise InputError(f"synth {effect}", "needs --source and --out", "or --sheet sheet.png to see a few first")
        job = SynthJob(
            effect=effect,
            source=source,
            variants=(SHEET_VARIANTS if alone else 1) if variants is None else variants,
            seed=seed,
            store=store,
            encoder=encoder,
            dither=dither,
            sensor_noise=sensor_noise,
            depth=depth,
            preset=preset,
            max_size_px=max_size,
            limit=limit,
            overrides=parse_settings(set_ or []),
            plugins=tuple(plugin or ()),
            depth_cache=depth_cache,
            options={k: v for k, v in own.items() if v is not None},
        )
        limits = WorkerLimits(item_timeout_s=item_timeout_s)
        options = RunOptions(worker_count(workers), parse_shard(shard), retries, limits, not as_json, scheduler, verify)
        if sheet is not None:
            from uniser_core.sheet import check_picture_name

            check_picture_name(sheet)
        if out is None:
            write_sheet(job, sheet or "")
        else:
            run_synth(job, out, options, dry_run, as_json, sheet)

    command.__doc__ = f"Make {effect} pairs from every picture of a source; run it again to go on."
    return _with_parameters(command, extra or {})


def _with_parameters(command: Callable[..., None], extra: dict[str, tuple[Any, Any]]) -> Callable[..., None]:
    """The command with its `**own` spelt out, so that typer offers each as an option."""
    hints = get_type_hints(command, include_extras=True)
    kept = [
        p.replace(annotation=hints[p.name])
        for p in inspect.signature(command).parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    _set_parameters(command, [*kept, *_parameters(extra)])
    return command


def front_door(
    handler: Callable[..., None], command: Callable[..., None], own: dict[str, tuple[Any, Any]], **defaults: Any
) -> Callable[..., None]:
    """Give `handler(**given)` the options of `command`, some defaults changed, and `own`: name -> (type, default).

    A front door always runs: it needs --out and makes no sheet.
    """
    defaults = {"out": inspect.Parameter.empty, **defaults}
    shared = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=defaults.get(p.name, p.default))
        for p in inspect.signature(command).parameters.values()
        if p.name != "sheet"
    ]
    _set_parameters(handler, [*shared, *_parameters(own)])
    return handler


def _parameters(own: dict[str, tuple[Any, Any]]) -> list[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(n, kind, default=default, annotation=hint) for n, (hint, default) in own.items()]


def _set_parameters(function: Any, parameters: list[inspect.Parameter]) -> None:
    """What typer reads a command's options from."""
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {p.name: p.annotation for p in parameters}


def write_sheet(job: SynthJob, path: str) -> None:
    """A contact sheet of the first pictures that the effect takes; no pair is stored."""
    from uniser_core.sheet import rows_sheet, write_picture
    from uniser_core.synth import first_rows

    job.check()
    write_picture(path, rows_sheet(first_rows(job), job.variants, SHEET_CELL_PX))
    typer.echo(path)


def run_synth(job: SynthJob, out: str, options: Any, dry_run: bool, as_json: bool, sheet: str | None = None) -> None:
    """Check, then run or print the plan; exits with the run's code."""
    from uniser_core.job import Plan
    from uniser_core.output import print_facts
    from uniser_core.runner import run_job
    from uniser_core.synth import plan_text

    job.check()
    if dry_run:
        plan = Plan.of(job)
        print_facts(plan_text(job, plan.shard_count, options.workers), as_json)
        return
    summary = run_job(job, out, options)
    if sheet is not None and summary.counts.get("rows"):
        from uniser_core.sheet import pair_sheet, write_picture

        write_picture(sheet, pair_sheet(out, SHEET_VARIANTS, SHEET_VARIANTS, SHEET_CELL_PX))
    finish_run(summary, as_json)


def finish_run(summary: RunSummary, as_json: bool, **more: Any) -> None:
    """Tell what a run did, and exit with its code; `more` goes into the JSON."""
    from uniser_core import __version__
    from uniser_core.output import print_json

    if as_json:
        facts = {"out": summary.out, "made": summary.made, "seconds": round(summary.seconds, 3), "held": summary.held}
        print_json({**facts, **summary.counts, **more, "version": __version__})
    else:
        typer.echo("\n".join(summary.lines()))
    raise typer.Exit(summary.exit_code)


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """`name=value` pairs; values are YAML scalars or lists. Raises InputError without an '='."""
    from uniser_core.documents import read_yaml
    from uniser_core.errors import InputError

    values = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text}", "must be name=value", "see the effect's parameters: uniser effects NAME")
        values[name] = read_yaml(value, f"--set {text}")
    return values


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """`i/n` with 0 <= i < n. Raises InputError otherwise."""
    from uniser_core.errors import InputError

    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise InputError(f"--shard {text}", "must be i/n with 0 <= i < n", "e.g. --shard 0/8 … 7/8")
    return int(index), int(count)
