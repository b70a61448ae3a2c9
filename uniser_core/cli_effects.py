"""`uniser effects`, `uniser effects check`, `uniser preview`, `uniser plugins`: what there is, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer import _click as click

Plugin = Annotated[list[str] | None, typer.Option(help="a .py file that registers effects")]
Json = Annotated[bool, typer.Option("--json", help="print as JSON")]


class EffectsGroup(TyperGroup):
    """`uniser effects NAME` is short for `uniser effects show NAME`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A word that is no command is the name of an effect."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


app = typer.Typer(cls=EffectsGroup, subcommand_metavar="[NAME | check …]")


@app.callback(invoke_without_command=True)
def effects(ctx: typer.Context, plugin: Plugin = None, as_json: Json = False) -> None:
    """List the effects; with a name, that effect's parameters."""
    from uniser_core.registry import load_plugins, working_effects

    load_plugins(plugin)
    if ctx.invoked_subcommand is not None:
        return
    from uniser_core.output import print_table

    rows = [
        {
            "effect": found.name,
            "dataset": found.dataset,
            "needs": " ".join(found.needs) or "-",
            "recipe": "yes" if found.fast else "no",
            "tags": " ".join(found.tags) or "-",
            "prompt": found.prompt,
        }
        for found in working_effects()
    ]
    print_table(rows, as_json, title="effects")


@app.command()
def show(name: Annotated[str, typer.Argument(help="an effect")], plugin: Plugin = None, as_json: Json = False) -> None:
    """Show one effect's parameters; `uniser effects NAME` is the same."""
    from uniser_core.output import print_table
    from uniser_core.registry import load_plugins

    load_plugins(plugin)
    print_table(effect_params(name), as_json, title=name)


def effect_params(name: str) -> list[dict[str, str]]:
    """Name, type, rule and meaning of each parameter of an effect."""
    from uniser_core.registry import get_effect

    rows = []
    for field, info in get_effect(name).Params.model_fields.items():
        kind = getattr(info.annotation, "__name__", str(info.annotation))
        rule = ", ".join(str(m) for m in info.metadata)
        rows.append({"parameter": field, "type": kind, "rule": rule, "meaning": info.description or ""})
    return rows


@app.command()
def check(
    target: Annotated[str | None, typer.Argument(help="a .py file, or the name of an effect")] = None,
    every: Annotated[bool, typer.Option("--all", help="every effect there is")] = False,
    plugin: Plugin = None,
    largest: Annotated[str, typer.Option(help="largest picture to try, WIDTHxHEIGHT")] = "3840x2160",
    as_json: Json = False,
) -> None:
    """Run the contract over an effect: every failure says value, rule and remedy; exit 1 when there is one."""
    from uniser_core.effect_check import check_effects, targets
    from uniser_core.errors import InputError
    from uniser_core.output import print_json
    from uniser_core.registry import load_plugins

    if every == (target is not None):
        raise InputError("effects check", "takes a file, a name or --all", "e.g. uniser effects check rain.py")
    load_plugins(plugin)
    reports = []
    for report in check_effects(targets(target), parse_size(largest)):
        reports.append(report)
        if not as_json:
            typer.echo("\n".join(report.lines()))
    if as_json:
        print_json([r.as_dict() for r in reports])
    if not all(r.passed for r in reports):
        raise typer.Exit(1)


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of WIDTHxHEIGHT. Raises InputError otherwise."""
    from uniser_core.errors import InputError

    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"--largest {text}", "must be WIDTHxHEIGHT", "e.g. 1920x1080")
    return int(height), int(width)


def preview(
    effect: Annotated[str, typer.Argument(help="an effect, or a .py file of one")],
    image: Annotated[str, typer.Argument(help="a picture; or, with --pair, the run folder of the pair")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="fix a parameter: name=value")] = None,
    pair: Annotated[str | None, typer.Option(help="start from this pair's picture and parameters")] = None,
    out: Annotated[
        str | None, typer.Option(help="before and after, side by side: .png, .jpg, .webp; or .html: a slider")
    ] = None,
    seed: Annotated[int, typer.Option(help="what `uniser synth --seed` would draw for its first variant")] = 0,
    preset: Annotated[str | None, typer.Option(help="named ranges of the effect's parameters")] = None,
    depth: Annotated[str, typer.Option(help="as for `uniser synth`")] = "auto",
    max_size: Annotated[int, typer.Option(help="shrink the picture to this many pixels on the long side")] = 1024,
    plugin: Plugin = None,
    as_json: Json = False,
) -> None:
    """One picture, before and after: written at once, its parameters printed."""
    from uniser_core.cli_synth import parse_settings
    from uniser_core.preview import PreviewOptions, make_preview

    options = PreviewOptions(effect, image, parse_settings(set_ or []), pair, out, seed, preset, depth, max_size)
    _print_preview(make_preview(options, plugin or []), as_json)


def _print_preview(facts: dict[str, Any], as_json: bool) -> None:
    from uniser_core.output import print_facts, print_json

    if as_json:
        print_json(facts)
    else:
        print_facts({**{k: v for k, v in facts.items() if k != "params"}, **facts["params"]}, as_json=False)


def plugins(as_json: Json = False) -> None:
    """List everything that is plugged in, by entry point group, and say what does not load."""
    from uniser_core.extension_points import EXTENSION_POINTS
    from uniser_core.output import print_table
    from uniser_core.plugin_list import plugin_rows

    print_table(plugin_rows(sorted(EXTENSION_POINTS)), as_json, title="plugins")
