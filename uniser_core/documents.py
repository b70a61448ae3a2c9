"""YAML and JSON that others wrote: plain values, or one InputError whatever is wrong with them."""

from __future__ import annotations

import json
from typing import Any

from uniser_core.errors import InputError


def read_yaml(text: str | bytes, what: str) -> Any:
    """The value of a YAML text (UTF-8); tags that would build objects are refused. `what` is for messages alone.

    Raises InputError when it is no YAML, no text, over 256 KiB, nested over 64 deep, over a million values once its
    aliases are written out, or holds a number or date that cannot be.
    """
    import yaml

    from uniser_core.plain_yaml import MOST_BYTES, load_plain

    if len(text) > MOST_BYTES:
        raise InputError(what, f"has {len(text):,} bytes, {MOST_BYTES:,} at most are read", "cut it into several")
    try:
        return load_plain(text.decode() if isinstance(text, bytes) else text)
    except yaml.YAMLError as error:
        raise InputError(what, "is not YAML: " + " ".join(str(error).split()), "mend that line") from None
    except RecursionError:
        raise InputError(what, "is nested too deep", "mend it") from None
    except (ValueError, TypeError) as error:
        raise InputError(what, f"is not YAML: {error}", "mend it") from None


def read_json_object(text: str | bytes, what: str) -> dict[str, Any]:
    """The members of a JSON object. Raises InputError when it is none; `what` is for messages alone."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(what, f"is not JSON ({error})", "it is damaged: make it again") from None
    if not isinstance(value, dict):
        raise InputError(what, f"is {type(value).__name__}, must be a JSON object", "it is damaged: make it again")
    return value
