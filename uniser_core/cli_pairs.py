"""`uniser pairs`: verify and count pair shards."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True)
Plugin = Annotated[list[str] | None, typer.Option(help="a .py file that registers the effects of these pairs")]


@app.command()
def check(
    uri: Annotated[str, typer.Argument(help="run folder or shard")],
    replay: Annotated[int, typer.Option(help="render every Nth pair again from its row and compare; 0: none")] = 10,
    tolerance: Annotated[int, typer.Option(help="largest difference allowed, in codes of 255; 1 across CPU types")] = 0,
    plugin: Plugin = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Verify schema, sizes, hashes and decoding, and render some pairs again; exit 3 when something is wrong."""
    from uniser_core.pair_check import check_pairs
    from uniser_core.registry import load_plugins

    load_plugins(plugin)
    finish_check(check_pairs(uri, replay_every=replay, tolerance=tolerance), as_json)


def finish_check(report: Any, as_json: bool) -> None:
    """Print a report with `lines()`, `as_dict()` and `problems`; exit 3 when something is wrong."""
    from uniser_core.errors import EXIT_ITEMS_FAILED
    from uniser_core.output import print_json

    if as_json:
        print_json(report.as_dict())
    else:
        for line in report.lines():
            typer.echo(line)
    raise typer.Exit(EXIT_ITEMS_FAILED if report.problems else 0)


@app.command()
def stats(
    uri: Annotated[str, typer.Argument(help="run folder or shard")],
    metric: Annotated[list[str] | None, typer.Option(help="measure this too: psnr_db, ssim, or a plugin's")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Count pairs by effect and variant, with their strength and size."""
    from uniser_core.output import print_table
    from uniser_core.pair_check import pair_stats

    print_table(pair_stats(uri, metric or ()), as_json)


@app.command()
def sheet(
    uri: Annotated[str, typer.Argument(help="run folder or shard")],
    out: Annotated[str, typer.Option(help="picture to write: .png, .jpg or .webp")],
    pictures: Annotated[int, typer.Option(help="clean pictures, one a row")] = 6,
    variants: Annotated[int, typer.Option(help="variants of each")] = 4,
    only: Annotated[list[str] | None, typer.Option(help="only pairs whose id holds this word")] = None,
    size: Annotated[int, typer.Option(help="width of a cell in pixels")] = 240,
    plugin: Plugin = None,
) -> None:
    """Write a contact sheet: each clean picture with some of its variants."""
    from uniser_core.registry import load_plugins
    from uniser_core.sheet import pair_sheet, write_picture

    load_plugins(plugin)
    write_picture(out, pair_sheet(uri, pictures, variants, size, only or ()))
    typer.echo(out)


@app.command()
def show(
    uri: Annotated[str, typer.Argument(help="run folder or shard")],
    out: Annotated[str, typer.Option(help="folder to write to")] = ".",
    html: Annotated[bool, typer.Option("--html", help="one page: filters, sliders, parameters, commands")] = False,
    limit: Annotated[int, typer.Option(help="--html: most pairs on the page")] = 60,
    only: Annotated[list[str] | None, typer.Option(help="only pairs whose id holds this word")] = None,
    size: Annotated[int, typer.Option(help="sheets: width of a cell in pixels")] = 240,
    plugin: Plugin = None,
) -> None:
    """Look at pairs: a contact sheet of each effect, or with --html a page to open in a browser."""
    from uniser_core.gallery import write_gallery, write_sheets
    from uniser_core.registry import load_plugins

    load_plugins(plugin)
    made = [write_gallery(uri, out, limit, only or ())] if html else write_sheets(uri, out, only or (), size)
    typer.echo("\n".join(map(str, made)))


@app.command()
def export(
    uri: Annotated[str, typer.Argument(help="run folder or shard")],
    out: Annotated[str, typer.Option(help="folder to write: a path or a URI")],
    layout: Annotated[str, typer.Option(help="published layout to write: halo")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Write pairs in the layout that a published set has, for loaders made for it."""
    from uniser_core.output import print_facts
    from uniser_core.registry import load_point

    print_facts({"out": out, **load_point("uniser.layouts", layout)(uri, out)}, as_json)
