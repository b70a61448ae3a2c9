"""Give hostile inputs to their readers in a child process that is watched, and count what comes of it.

The child may not write outside its folder, start a process, reach the network or unpickle (an audit hook sees
it), nor take more than `MEMORY_CAP_MB` beyond what it had, nor more than `TIME_CAP_S` of processor time an input.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hostile.mutate import CANARY, hostile
from tests.hostile.seeds import seeds
from tests.hostile.targets import HARMS, TARGETS, harm
from uniser_core.errors import UniserError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TIME_CAP_S = 5
# However long the machine is busy with others.
WALL_CAP_S = 120.0
# A picture of 300 megapixels, the most that is read, is 3.6 GB in linear light.
MEMORY_CAP_MB = 4096
# Read by Blender, in a process of its own in the product too: one that dies or is ended costs its scene alone.
BLENDER = ("glb", "blend")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NEVER = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class", "socket.connect")
PATHS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.move")


@dataclass
class Count:
    """What came of the inputs of one kind; `bad` has a line for each that broke a rule."""

    tried: int = 0
    read: int = 0
    refused: int = 0
    lost: int = 0
    worst_s: float = 0.0
    most_mb: float = 0.0
    bad: list[str] = field(default_factory=list)

    def line(self, kind: str) -> str:
        """For people."""
        return (
            f"{kind}: {self.tried} tried, {self.read} read, {self.refused} refused, {self.lost} lost, "
            f"{len(self.bad)} bad; at most {self.worst_s:.2f} s and {self.most_mb:.0f} MB more"
        )


def run_kind(kind: str, numbers: range) -> Count:
    """Give inputs `numbers` of a kind to its reader. A child that dies costs its input, and another goes on."""
    count, waiting = Count(), list(numbers)
    (made,) = seeds([kind]).values() if kind != "harm" else (list(HARMS),)
    while waiting:
        waiting = _one_child(kind, made, waiting, count)
    return count


def _one_child(kind: str, made: list[bytes], waiting: list[int], count: Count) -> list[int]:
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        left = _watched(kind, made, waiting, count, folder)
        if left_behind := _strangers(Path(folder)):
            count.bad.append(f"{kind}: a child that ended left {left_behind[0].name}")
    return left


def _watched(kind: str, made: list[bytes], waiting: list[int], count: Count, folder: str) -> list[int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs, kind, made, waiting, folder), daemon=True)
    child.start()
    theirs.close()
    at_work: int | None = None
    left = list(waiting)
    try:
        while ours.poll(WALL_CAP_S):
            what, *facts = ours.recv()
            if what == "begin":
                (at_work,) = facts
            elif what == "end":
                left.remove(at_work)
                _note(count, kind, at_work, *facts)
                at_work = None
            else:  # the valid inputs themselves are not read
                raise AssertionError(facts[0])
        ended = "no answer"
        child.kill()
    except EOFError:
        child.join(10)
        code = child.exitcode or 0
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    finally:
        child.kill()
        child.join()
        ours.close()
    if at_work is not None:
        left.remove(at_work)
        count.tried += 1
        ended = {"SIGPROF": f"took more than {TIME_CAP_S} s of processor time"}.get(ended, f"died: {ended}")
        if kind in BLENDER:
            count.lost += 1
        else:
            count.bad.append(f"{kind} {at_work}: {ended}")
    elif left:
        raise AssertionError(f"{kind}: the child ended with {len(left)} inputs left ({ended})")
    return left


def _note(count: Count, kind: str, number: int | None, outcome: str, seconds: float, more_mb: float) -> None:
    count.tried += 1
    count.worst_s, count.most_mb = max(count.worst_s, seconds), max(count.most_mb, more_mb)
    if outcome in ("read", "refused"):
        setattr(count, outcome, getattr(count, outcome) + 1)
    else:
        count.bad.append(f"{kind} {number}: {outcome}")


def _child(connection: Connection, kind: str, made: list[bytes], numbers: list[int], folder: str) -> None:
    # A parent that imported bpy hands on the folder of its scripts, in which another "bpy" lies.
    sys.path[:] = [p for p in sys.path if f"{os.sep}bpy{os.sep}" not in p]
    # What decoders say of damage on their own is a flood here.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    place = Path(folder, "place")
    place.mkdir()
    os.chdir(place)
    if kind == "params":
        (shard,) = seeds(["parquet"])["parquet"]
        Path(folder, "seed.parquet").write_bytes(shard)
    # Imports, caches and pools are there before anything is watched.
    for data in {"harm": [], "blend": made[-1:]}.get(kind, made):
        try:
            TARGETS[kind](data, place)
        except UniserError as error:
            if kind != "yaml":  # each reader takes some of them
                connection.send(("broken", f"a valid {kind} is refused: {error}"))
                return
    watch = _Watch(folder)
    base = _status_mb("VmSize:")
    limit = int(base + MEMORY_CAP_MB) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    for number in numbers:
        connection.send(("begin", number))
        connection.send(
            ("end", *_try(kind, hostile(kind, number, made) if kind != "harm" else made[number], place, watch))
        )
    watch.on = False
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _try(kind: str, data: bytes, place: Path, watch: _Watch) -> tuple[str, float, float]:
    watch.seen.clear()
    before = _status_mb("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, TIME_CAP_S)
    watch.on = True
    try:
        TARGETS.get(kind, harm)(data, place)
        outcome = "read"
    except UniserError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"raised {type(error).__name__}: {str(error)[:120]}"
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds = time.process_time() - start
    if watch.seen:
        outcome = "did " + "; ".join(sorted(watch.seen))
    if strangers := _strangers(place.parent):
        outcome = f"left {strangers[0].name}"
    for file in place.iterdir():
        if file.is_file():
            file.unlink()
    return outcome, seconds, _status_mb("VmHWM:") - before


def _strangers(folder: Path) -> list[Path]:
    """What the code inside an input leaves when it is run, and archives when they are unpacked blindly."""
    return list(folder.rglob(CANARY + "*"))


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


class _Watch:
    """Sees, while it is on, what a reader has no business doing."""

    def __init__(self, folder: str) -> None:
        self.on, self.seen, self.folder = False, set[str](), os.path.realpath(folder)
        self.thread = threading.get_ident()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in NEVER:
            self.seen.add(f"{event} {arguments[:2]!r}"[:200])
        elif event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & WRITING)
            if writes and isinstance(path, (str, bytes)):
                self._inside(event, path)
        elif event in PATHS:
            for path in arguments[:2]:
                if isinstance(path, (str, bytes)):
                    self._inside(event, path)

    def _inside(self, event: str, path: str | bytes) -> None:
        # Threads of libraries keep their own diaries (compiled code, fonts): those lie in caches.
        found = os.path.realpath(os.fsdecode(path))
        ours = (self.folder + os.sep, "/dev/null", "/proc/self/", f"/dev/shm/uniser-frame-{os.getpid()}")
        if not found.startswith(ours) and "__pycache__" not in found:
            self.seen.add(f"{event} {found}")


def totals(counts: dict[str, Count]) -> Counter[str]:
    """Sums over all kinds."""
    summed: Counter[str] = Counter()
    for count in counts.values():
        summed.update(
            {
                "tried": count.tried,
                "read": count.read,
                "refused": count.refused,
                "lost": count.lost,
                "bad": len(count.bad),
            }
        )
    return summed
