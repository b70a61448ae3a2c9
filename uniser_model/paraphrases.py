"""Files of paraphrases: for each effect, other words for its removal, and under "add EFFECT" for adding it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uniser_core.documents import read_yaml
from uniser_core.errors import InputError

# The name of the file that comes along.
DEFAULT = "default"
OWN_FILE = Path(__file__).with_suffix(".yaml")


def checked(values: Any, where: str) -> dict[str, list[str]]:
    """Effect -> prompts. Raises InputError for what is none, an effect without prompts, or an empty prompt."""
    if not isinstance(values, dict) or not values:
        raise InputError(where, "must map effects to lists of prompts", "for instance haze: [Dehaze this image.]")
    for effect, prompts in values.items():
        if not isinstance(prompts, list | tuple) or not prompts:
            raise InputError(f"{where}, {effect}: {prompts!r}", "must be a list of prompts", "give one or more")
        for prompt in prompts:
            if not isinstance(prompt, str) or not prompt.strip():
                raise InputError(f"{where}, {effect}: {prompt!r}", "must be a prompt", "write it, in quotes")
    return {str(effect): list(prompts) for effect, prompts in values.items()}


def read_paraphrases(where: str) -> dict[str, list[str]]:
    """The prompts of a YAML file, or of `default`. Raises InputError when it cannot be read."""
    path = OWN_FILE if where == DEFAULT else Path(where)
    try:
        return checked(read_yaml(path.read_bytes(), where), where)
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"supervision.paraphrases={where}", f"cannot be read ({reason})", "name a YAML file") from None
