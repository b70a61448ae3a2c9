"""The other end of a lane: JSON lines in on stdin, JSON lines out on stdout; it ends when its server does."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any

from uniser_core.errors import UniserError

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[str], None]
    Action = Callable[[dict[str, Any], Tell], dict[str, Any]]

# What each lane can do is in its module's ACTIONS.
LANES = ("photos", "synthesis", "restoration")


def main(lane: str) -> None:
    """Serve calls until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides what a Ctrl-C means
    # What libraries print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    calls: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()

    def say(**message: Any) -> None:
        print(json.dumps(message), file=answers, flush=True)

    actions: dict[str, Action] = import_module(f"uniser_model.serve.{lane}").ACTIONS
    while True:
        call = json.loads(calls.get())
        try:
            say(done=actions[call.pop("do")](call, lambda stage: say(stage=stage)))
        except Exception as error:
            say(error=_line(error))


def _listen(calls: queue.Queue[str]) -> None:
    """Hand calls on; the end of the server ends this process even in the middle of one."""
    for line in sys.stdin:
        calls.put(line)
    os._exit(0)


def _line(error: Exception) -> str:
    if isinstance(error, UniserError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for this picture -> try a smaller one"
    traceback.print_exc()
    return f"unexpected {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


if __name__ == "__main__":
    if sys.argv[1] not in LANES:
        raise SystemExit(f"known lanes: {', '.join(LANES)}")
    main(sys.argv[1])
