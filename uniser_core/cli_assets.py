"""`uniser assets`: photos, models and panoramas out of published packages, each with its licence."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="an asset, see uniser assets list")]
Json = Annotated[bool, typer.Option("--json")]


@app.command("list")
def list_assets(
    name: Annotated[str | None, typer.Argument(help="show this asset's files, each with licence and author")] = None,
    as_json: Json = False,
) -> None:
    """List the assets, or one fetched asset's files."""
    from uniser_core import assets
    from uniser_core.output import print_json, print_table

    if name is not None:
        print_table(assets.licensed_files(name), as_json, title=name)
        return
    rows = [assets.describe(known) for known in assets.catalog()]
    if as_json:
        print_json(rows)
        return
    shown = [
        {
            "name": row["name"],
            "files": row["files"],
            "size": f"{row['bytes'] / 1e6:.1f} MB",
            "fetched": row["fetched"],
            "licenses": ", ".join(row["licenses"]),
            "from": ", ".join(f"{p} (missing)" if p in row["missing"] else p for p in row["packages"]),
        }
        for row in rows
    ]
    print_table(shown, as_json=False)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="assets, or all")],
    as_json: Json = False,
) -> None:
    """Fetch assets into the cache (UNISER_CACHE chooses another), and what an earlier fetch had to leave out."""
    from uniser_core import assets
    from uniser_core.output import print_json

    wanted = list(assets.catalog()) if names == ["all"] else names
    for name in wanted:
        assets.get_asset(name)
    rows = []
    for name in wanted:
        assets.fetch_asset(name)
        rows.append(assets.describe(name))
        if not as_json:
            typer.echo(f"{name}  {rows[-1]['files']} files  {rows[-1]['bytes'] / 1e6:.1f} MB  {rows[-1]['path']}")
    if as_json:
        print_json(rows)


@app.command()
def path(name: Name) -> None:
    """Print the folder of an asset, fetched on first use."""
    from uniser_core import assets

    typer.echo(assets.asset_path(name))
