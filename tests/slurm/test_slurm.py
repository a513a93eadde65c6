"""Parts of a run under a real Slurm: tasks of one srun, a job array with a task that dies, the example."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightbench.evaluation.synthetic import render
from tests.evaluation.test_checkpoint_queue import events
from tests.evaluation.test_checkpoints import all_gone, command, started
from tests.evaluation.test_checkpoints import home as checkpoints
from tests.evaluation.test_shards import merges, scores
from tests.faults.server import Request, Response, healthy, serving
from tests.paths import ROOT
from tests.slurm.cluster import Cluster, installed, running

__all__ = ["checkpoints"]

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if not installed():
        pytest.skip("Slurm is not installed (ci/slurm/install.sh)")
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slurm") / "scenes"
    render(folder, 8, 7)
    return folder


@pytest.fixture(scope="module")
def whole(cluster: Cluster, scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that one process makes."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    cluster.run("sightbench", "--task", "all", "--data", scenes, "--out", folder, "--quiet")
    return folder


def test_the_readmes_line(cluster: Cluster, scenes: Path, whole: Path, tmp_path: Path) -> None:
    words = ("srun", "-n", 3, "sightbench", "--task", "all", "--quiet", "--data", scenes)
    told = cluster.run(*words, cwd=tmp_path)
    (run,) = (tmp_path / "runs").glob("*")
    for index in range(3):
        assert f"part {index}/3 of the run is asked here (srun started 3 tasks" in told
    assert scores(run) == scores(whole) and merges(run) == 1


def test_the_body_of_a_job_with_several_tasks_asks_everything(
    cluster: Cluster, scenes: Path, whole: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    line = f"sightbench --task all --quiet --data {scenes} --out {tmp_path / 'run'}"
    cluster.run("sbatch", "--wait", "--ntasks=4", f"--output={log}", "--wrap", line)
    assert scores(tmp_path / "run") == scores(whole), log.read_text()
    assert "part " not in log.read_text()


async def test_a_task_of_an_array_is_killed_and_queued_again(
    cluster: Cluster, scenes: Path, tmp_path: Path
) -> None:
    import asyncio

    def slow(request: Request, number: int) -> Response:
        return Response(body=healthy(request, number).body, delay=0.2)

    run, logs = tmp_path / "run", f"--output={tmp_path}/log-%a"
    async with serving(slow) as server:
        asked = f"sightbench --endpoint {server.url} --model tiny --task qa --data {scenes} --concurrency 2"
        line = f"{asked} --quiet --shard auto --out {run}"
        submit = ("sbatch", "--parsable", "--array=0-3", logs, "--open-mode=append", "--wrap", line)
        job = (await asyncio.to_thread(cluster.run, *submit)).strip()
        held = run / "shards" / "2-of-4"
        await asyncio.to_thread(_until_there, held / "replies.jsonl")
        # Its lock says who it is.
        os.kill(int((held / "lock").read_text().split()[0]), signal.SIGKILL)
        assert await asyncio.to_thread(cluster.wait, f"{job}_2", "FAILED", "COMPLETED") == "FAILED"
        for index in (0, 1, 3):
            await asyncio.to_thread(cluster.wait, f"{job}_{index}", "COMPLETED")
        assert not (run / "summary.json").exists()
        before = len(server.requests)
        await asyncio.to_thread(cluster.run, "scontrol", "requeue", f"{job}_2")
        # Slurm lets a job that is queued again wait for two minutes.
        await asyncio.to_thread(cluster.run, "scontrol", "update", f"JobId={job}_2", "StartTime=now")
        await asyncio.to_thread(cluster.wait, f"{job}_2", "COMPLETED")
        again = len(server.requests) - before
        whole = tmp_path / "whole"
        await asyncio.to_thread(cluster.run, *asked.split(), "--quiet", "--out", whole)
        assert 0 < again < len(server.requests) - before - again
    assert scores(run) == scores(whole) and merges(run) == 1
    assert "part 2/4 of the run is asked here (SLURM_ARRAY_TASK_ID is 2" in (tmp_path / "log-2").read_text()


def test_the_example_with_the_embedded_baseline(
    cluster: Cluster, scenes: Path, whole: Path, tmp_path: Path
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    words = ("sbatch", "--wait", "--ntasks-per-node=3", f"--output={log}", "examples/slurm.sbatch")
    cluster.run(*words, "baseline", "all", scenes, run)
    assert scores(run) == scores(whole) and merges(run) == 1
    assert str(run) in log.read_text()


def test_a_sweep_takes_the_gpus_that_srun_gives_it(
    cluster: Cluster, checkpoints: Path, tmp_path: Path
) -> None:
    words = command(checkpoints, "--checkpoints", str(checkpoints / "sft"), gpus=1)
    cluster.run("srun", "-n", 1, "--gpus=2", *words, cwd=tmp_path)
    begun = [event for event in events(checkpoints) if event[0] == "start"]
    assert len(begun) == 3 and {event[2] for event in begun} == {"0", "1"}
    assert all_gone(checkpoints)
    assert (checkpoints / "out" / "sweep.html").exists()


def test_an_array_with_a_checkpoint_a_task_and_the_whole_afterwards(
    cluster: Cluster, checkpoints: Path, tmp_path: Path
) -> None:
    line = shlex.join(command(checkpoints, "--checkpoints", gpus=1))
    body = f"{line} $(ls -d {checkpoints}/sft/checkpoint-* | sed -n ${{SLURM_ARRAY_TASK_ID}}p)"
    log = f"--output={tmp_path}/log-%a"
    cluster.run("sbatch", "--wait", "--array=1-3", "--gpus=1", log, "--wrap", body, cwd=tmp_path)
    assert len(started(checkpoints)) == 3 and all_gone(checkpoints)
    told = cluster.run(*command(checkpoints, "--checkpoints", str(checkpoints / "sft"), gpus=1), cwd=tmp_path)
    assert told.count("is done: its server is not started") == 3
    assert (checkpoints / "out" / "sweep.html").read_text().count("<circle") == 6


@pytest.mark.skipif("SIGHTBENCH_VLLM" not in os.environ, reason="no vLLM (make test-slurm has it)")
def test_the_example_with_two_real_engines_on_one_node(
    cluster: Cluster, scenes: Path, tmp_path: Path
) -> None:
    """Two engines at once on one node, each behind a port of its own."""
    venv = Path(os.environ["SIGHTBENCH_VLLM"]).parents[1]
    model, run, log = tmp_path / "tiny", tmp_path / "run", tmp_path / "log"
    cluster.run(venv / "bin/python", ROOT / "ci/engines/tiny_vlm.py", "qwen2.5-vl", model)
    environment = ("VLLM_CPU_KVCACHE_SPACE=1", "VLLM_NO_USAGE_STATS=1", "OMP_NUM_THREADS=1")
    words = ("sbatch", "--wait", "--ntasks-per-node=2", f"--output={log}", "examples/slurm.sbatch")
    engine = ("--gpus", 0, "--engine-venv", venv, "--", "--load-format", "dummy", "--enforce-eager")
    small = ("--max-model-len", 16384, "--max-num-batched-tokens", 8192, "--gpu-memory-utilization", 0.2)
    cluster.run(
        *("env", *environment, *words, model, "qa", scenes, run, *engine, *small), timeout=500, check=False
    )
    told = "\n".join(path.read_text() for path in (log, *sorted(run.glob("server-*.txt"))))
    assert merges(run) == 1 and (run / "summary.json").exists(), told
    ports = [
        line.split("--endpoint ")[1].split()[0]
        for path in sorted(run.glob("server-*.txt"))
        for line in path.read_text().splitlines()
        if "--endpoint" in line
    ]
    assert len(ports) == len(set(ports)) == 2, told
    assert json.loads((run / "run.json").read_text())["request"]["family"] == "qwen2.5-vl"


def _until_there(path: Path) -> None:
    until = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < until
        time.sleep(0.02)
