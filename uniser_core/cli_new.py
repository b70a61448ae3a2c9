"""`uniser new effect NAME`: one commented file that already runs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)
# Names that the file uses itself, or that Python keeps.
TAKEN = ("EffectParams", "Field", "Layers", "None", "True", "False")


@app.callback()
def _main() -> None:
    """Start an extension of your own."""


@app.command("effect")
def new_effect(
    name: Annotated[str, typer.Argument(help="its name: lower-case letters, digits and dashes")],
    out: Annotated[str | None, typer.Option(help="file to write; default: NAME.py here")] = None,
) -> None:
    """Write one file with a whole effect in it: run it, then make it yours."""
    from pathlib import Path

    from uniser_core.errors import InputError
    from uniser_core.registry import points

    path = Path(out or f"{name.replace('-', '_')}.py")
    text = effect_source(name)
    if path.suffix != ".py":
        raise InputError(f"--out {path}", "must end in .py", "e.g. --out rain.py")
    try:
        with path.open("x") as file:  # "x": a file that is there is never written over
            file.write(text)
    except FileExistsError:
        raise InputError(str(path), "is there already", "choose another --out, or remove it") from None
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "choose another --out") from None
    if name in points("uniser.effects"):
        typer.echo(f"an effect '{name}' is installed already; yours goes before it where you give its file", err=True)
    typer.echo(f"{path}: see it with\n  uniser synth {name} --plugin {path} --sheet sheet.png")


def effect_source(name: str) -> str:
    """The file of a new effect. Raises InputError on a name that an effect cannot have."""
    from importlib.resources import files
    from string import Template

    from uniser_core.registry import check_name

    check_name(name)
    title = "".join(word.capitalize() for word in name.split("-"))
    title += "Effect" if title in TAKEN else ""
    words = {"name": name, "title": title, "words": name.replace("-", " ")}
    return Template(files("uniser_core").joinpath("templates/new_effect.py.txt").read_text()).substitute(words)
