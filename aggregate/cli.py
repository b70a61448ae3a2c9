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
    plugin: Annotated[
        list[str] | None, typer.Option(help="file of an effect that recipe rows are of; repeatable")
    ] = None,
    pack: Annotated[bool, typer.Option("--pack", help="copy the pictures into the corpus, in its order")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count from metadata alone and write nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Validate, drop repeats, split by group, apply quotas, and write the index; the same again does nothing.

    The bytes are the same for any number of workers and partitions.
    """
    from uniser_core.output import print_json, print_table

    from aggregate.build import build as build_corpus
    from aggregate.recipe import load_recipe, with_guards

    guarded = with_guards(load_recipe(recipe), guard or ())
    summary = build_corpus(guarded, out, workers, partitions, scheduler, dry_run, pack, plugin or ())
    if as_json:
        print_json({**summary.manifest, "out": out, "notes": summary.notes, "written": summary.written})
        return
    if dry_run:
        print_table(summary.manifest["cells"], as_json=False, title="what there is, and what stays")
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
    """Count pairs by effect, dataset, variant and split, with their strength, size and licence."""
    from uniser_core.output import print_table

    from aggregate.stats import corpus_stats

    print_table(corpus_stats(uri), as_json, title=uri)


@app.command()
def report(
    uri: Annotated[str, typer.Argument(help="folder of a corpus")],
    out: Annotated[str | None, typer.Option(help="HTML file to write; default: report.html in the corpus")] = None,
) -> None:
    """Write one self-contained HTML page: counts, strength, sizes, rejects, duplicates, leaks, licences, pictures."""
    from aggregate.report import write_report

    typer.echo(write_report(uri, out))


@app.command()
def export(
    uri: Annotated[str, typer.Argument(help="folder of a corpus")],
    out: Annotated[str, typer.Option("--out", help="folder to write: a path or a URI")],
    layout: Annotated[str, typer.Option("--format", help="webdataset, mds, huggingface or folder")],
    split: Annotated[str | None, typer.Option(help="train or test; default: both, apart")] = None,
    effect: Annotated[list[str] | None, typer.Option(help="only this effect; may be given again")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many pairs: a fair sample")] = None,
    encoder: Annotated[str | None, typer.Option(help="png or jpeg; default: bytes as they are stored")] = None,
    workers: Annotated[int, typer.Option(min=0, help="threads; 0: one a core")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count pairs, parts and bytes, and write nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Write pairs in a layout that other loaders read; recipe rows are rendered.

    The same command again writes what is missing; another export in the same folder is refused.
    """
    from uniser_core.output import print_facts

    from aggregate.export import export as export_pairs

    facts = export_pairs(uri, out, layout, split, effect or (), limit, encoder, workers, dry_run=dry_run)
    print_facts({"out": out, **facts}, as_json)
