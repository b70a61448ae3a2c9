"""Where the work runs: threads here, local processes, or a Dask scheduler. Results never depend on it."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from uniser_core.cluster import connect, share
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TREE_WIDTH = 8


class Executor:
    """Runs one function over many arguments with `dask.delayed`, and joins the results in order as a tree."""

    def __init__(self, client: Any = None, threads: int | None = None) -> None:
        self.client, self.threads = client, threads

    def reduce(self, run: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], join: Any, what: str) -> Any:
        """`join` of `run(*a)` for all arguments, in their order; progress on a terminal under the name `what`."""
        import dask.local
        import dask.threaded

        tasks = [dask.delayed(run, pure=False)(*a) for a in arguments]
        with _bar(len(tasks), what) as bar:
            if self.client is None:
                counted = _on_task({task.key for task in tasks}, bar)
                # Named as functions, because a name makes Dask import its distributed part, a second of work.
                scheduler = dask.local.get_sync if self.threads == 1 else dask.threaded.get
                with counted:
                    (done,) = dask.compute(_tree(tasks, join), scheduler=scheduler, num_workers=self.threads)
                return done
            from distributed import as_completed

            # A few at a time: with what all tasks carry, one graph would be too large a message.
            batches = (tasks[i : i + TREE_WIDTH] for i in range(0, len(tasks), TREE_WIDTH))
            futures = [future for batch in batches for future in self.client.compute(batch)]
            for _ in as_completed(futures):
                bar.update(1)
            return self.client.compute(_tree(futures, join)).result()

    def share(self, value: Any) -> Any:
        """`value` for the arguments of many tasks: sent to a cluster once, workers pass it on."""
        return value if self.client is None else share(self.client, value)


def flatten(parts: list[list[Any]]) -> list[Any]:
    """Joins lists into one, in their order: the `join` of work whose results are lists."""
    return [item for part in parts for item in part]


def _tree(parts: list[Any], join: Any) -> Any:
    import dask

    joined = dask.delayed(join, pure=False)
    while True:
        parts = [joined(parts[i : i + TREE_WIDTH]) for i in range(0, len(parts), TREE_WIDTH)]
        if len(parts) == 1:
            return parts[0]


@contextlib.contextmanager
def executor(workers: int = 0, scheduler: str | None = None) -> Iterator[Executor]:
    """`workers` 0: threads, one a core; 1: one thread; N: N local processes. `scheduler`: a running Dask cluster.

    Raises InputError when Dask is not installed or the scheduler does not answer.
    """
    try:
        import dask  # noqa: F401
    except ImportError as error:
        raise InputError("corpus build", "needs Dask", "pip install 'uniser[aggregate]'") from error
    if scheduler:
        with connect(scheduler) as client:
            yield Executor(client)
    elif workers > 1:
        from distributed import Client, LocalCluster

        with (
            tempfile.TemporaryDirectory(prefix="uniser-dask-") as folder,
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=folder,
                silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield Executor(client)
    else:
        yield Executor(threads=workers or None)


def _bar(total: int, what: str) -> Any:
    from tqdm import tqdm

    shown = sys.stderr.isatty()
    return tqdm(total=total, desc=what, unit="part", smoothing=0, disable=not shown, dynamic_ncols=True)


def _on_task(keys: set[str], bar: Any) -> Any:
    from dask.callbacks import Callback

    def done(key: Any, _value: Any, _dsk: Any, _state: Any, _worker: Any) -> None:
        if key in keys:
            bar.update(1)

    return Callback(posttask=done)
