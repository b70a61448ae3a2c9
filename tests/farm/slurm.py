"""A real SLURM of one node on this machine: its own munge key, ports and folders, gone when the tests are."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DAEMONS = ("munged", "slurmctld", "slurmd")
SBIN = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
PYTHON = Path(sys.executable).parent

needs_slurm = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(name, path=SBIN) is None for name in DAEMONS),
    reason="needs root and SLURM: apt-get install slurm-wlm munge",
)

CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _end(pid_file: Path) -> None:
    """Tell a daemon to go, and wait until it is gone: it writes into the folder to the last."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            os.kill(pid, 0)
            time.sleep(0.1)


class Slurm:
    """Commands of the cluster: `run("sbatch", …)`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.environment = os.environ | {
            "SLURM_CONF": str(place / "slurm.conf"), "PATH": f"{PYTHON}:{SBIN}", "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def run(self, *command: object, code: int | None = 0) -> str:
        """What a command prints; with `code`, its exit status must be that."""
        done = subprocess.run(
            [str(c) for c in command], env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=600
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@contextlib.contextmanager
def one_node(place: Path) -> Iterator[Slurm]:
    """Bring the cluster up under `place` (a short path: sockets' names are), and take it down."""
    host = socket.gethostname().split(".")[0]
    key = place / "key" / "munge.key"
    for folder in (key.parent, place / "state", place / "spool"):
        folder.mkdir(mode=0o700)
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    (place / "slurm.conf").write_text(CONFIGURATION.format(host=host, place=place, ports=_free_ports(2)))
    slurm = Slurm(place)
    munge = {"key-file": key, "socket": place / "munge.socket", "pid-file": place / "munged.pid",
             "log-file": place / "munged.log", "seed-file": place / "munge.seed"}  # fmt: skip
    try:
        slurm.run("munged", "--force", *(f"--{name}={path}" for name, path in munge.items()))
        slurm.run("slurmctld", "-f", place / "slurm.conf")
        slurm.run("slurmd", "-f", place / "slurm.conf", "-N", host)
        end = time.monotonic() + 60
        while "idle" not in slurm.run("sinfo", "--noheader", "-o", "%T", code=None):
            assert time.monotonic() < end, (place / "slurmctld.log").read_text()[-2000:]
            time.sleep(0.5)
        yield slurm
    finally:
        for name in reversed(DAEMONS):
            _end(place / f"{name}.pid")
