"""`uniser contrib`: what these effects look like. Light to import: the root command loads it for --help."""

from __future__ import annotations

from typing import Annotated

import typer

from uniser_core.cli_synth import synth_command

app = typer.Typer(help="The effects that come in one file each.", no_args_is_help=True)


@app.callback()
def _main() -> None:
    """The effects that come in one file each."""


@app.command()
def sheet(
    path: Annotated[str, typer.Argument(help="picture to write: .png, .jpg or .webp")],
    source: Annotated[str, typer.Option(help="photos to show them on")] = "photos",
    only: Annotated[
        list[str] | None, typer.Option(help="only pictures whose name holds this word; in this order")
    ] = None,
    effect: Annotated[list[str] | None, typer.Option(help="only these effects")] = None,
    columns: Annotated[int, typer.Option(help="pictures a row, the clean one among them")] = 4,
    size: Annotated[int, typer.Option(help="width of a cell in px")] = 256,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """A contact sheet: every variant of every effect, one after the other on the pictures of a source."""
    from uniser_core.contrib.sheet import effects_sheet
    from uniser_core.sheet import write_picture

    write_picture(path, effects_sheet(source, only or (), effect or (), columns, size, seed))
    typer.echo(path)


Reflect = Annotated[str | None, typer.Option(help="source of the mirrored scenes (photos, asset:hdris, …), or own")]
app.command("reflection")(synth_command("reflection", {"reflect": (Reflect, None)}))
