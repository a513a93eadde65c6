"""The parts of a run on a real local Ray cluster: `ray start`, `ray job submit`, an actor that is killed."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sightbench.evaluation.synthetic import render
from tests.evaluation.test_checkpoint_queue import events
from tests.evaluation.test_checkpoints import all_gone, command
from tests.evaluation.test_checkpoints import home as checkpoints
from tests.evaluation.test_shards import merges, scores
from tests.paths import ROOT

__all__ = ["checkpoints"]

pytestmark = pytest.mark.ray

PROGRAM = Path(sys.executable).with_name("ray")


@dataclass(frozen=True)
class Cluster:
    """A head node; `dashboard` is where jobs go."""

    dashboard: str
    environment: dict[str, str]

    def submit(self, *words: object, gpus: int = 0) -> subprocess.Popen[str]:
        job = (PROGRAM, "job", "submit", "--address", self.dashboard, "--entrypoint-num-gpus", gpus)
        command = (*job, "--", sys.executable, *words)
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def free_port(first: int, last: int) -> int:
    for port in range(first, last):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if not PROGRAM.exists():
        pytest.skip("Ray is not installed (make test-ray)")
    # A short path: Ray's sockets lie in it, and their names are bounded.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    # The tasks' ports begin at 10002.
    port, dashboard = free_port(6390, 6490), free_port(8270, 8370)
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("RAY_ADDRESS", None)
    command = f"start --head --block --node-ip-address 127.0.0.1 --port {port} --dashboard-port {dashboard}"
    with (folder / "log").open("w") as log:
        head = subprocess.Popen(
            [
                str(PROGRAM),
                *command.split(),
                *["--num-cpus", "4", "--num-gpus", "2"],
                f"--temp-dir={folder}/t",
            ],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + 120
        url = f"http://127.0.0.1:{dashboard}"
        listed = (str(PROGRAM), "job", "list", "--address", url)
        while subprocess.run(listed, env=environment, capture_output=True).returncode:
            assert head.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(1)
        yield Cluster(url, environment)
    finally:
        # With --block the head ends its own processes.
        head.send_signal(signal.SIGTERM)
        head.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_replica_that_is_killed_is_started_again_and_the_run_is_whole(
    cluster: Cluster, tmp_path: Path
) -> None:
    scenes, run, whole = tmp_path / "scenes", tmp_path / "run", tmp_path / "whole"
    render(scenes, 24, 7)
    asked = ("--task", "all", "--data", scenes, "--out")
    job = cluster.submit("examples/ray_shards.py", "baseline", "--replicas", 3, "--gpus", 0, *asked, run)
    shard = run / "shards" / "1-of-3"
    until = time.monotonic() + 180
    while not ((shard / "replies.jsonl").exists() and (shard / "replies.jsonl").stat().st_size):
        assert job.poll() is None and time.monotonic() < until, job.communicate()[0]
        time.sleep(0.005)
    # Its lock says who it is: the actor itself.
    os.kill(int((shard / "lock").read_text().split()[0]), signal.SIGKILL)
    told = job.communicate(timeout=240)[0]
    assert job.returncode == 0, told
    assert " 0 kept" not in told.split("part 1/3:")[1].splitlines()[0], told
    command = [sys.executable, str(ROOT / "bench.py"), "--quiet", *map(str, asked), str(whole)]
    subprocess.run(command, check=True, capture_output=True)
    assert scores(run) == scores(whole) and merges(run) == 1


def test_a_sweep_takes_the_gpus_that_ray_gives_the_job(cluster: Cluster, checkpoints: Path) -> None:
    words = command(checkpoints, "--checkpoints", str(checkpoints / "sft"), gpus=1)[1:]
    job = cluster.submit(*words, gpus=2)
    told = job.communicate(timeout=240)[0]
    assert job.returncode == 0, told
    begun = [event for event in events(checkpoints) if event[0] == "start"]
    assert len(begun) == 3 and {event[2] for event in begun} == {"0", "1"}
    assert all_gone(checkpoints) and (checkpoints / "out" / "sweep.html").exists()
