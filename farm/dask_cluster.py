"""Start Dask workers through SLURM, PBS or LSF, and run a generator on them (needs dask-jobqueue: uniser[farm]).

    python farm/dask_cluster.py slurm --jobs 8 -- haze render --source /shared/photos --out /shared/pairs/haze

Jobs come and go with the work (at most --jobs). Sent again, the same line makes what is missing. `--show` prints
the script that would be submitted, and submits nothing.
"""

import argparse
import subprocess
import sys

from dask_jobqueue import LSFCluster, PBSCluster, SLURMCluster
from dask_jobqueue.core import JobQueueCluster

KINDS: dict[str, type[JobQueueCluster]] = {"slurm": SLURMCluster, "pbs": PBSCluster, "lsf": LSFCluster}
# A worker makes one shard at a time, on one thread: as many workers as cores.
PROLOGUE = ["export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1"]
# Two minutes before its job ends a worker takes no more shards; what it holds is made elsewhere.
STOP_BEFORE_END_S = 120
DEATH_TIMEOUT_S = 300


def parse(words: list[str]) -> argparse.Namespace:
    """The words of the command line; `command` is what follows the `--`."""
    split = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--jobs", type=int, default=4, help="most jobs at a time")
    parser.add_argument("--cores", type=int, default=8, help="cores of a job, one worker each")
    parser.add_argument("--memory", default="16GB", help="memory of a job")
    parser.add_argument("--hours", type=int, default=8, help="longest time of a job")
    parser.add_argument("--queue", help="partition or queue")
    parser.add_argument("--account", help="account or project to charge")
    parser.add_argument("--interface", help="network card that nodes reach this machine by, e.g. ib0")
    parser.add_argument("--logs", default="dask-logs", help="folder for the jobs' output")
    parser.add_argument("--extra", action="append", default=[], help="one more line of the job's head, e.g. --requeue")
    parser.add_argument("--show", action="store_true", help="print the job's script and submit nothing")
    given = parser.parse_args(words[:split])
    given.command = words[split + 1 :]
    if not given.show and not given.command:
        parser.error("after --, say what is to be made, e.g. -- haze render --source … --out …")
    return given


def cluster_of(given: argparse.Namespace) -> JobQueueCluster:
    """A scheduler in this process; no job is submitted before it is scaled."""
    limit_s = given.hours * 3600 - STOP_BEFORE_END_S
    lsf = given.kind == "lsf"
    return KINDS[given.kind](
        cores=given.cores,
        processes=given.cores,
        memory=given.memory,
        walltime=f"{given.hours:02d}:00" if lsf else f"{given.hours:02d}:00:00",
        queue=given.queue,
        interface=given.interface,
        log_directory=given.logs,
        death_timeout=DEATH_TIMEOUT_S,
        job_script_prologue=PROLOGUE,
        job_extra_directives=given.extra,
        **{"project" if lsf else "account": given.account},
        worker_extra_args=["--lifetime", f"{limit_s}s", "--lifetime-stagger", "60s"],
    )


def main() -> int:
    """Run the generator; its exit code."""
    given = parse(sys.argv[1:])
    with cluster_of(given) as cluster:
        if given.show:
            print(cluster.job_script())
            return 0
        cluster.adapt(minimum_jobs=1, maximum_jobs=given.jobs)
        command = [sys.executable, "-m", "uniser_core.cli", *given.command, "--scheduler", cluster.scheduler_address]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
