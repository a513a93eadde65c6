"""The parts of a run on a real local Ray cluster: `ray start`, `ray job submit`, an actor that is killed."""

from __future__ import annotations

import contextlib
import json
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

import pytest

from sightbench.evaluation.synthetic import render
from tests.engines.server import tiny_model
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

    def submit(
        self, *words: object, gpus: int = 0, also: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """A job that sees the head's environment, and `also` this."""
        job = ["job", "submit", "--address", self.dashboard, "--entrypoint-num-gpus", gpus]
        job += ["--working-dir", ROOT, "--runtime-env-json", json.dumps({"env_vars": dict(also or {})})]
        command = (PROGRAM, *job, "--", sys.executable, *words)
        return subprocess.Popen(
            [str(word) for word in command],
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
            # Not here: what a job finds, its own copy of the working folder has.
            cwd=folder,
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


def actor_that_asks(shard: Path, job: subprocess.Popen[str], seconds: float = 180) -> int:
    """The process of a part, once it has an answer: its lock says who it is, the actor itself."""
    replies, until = shard / "replies.jsonl", time.monotonic() + seconds
    while not (replies.exists() and replies.stat().st_size):
        assert job.poll() is None and time.monotonic() < until, job.communicate()[0]
        time.sleep(0.005)
    return int((shard / "lock").read_text().split()[0])


def test_a_replica_that_is_killed_is_started_again_and_the_run_is_whole(
    cluster: Cluster, tmp_path: Path
) -> None:
    scenes, run, whole = tmp_path / "scenes", tmp_path / "run", tmp_path / "whole"
    render(scenes, 24, 7)
    asked = ("--task", "all", "--data", scenes, "--out")
    job = cluster.submit("examples/ray_shards.py", "baseline", "--replicas", 3, "--gpus", 0, *asked, run)
    os.kill(actor_that_asks(run / "shards" / "1-of-3", job), signal.SIGKILL)
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


@pytest.mark.skipif("SIGHTBENCH_VLLM" not in os.environ, reason="no vLLM (make test-ray has it)")
def test_a_real_engine_ends_with_its_replica_and_with_the_job(cluster: Cluster, tmp_path: Path) -> None:
    """Two engines, each started by an actor; one of the actors is killed while it asks."""
    vllm, scenes, run = Path(os.environ["SIGHTBENCH_VLLM"]), tmp_path / "scenes", tmp_path / "run"
    model = tiny_model(str(vllm), tmp_path / "tiny")
    render(scenes, 8, 7)
    small = "--load-format dummy --enforce-eager --max-model-len 16384 --max-num-batched-tokens 8192"
    engine = ("--", "--engine-venv", vllm.parents[1], "--", *small.split(), "--gpu-memory-utilization", 0.2)
    words = (model, "--replicas", 2, "--gpus", 0, "--task", "qa", "--data", scenes, "--out", run, *engine)
    offline = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    job = cluster.submit("examples/ray_shards.py", *words, also=offline)
    actor = actor_that_asks(run / "shards" / "1-of-2", job, 500)
    seen = engines(model)
    (its_own,) = (session for session, launcher in seen.items() if parent(launcher) == actor)
    os.kill(actor, signal.SIGKILL)
    wait_until_gone({its_own})
    while job.poll() is None:
        seen |= engines(model)
        time.sleep(0.2)
    told = job.communicate(timeout=500)[0]
    assert job.returncode == 0, told
    assert " 0 kept" not in told.split("part 1/2:")[1].splitlines()[0], told
    assert len(seen) == 3, told
    wait_until_gone(set(seen))
    assert merges(run) == 1
    assert json.loads((run / "run.json").read_text())["request"]["family"] == "qwen2.5-vl"


def processes() -> Iterator[tuple[int, int, int]]:
    """(pid, parent, session) of everything that runs."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, up, _, session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            if state != "Z":
                yield int(folder.name), int(up), int(session)


def parent(pid: int) -> int:
    return next((up for each, up, _ in processes() if each == pid), 0)


def engines(model: str) -> dict[int, int]:
    """The session of each engine of `model`, which all that it starts is in, and its launcher."""
    found = {}
    for pid, up, session in processes():
        with contextlib.suppress(OSError):
            words = (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")
            if pid == session and b"serve" in words and model.encode() in words:
                found[session] = up
    return found


def wait_until_gone(sessions: set[int]) -> None:
    until = time.monotonic() + 60
    while left := [pid for pid, _, session in processes() if session in sessions]:
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.1)
