"""`uniser corpus`: build, verify and count a corpus."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="One balanced corpus from any number of pair sets.")

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def build(
    recipe: Annotated[str, typer.Argument(help="YAML; the smallest is `sources: [URI, …]`")],
    out: Annotated[str, typer.Option("--out", help="folder of the corpus: a path or a URI")],
    guard: Annotated[
        list[str] | None, typer.Option(help="pictures that must not leak: a folder or a pair set; repeatable")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="local processes; 0: threads of this one, one a core")] = 0,
    partitions: Annotated[int, typer.Option(min=0, help="parts the work is cut into; 0: one a shard")] = 0,
    scheduler: Annotated[str | None, typer.Option(help="a running Dask scheduler, tcp://HOST:8786")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count from metadata alone and write nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Validate, drop repeats, split by group, apply quotas, and write the index; the same again does nothing.

    The bytes are the same for any number of workers and partitions.
    """
    from uniser_core.output import print_json

    from aggregate.build import build as build_corpus
    from aggregate.recipe import load_recipe, with_guards

    summary = build_corpus(with_guards(load_recipe(recipe), guard or ()), out, workers, partitions, scheduler, dry_run)
    if as_json:
        print_json({**summary.manifest, "out": out, "notes": summary.notes, "written": summary.written})
        return
    for line in summary.lines():
        typer.echo(line)


@app.command()
def check(
    uri: Annotated[str, typer.Argument(help="folder of a corpus")],
    workers: Annotated[int, typer.Option(min=1, help="threads that read")] = 4,
    as_json: AsJson = False,
) -> None:
    """Verify files, counts, split, and every picture through its byte range; exit 3 when something is wrong."""
    from uniser_core.cli_pairs import finish_check

    from aggregate.check import check_corpus

    finish_check(check_corpus(uri, workers), as_json)


@app.command()
def stats(uri: Annotated[str, typer.Argument(help="folder of a corpus")], as_json: AsJson = False) -> None:
    """Count pairs by effect, dataset and split, with their strength and size."""
    from uniser_core.output import print_table

    from aggregate.check import corpus_stats

    print_table(corpus_stats(uri), as_json, title=uri)
