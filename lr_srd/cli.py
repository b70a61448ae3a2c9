"""`uniser shadow`: the shadow generator's own commands. Light to import: the root command loads it for --help."""

from __future__ import annotations

from typing import Annotated

import typer
from uniser_core.cli_synth import synth_command

app = typer.Typer(help="Shadows on pictures that have depth.", no_args_is_help=True)


@app.callback()
def _main() -> None:
    """Shadows of objects and of what stands outside the picture."""


app.command("render")(
    synth_command(
        "shadow",
        {
            "occluders": (
                Annotated[
                    str | None,
                    typer.Option(help="foliage,window,railing,building,hand,person: what casts shadows from outside"),
                ],
                None,
            ),
            "objects": (
                Annotated[
                    str | None,
                    typer.Option(help="furniture, or a folder of RGBA cut-outs: pasted objects that cast shadows"),
                ],
                None,
            ),
        },
    )
)
