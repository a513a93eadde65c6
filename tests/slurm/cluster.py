"""A real Slurm of one node: munged, slurmctld and slurmd as our own processes, everything of theirs in one
folder. The node claims more cores and GPUs than the machine has; nobody is bound to them."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightbench.servers.ports import held_free
from tests.paths import ROOT

SBIN = "/usr/sbin"
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scontrol", "squeue")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")
"""What stands for GPUs: Slurm gives each task one of them and sets CUDA_VISIBLE_DEVICES."""

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=pmi2
GresTypes=gpu
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0
ReturnToService=2
KillWait=2
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=64 RealMemory=4000 Gres=gpu:4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Slurm that runs; `environment` is that of its commands and jobs."""

    environment: Mapping[str, str]

    def run(self, *words: object, cwd: Path = ROOT, timeout: float = 120, check: bool = True) -> str:
        """What a command prints, both streams together, once it has ended."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done.stdout

    def state(self, job: str) -> str:
        """Of a job or of one task of an array: PENDING, RUNNING, COMPLETED, FAILED, ..."""
        shown = self.run("scontrol", "--oneliner", "show", "job", job)
        return shown.split("JobState=")[1].split()[0]

    def wait(self, job: str, *states: str, seconds: float = 120) -> str:
        """Waits until a job is in one of the states, and returns which."""
        until = time.monotonic() + seconds
        while (state := self.state(job)) not in states:
            assert time.monotonic() < until, f"job {job} is {state}"
            time.sleep(0.2)
        return state


def installed() -> bool:
    return all(shutil.which(name, path=_path()) for name in PROGRAMS)


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    """A cluster until the block ends. AssertionError, with what its daemons said, if it does not come up."""
    # Not pytest's folder: munge wants a socket that everybody may reach.
    folder = Path(tempfile.mkdtemp(prefix="sightbench-slurm-"))
    folder.chmod(0o755)
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge" / "key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(1024))
    host = socket.gethostname().split(".")[0]
    holding = contextlib.ExitStack()
    port = holding.enter_context(held_free((1,)))
    config = CONFIG.format(host=host, controller=port, daemon=port + 1, folder=folder, user=getpass.getuser())
    (folder / "slurm.conf").write_text(config)
    gpus = "".join(f"Name=gpu File={device}\n" for device in DEVICES)
    (folder / "gres.conf").write_text("AutoDetect=off\n" + gpus)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "COV_"))},
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": _path(),
    }
    munge = [f"--{name}={folder}/munge/{file}" for name, file in MUNGE.items()]
    commands = (["munged", "--foreground", *munge], ["slurmctld", "-D"], ["slurmd", "-D", "-N", host])
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.log").open("wb") as log:
                daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder))
            if command[0] == "munged":
                _until(lambda: (folder / "munge" / "socket").exists(), folder)
        cluster = Cluster(environment)
        _until(lambda: "idle" in cluster.run("sinfo", "--noheader", "--format=%t", check=False), folder)
        yield cluster
        cluster.run("scancel", "--user", getpass.getuser(), check=False)
    finally:
        for process in reversed(daemons):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        holding.close()
        shutil.rmtree(folder, ignore_errors=True)


MUNGE = {
    "key-file": "key",
    "socket": "socket",
    "pid-file": "pid",
    "log-file": "log",
    "seed-file": "seed",
}


def _path() -> str:
    """Ours first: `python` and `sightbench` in a job are those that run the tests."""
    return os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"], SBIN))


def _until(done: object, folder: Path) -> None:
    assert callable(done)
    until = time.monotonic() + 30
    while not done():
        if time.monotonic() > until:
            said = "\n".join(log.read_text() for log in sorted(folder.glob("*.log")))
            raise AssertionError(f"Slurm did not come up:\n{said}")
        time.sleep(0.1)
