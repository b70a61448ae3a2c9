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
def presets(as_json: Annotated[bool, typer.Option("--json", help="print as JSON")] = False) -> None:
    """List the weathers that haze is drawn from."""
    from syn_haze.presets import all_presets

    known = all_presets()
    if as_json:
        print(json.dumps([{"group": p.group, **p.model_dump(mode="json")} for p in known], indent=2))
    elif not sys.stdout.isatty():
        for p in known:
            print(f"{p.name}\t{p.variant}\t{p.group}\t{p.about}")
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("preset", "variant", "density", "tau at the median path", "about")
        for p in known:
            table.add_row(p.name, p.variant, p.group, f"{p.optical_depth[0]:g} to {p.optical_depth[1]:g}", p.about)
        Console().print(table)
