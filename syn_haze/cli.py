"""`uniser haze`: the haze generator's own commands. Light to import: the root command loads it for --help."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from uniser_core.cli_synth import synth_command

from syn_haze.cli_depth import depth

app = typer.Typer(help="Haze, fog, mist, smog, smoke and dust on pictures that have depth.", no_args_is_help=True)


app.command("render")(synth_command("haze"))
app.command("depth")(depth)


@app.command()
def sheet(
    out: Annotated[str, typer.Argument(help="picture to write: .png, .jpg or .webp")],
    source: Annotated[list[str] | None, typer.Option(help="as for render; several are shown in turn")] = None,
    only: Annotated[list[str] | None, typer.Option(help="only pictures whose name holds this word")] = None,
    variants: Annotated[int, typer.Option(help="weathers on each picture")] = 24,
    size: Annotated[int, typer.Option(help="width of a cell in pixels")] = 220,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write a contact sheet: pictures, each under many weathers."""
    from uniser_core.sheet import write_picture

    from syn_haze.sheet import haze_sheet

    write_picture(out, haze_sheet(source or ["photos"], only or (), variants, size, seed))
    typer.echo(out)


@app.command()
def presets(as_json: Annotated[bool, typer.Option("--json", help="print as JSON")] = False) -> None:
    """List the weathers that haze is drawn from."""
    from syn_haze.presets import all_presets

    known = all_presets()
    if as_json:
        print(json.dumps([{"group": p.group, **p.model_dump(mode="json")} for p in known], indent=2))
    elif not sys.stdout.isatty():
        for p in known:
            print(f"{p.name}\t{p.group} {p.variant}\t{p.about}")
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("group", "preset", "tau at the median path", "about")
        for p in sorted(known, key=lambda p: (p.group, p.variant)):
            group = f"{p.group} {p.variant}"
            table.add_row(group, p.name, f"{p.optical_depth[0]:g} to {p.optical_depth[1]:g}", p.about)
        Console().print(table)
