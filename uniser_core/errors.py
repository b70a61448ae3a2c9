"""Errors that a user can act on: the value, the rule it breaks, and the remedy, in one line."""

from __future__ import annotations

EXIT_OK = 0
EXIT_BAD_INPUT = 2
EXIT_ITEMS_FAILED = 3
EXIT_INCOMPLETE = 4
EXIT_INTERRUPTED = 130


class UniserError(Exception):
    """Base of all errors shown to a user as one line; `exit_code` is what the command exits with."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, value: str, rule: str = "", remedy: str = "") -> None:
        self.value, self.rule, self.remedy = value, rule, remedy
        super().__init__(": ".join(p for p in (value, rule) if p) + (f" -> {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[type[UniserError], tuple[str, str, str]]:
        return type(self), (self.value, self.rule, self.remedy)


class InputError(UniserError):
    """Bad input: an unreadable file, an impossible value, an unknown name."""


class ConfigMismatchError(UniserError):
    """A run folder already holds a run of another configuration."""


class StorageError(UniserError):
    """The output cannot be written: read-only, full disk, lost connection. Ends the run, resumable."""


class RefusedError(UniserError):
    """An effect declares a frame (or one variant of it) unsuitable: counted and listed, not a failure."""

    exit_code = EXIT_OK
