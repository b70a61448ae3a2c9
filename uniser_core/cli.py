"""The root of the command line. Commands of the packages are found by entry point and stay light until run."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer import _click as click  # typer carries its own click
from typer.core import TyperGroup

from uniser_core import cli_assets, cli_effects, cli_farm, cli_new, cli_pairs, cli_synth
from uniser_core.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_OK, UniserError

HELP = "Make, balance and learn from pairs of photos with and without soft effects: flare, haze, shadow, reflection."
app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


class EffectGroup(TyperGroup):
    """`uniser synth EFFECT`: one command an effect, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Effects that are shipped or installed; those of --plugin files are found by name."""
        from uniser_core.registry import effect_names

        return effect_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one effect, with its parameters in the help."""
        single = typer.Typer(add_completion=False)
        # Help of a list must not import every effect: parameters are shown in a single effect's help only.
        epilog = _params_help(cmd_name) if "--help" in sys.argv and cmd_name in sys.argv else None
        single.command(cmd_name, epilog=epilog)(cli_synth.synth_command(cmd_name))
        return typer.main.get_command(single)


def _params_help(name: str) -> str:
    from uniser_core.cli_effects import effect_params
    from uniser_core.registry import load_plugin

    for flag, value in zip(sys.argv, sys.argv[1:], strict=False):
        if flag == "--plugin":
            load_plugin(value)
    lines = [f"{p['parameter']}: {p['type']} {p['rule']} {p['meaning']}".rstrip() for p in effect_params(name)]
    return "Parameters (--set name=value):\n\n" + "\n\n".join(lines)


app.add_typer(typer.Typer(cls=EffectGroup, no_args_is_help=True), name="synth", help="Any effect on any source.")
app.add_typer(cli_effects.app, name="effects", help="List effects, and check that they keep the contract.")
app.add_typer(cli_new.app, name="new", help="Start an extension of your own.")
app.command()(cli_effects.preview)
app.command()(cli_effects.plugins)
app.add_typer(cli_assets.app, name="assets", help="Photos, furniture, HDRIs and the text encoder, with their licences.")
app.add_typer(cli_pairs.app, name="pairs", help="Verify, count and look at pair shards.")
app.add_typer(cli_farm.app, name="farm", help="How a run on many machines goes, and another try for what failed.")


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="haze, halo, …")],
    frames: Annotated[bool, typer.Option("--frames", help="halo: the frames")] = False,
    against: Annotated[
        str | None,
        typer.Option(help="haze: another renderer's script, run as PYTHON PATH --input=DIR --depth=DIR --output=DIR"),
    ] = None,
    rows: Annotated[str | None, typer.Option(help="corpus: rows of the synthetic sources, such as 400k,3.8M")] = None,
    data: Annotated[str | None, typer.Option(help="objective, restore: the corpus")] = None,
    minutes: Annotated[float | None, typer.Option(help="objective: training time of each")] = None,
    device: Annotated[str | None, typer.Option(help="train: cuda prints the MFU too")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="restore: with --data, what to judge on held-out pairs")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure ours beside a peer, in one run."""
    from inspect import signature

    from uniser_core.bench import format_lines
    from uniser_core.errors import InputError
    from uniser_core.registry import load_point

    run = load_point("uniser.benches", name)
    options = {
        "frames": frames,
        "against": against,
        "rows": rows,
        "data": data,
        "minutes": minutes,
        "checkpoint": checkpoint,
        "device": device,
    }
    given = {k: v for k, v in options.items() if v}
    for option in set(given) - set(signature(run).parameters):
        raise InputError(f"--{option}", f"is not an option of 'uniser bench {name}'", "leave it out")
    typer.echo(format_lines(run(**given), as_json))


@app.command("warm-up")
def warm_up(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Compile the effects' inner loops now, once, so that no run waits for it."""
    from uniser_core.output import print_facts
    from uniser_core.warm_up import warm_up as compile_all

    print_facts(compile_all(), as_json)


@app.command()
def demo(
    out: Annotated[str, typer.Option(help="folder for everything the demo makes")] = "demo_out",
    source: Annotated[str, typer.Option(help="photos to use")] = "photos",
    scenes: Annotated[str | None, typer.Option(help="scenes to render frames of; default: six small ones")] = None,
    minutes: Annotated[float, typer.Option(help="training time")] = 2.5,
    variants: Annotated[int, typer.Option(help="haze variants of each photo; other effects have fewer")] = 18,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """The whole story: photos to pairs to corpus to a trained model to a page; exit 1 if the model does not help."""
    from uniser_core.demo import SCENES, DemoOptions, gains, run_demo
    from uniser_core.demo_page import write_page

    options = DemoOptions(out, source, scenes or SCENES, variants, minutes=minutes, seed=seed)
    result = run_demo(options)
    typer.echo(f"\npage: {write_page(result)}")
    for effect in sorted({c.effect for c in result.crops}):
        found = gains(result.of(effect))
        typer.echo(f"{effect}: mean {found['mean_gain_db']:+.2f} dB, median {found['median_gain_db']:+.2f} dB, "
                   f"{found['share_improved']:.0%} of {found['held_out_crops']} crops improved")  # fmt: skip
    gain, pictures = result.mean_gain_db, len({c.picture for c in result.crops})
    typer.echo(f"mean PSNR gain on {pictures} held-out pictures ({len(result.crops)} crops): {gain:+.2f} dB")
    if gain <= 0:
        typer.echo("the gain is not positive: the model has not learnt to help; train longer (--minutes)", err=True)
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Global options."""
    if debug:
        os.environ["UNISER_DEBUG"] = "1"
    if version:
        from uniser_core.version import generator_name

        typer.echo(generator_name())
        raise typer.Exit


def _add_commands() -> None:
    from uniser_core.registry import working_points

    for name, found in working_points("uniser.commands").items():
        app.add_typer(found, name=name)


def main() -> None:
    """Entry point: one line for every expected error, a traceback only with --debug."""
    debug = "--debug" in sys.argv or bool(os.environ.get("UNISER_DEBUG"))
    # --debug is accepted anywhere on the line.
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    if debug:
        os.environ["UNISER_DEBUG"] = "1"
    try:
        _add_commands()
        code = app(args=arguments, prog_name="uniser", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else EXIT_OK)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("uniser: interrupted; what is finished stays, the same command goes on from there", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_BAD_INPUT)
    except UniserError as error:
        if debug:
            raise
        typer.echo(f"uniser: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        typer.echo(f"uniser: unexpected {type(error).__name__}: {error} -> run with --debug and report it", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
