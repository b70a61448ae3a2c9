"""`uniser import NAME ROOT --out URI`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.callback(
    invoke_without_command=True,
    no_args_is_help=True,
    subcommand_metavar="",
    context_settings={"allow_interspersed_args": True},
)
def import_set(
    name: Annotated[str, typer.Argument(help="the set: halo")],
    root: Annotated[str, typer.Argument(help="its folder or archive, as published")],
    out: Annotated[str, typer.Option(help="run folder: a path or an s3://, gs:// URI")],
    limit: Annotated[int | None, typer.Option(help="only the first clean pictures")] = None,
    workers: Annotated[int | None, typer.Option(help="processes on this machine; default: its cores")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: make only this part of the shards (farms)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Turn a published set into pair shards; run it again to go on."""
    from uniser_core.cli_synth import default_workers, finish_run, parse_shard
    from uniser_core.runner import RunOptions, run_job

    from aggregate.importers.job import ImportJob

    count = default_workers() if workers is None else workers
    options = RunOptions(count, parse_shard(shard), progress=not as_json)
    finish_run(run_job(ImportJob(name, root, limit), out, options), as_json)
