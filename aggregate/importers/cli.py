"""`uniser import NAME ROOT --out URI`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from uniser_core.cli_synth import Scheduler, Verify  # noqa: TC002 -- typer reads it

app = typer.Typer(add_completion=False)
GENERIC = "Any pairs (NAME: generic)"
COMPOSE = "Flare layers"


@app.callback(
    invoke_without_command=True,
    no_args_is_help=True,
    subcommand_metavar="",
    context_settings={"allow_interspersed_args": True},
)
def import_set(
    name: Annotated[str | None, typer.Argument(help="the set: see --list; or a .py file that defines one")] = None,
    root: Annotated[str | None, typer.Argument(help="its folder, .zip or .tar, as published")] = None,
    out: Annotated[str | None, typer.Option(help="run folder: a path or an s3://, gs:// URI")] = None,
    list_: Annotated[bool, typer.Option("--list", help="list the sets: effect, numbers, terms")] = False,
    also: Annotated[list[str] | None, typer.Option(help="more of the set, lying elsewhere: read beside ROOT")] = None,
    limit: Annotated[int | None, typer.Option(help="only the first clean pictures")] = None,
    workers: Annotated[int | None, typer.Option(help="processes on this machine; default: its cores")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: make only this part of the shards (farms)")] = None,
    scheduler: Scheduler = None,
    verify: Verify = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print items, hours and bytes; write nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    background: Annotated[
        str | None, typer.Option(help="clean pictures that flares are laid over", rich_help_panel=COMPOSE)
    ] = None,
    variants: Annotated[int | None, typer.Option(help="flares over each picture", rich_help_panel=COMPOSE)] = None,
    seed: Annotated[int | None, typer.Option(help="run seed", rich_help_panel=COMPOSE)] = None,
    crop: Annotated[
        int | None,
        typer.Option(help="side of the square cut out of each, pixels; default 512", rich_help_panel=COMPOSE),
    ] = None,
    input_glob: Annotated[str | None, typer.Option(help="e.g. 'hazy/**/*.png'", rich_help_panel=GENERIC)] = None,
    target_glob: Annotated[str | None, typer.Option(help="e.g. 'clear/*.png'", rich_help_panel=GENERIC)] = None,
    mask_glob: Annotated[str | None, typer.Option(help="e.g. 'mask/*.png'", rich_help_panel=GENERIC)] = None,
    match: Annotated[
        str | None,
        typer.Option(help="what of both names is equal: its groups, or all it matches", rich_help_panel=GENERIC),
    ] = None,
    csv: Annotated[
        str | None, typer.Option(help="columns input, target [, mask, split, …]", rich_help_panel=GENERIC)
    ] = None,
    effect: Annotated[str | None, typer.Option(help="haze, flare, …", rich_help_panel=GENERIC)] = None,
    dataset: Annotated[str | None, typer.Option(help="its name in rows", rich_help_panel=GENERIC)] = None,
    origin: Annotated[
        str | None, typer.Option(help="photo, synthesis_2d or render_3d", rich_help_panel=GENERIC)
    ] = None,
    split: Annotated[str | None, typer.Option(help="train, val or test", rich_help_panel=GENERIC)] = None,
    group: Annotated[
        str | None,
        typer.Option(help="what of the key never straddles the split, e.g. '^[^-]+'", rich_help_panel=GENERIC),
    ] = None,
    license_: Annotated[str | None, typer.Option("--license", help="SPDX id", rich_help_panel=GENERIC)] = None,
    prompt: Annotated[str | None, typer.Option(help="e.g. 'Remove haze.'", rich_help_panel=GENERIC)] = None,
    align: Annotated[
        bool, typer.Option("--align", help="measure how far partners are apart", rich_help_panel=GENERIC)
    ] = False,
) -> None:
    """Turn a published set into pair shards; run it again to go on.

    Pairs that cannot be made are listed in OUT/_run/failed.parquet, and the exit code is 3.
    """
    if list_:
        from uniser_core.output import print_table

        from aggregate.importers.job import listing

        rows = listing()
        # What a root holds is long: in the JSON, and in docs/importers.md.
        print_table(rows if as_json else [{k: v for k, v in r.items() if k != "tree"} for r in rows], as_json)
        return
    given = {
        "also": tuple(also or ()), "background": background, "variants": variants, "seed": seed, "crop": crop,
        "input_glob": input_glob, "target_glob": target_glob, "mask_glob": mask_glob, "match": match, "csv": csv,
        "effect": effect, "dataset": dataset, "origin": origin, "split": split, "group": group, "license": license_,
        "prompt": prompt, "align": align or None,
    }  # fmt: skip
    _run(
        name,
        root,
        out,
        limit,
        workers,
        shard,
        scheduler,
        verify,
        dry_run,
        as_json,
        {k: v for k, v in given.items() if v not in (None, ())},
    )


def _run(
    name: str | None,
    root: str | None,
    out: str | None,
    limit: int | None,
    workers: int | None,
    shard: str | None,
    scheduler: str | None,
    verify: bool,
    dry_run: bool,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    from uniser_core.cli_synth import finish_run, parse_shard, worker_count
    from uniser_core.errors import InputError
    from uniser_core.output import print_facts
    from uniser_core.runner import RunOptions, run_job

    from aggregate.importers.job import ImportJob

    if name is None or root is None or (out is None and not dry_run):
        missing = "NAME" if name is None else "ROOT" if root is None else "--out"
        raise InputError("uniser import", f"needs {missing}", "uniser import NAME ROOT --out URI; uniser import --list")
    count = worker_count(workers)
    run_options = RunOptions(count, parse_shard(shard), progress=not as_json, scheduler=scheduler, verify=verify)
    job = ImportJob(name, root, limit, options)
    job.check()
    if dry_run:
        print_facts(job.plan(count), as_json)
        return
    warnings = job.importer().warnings
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    assert out is not None
    finish_run(run_job(job, out, run_options), as_json, warnings=warnings)
