"""Shards on a running Dask cluster: each is one task, so that whatever dies costs no more than its shards."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import socket
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from uniser_core.errors import InputError, StorageError, UniserError
from uniser_core.job import Job, Plan, ShardDone, make_shard
from uniser_core.run_folder import DASHBOARD_FILE
from uniser_core.supervisor import Supervisor, WorkerLimits, tune_process
from uniser_core.version import generator_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from uniser_core.run_folder import RunFolder

CONNECT_TIMEOUT = "15s"
DASHBOARD_TIMEOUT_S = 3.0
# A network file system may show what another machine renamed only after its caches have aged.
VISIBLE_WITHIN_S = 60.0
# Sources, decoders and effects are made for one shard at a time in a process, whatever threads a worker has.
_ONE_SHARD = threading.Lock()


def connect(scheduler: str) -> Any:
    """A client of a running Dask scheduler. Raises InputError when Dask is missing or nothing answers there."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(f"--scheduler {scheduler}", "needs Dask", "pip install 'uniser[farm]'") from error
    try:
        return Client(scheduler, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        remedy = "start one: dask scheduler, dask worker tcp://HOST:8786"
        raise InputError(f"--scheduler {scheduler}", "does not answer", remedy) from error


def share(client: Any, value: Any) -> Any:
    """`value` for the arguments of many tasks: sent to the cluster once, workers pass it on."""
    # Scattered data dies with the worker that holds its last copy; what a task returns is made again.
    return client.submit(_itself, value, pure=False)


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Share:
    """What every task of a run needs to know, sent once. `guarded`: its items run in a process of their own."""

    job: Job
    plan: Plan
    folder: RunFolder
    retries: int
    limits: WorkerLimits
    guarded: bool = False


def cluster_outcomes(
    scheduler: str, shared: Share, todo: Sequence[int], on_event: Callable[[str, int], None]
) -> Iterator[ShardDone]:
    """Each shard's outcome as it comes from the cluster.

    A shard whose workers keep dying is made once more with each item in a process of its own, so that the item
    to blame is found and set aside. Raises InputError when no scheduler answers, StorageError when it goes away
    or workers cannot write where this machine reads.
    """
    if not todo:
        return
    from distributed import CancelledError, as_completed

    with connect(scheduler) as client, _dashboard(client, shared.folder):
        whole = share(client, shared)
        pending = {client.submit(_make, whole, n, pure=False, key=_key(shared, n)): n for n in todo}
        results = as_completed(list(pending))
        apart = None
        for future in results:
            shard = pending.pop(future)
            try:
                done = future.result()
            except CancelledError as error:
                raise _gone(scheduler) from error
            except Exception as error:
                if isinstance(error, UniserError):
                    raise
                if shared.guarded or not _worker_died(error):
                    raise StorageError(
                        f"shard {shard}", f"{type(error).__name__}: {error}", "see the workers"
                    ) from error
                apart = apart or share(client, replace(shared, guarded=True))
                again = client.submit(_make, apart, shard, pure=False, key=f"{_key(shared, shard)}-apart")
                pending[again] = shard
                results.add(again)
                continue
            if not done.held_by:
                _await_sight(shared.folder, done.shard)
            for item in shared.plan.items(shard):
                on_event("end", item)
            yield done
        if client.status != "running":
            raise _gone(scheduler)


def _key(shared: Share, shard: int) -> str:
    """A name for the dashboard; the time in it, since another run onto this cluster is other work."""
    return f"shard-{shard:05d}-{time.time_ns()}"


def _worker_died(error: Exception) -> bool:
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


def _gone(scheduler: str) -> StorageError:
    remedy = "start it and send the same command again: finished shards stay"
    return StorageError(f"--scheduler {scheduler}", "went away while the run was at work", remedy)


def _make(shared: Share, shard: int) -> ShardDone:
    """The task: one shard, made in the worker itself or, where items need guarding, in a child of it."""
    ours, wanted = generator_name(), shared.job.config().get("generator")
    if wanted is not None and wanted != ours:
        rule = f"runs {ours}, the run was begun by {wanted}"
        raise InputError(f"worker on {socket.gethostname()}", rule, "install one version everywhere")
    with _ONE_SHARD:
        if shared.guarded:
            with _may_have_children():
                supervisor = Supervisor(shared.job, shared.plan, shared.folder, 1, shared.retries, shared.limits)
                return next(iter(list(supervisor.run([shard]))))
        tune_process()
        return make_shard(
            shared.job,
            shared.plan,
            shared.folder,
            shard,
            set_aside={},
            retries=shared.retries,
            notify=lambda what, item: None,
        )


@contextlib.contextmanager
def _may_have_children() -> Iterator[None]:
    """Let this process start others, which a nanny's worker (a daemon to multiprocessing) may not.

    The ban keeps orphans away; a supervisor's workers die with their parent by the kernel's word.
    """
    settings: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    before = settings.pop("daemon", None)
    try:
        yield
    finally:
        if before is not None:
            settings["daemon"] = before


def _await_sight(folder: RunFolder, shard: int) -> None:
    end = time.monotonic() + VISIBLE_WITHIN_S
    while not folder.is_done(shard):
        if time.monotonic() > end:
            where = folder.store.uri
            remedy = "give an --out that all machines share: a network folder, s3://, gs://"
            raise StorageError(where, f"a worker made shard {shard}, but it is not seen from here", remedy)
        time.sleep(0.5)


@contextlib.contextmanager
def _dashboard(client: Any, folder: RunFolder) -> Iterator[None]:
    """Tell where the cluster's dashboard is, here and to `uniser farm status`, while the run lasts."""
    link = str(client.dashboard_link or "")
    if not _answers(link):
        yield
        return
    print(f"dashboard: {link}", file=sys.stderr)
    folder.store.write(DASHBOARD_FILE, json.dumps({"dashboard": link}).encode())
    try:
        yield
    finally:
        folder.store.remove(DASHBOARD_FILE)


def _answers(link: str) -> bool:
    """Whether there is a page: a scheduler without Bokeh names its dashboard all the same."""
    try:
        with urlopen(link, timeout=DASHBOARD_TIMEOUT_S) as page:  # noqa: S310
            return bool(page.status == 200)
    except (OSError, ValueError):
        return False
