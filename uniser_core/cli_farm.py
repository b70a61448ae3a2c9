"""`uniser farm`: how far a run is, and another try for what failed."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)
Uri = Annotated[str, typer.Argument(help="run folder: a path or an s3://, gs:// URI")]


@app.command()
def status(uri: Uri, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Shards done, running and failed, rate, time left, slowest items, failures by cause; from the folder alone."""
    from uniser_core.farm import farm_status
    from uniser_core.output import print_json

    found = farm_status(uri)
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo("\n".join(found.lines()))


@app.command("retry-failed")
def retry_failed(uri: Uri, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Take the shards that hold failures out of a run: its own command, run again, makes just these."""
    from uniser_core.farm import retry_failed as free
    from uniser_core.output import print_json

    freed = free(uri)
    if as_json:
        print_json({"uri": uri, "shards": freed})
    elif freed:
        typer.echo(f"{uri}: {len(freed)} shards taken out ({', '.join(map(str, freed))}): run the same command again")
    else:
        typer.echo(f"{uri}: no shard holds a failure that is not being made already")
