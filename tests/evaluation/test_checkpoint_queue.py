"""Several servers at once: what starts when, on which GPU, and what one that fails or a kill costs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from perf.server_queue import Times, simulate
from sightbench.errors import UsageError
from sightbench.evaluation.studies.checkpoint_queue import places
from sightbench.evaluation.studies.schedule import Server, Stage, moves
from tests.evaluation.test_checkpoints import all_gone, command, eventually, home, started

__all__ = ["home"]


def swept(home: Path, *words: str, gpus: int = 0, code: int = 0, **variables: str) -> str:
    line = command(home, *words, "--checkpoints", str(home / "sft"), gpus=gpus)
    environment = {**os.environ, **variables}
    done = subprocess.run(line, cwd=home, capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stderr
    assert all_gone(home)
    return done.stderr


def events(home: Path) -> list[tuple[str, ...]]:
    return [tuple(line.split()) for line in (home / "events").read_text().splitlines()]


def last(home: Path, what: str, name: str) -> int:
    found = [at for at, event in enumerate(events(home)) if event[:2] == (what, f"checkpoint-{name}")]
    return found[-1]


def scores(home: Path, out: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((home / out).glob("*/scores.jsonl"))]


def test_each_gpu_has_a_server_of_its_own_at_the_same_time(home: Path) -> None:
    (home / "slow").touch()
    swept(home, "--concurrency", "4", gpus=1, CUDA_VISIBLE_DEVICES="3,5")
    devices = {event[1]: event[2] for event in events(home)}
    assert {devices["checkpoint-200"], devices["checkpoint-400"]} == {"3", "5"}
    assert max(last(home, "start", "200"), last(home, "start", "400")) < last(home, "answer", "200")
    kept = orjson.loads((home / "out" / "sweep.json").read_bytes())
    assert [entry["x"] for entry in kept] == [200, 400, 1000], (
        "in the order of their steps, whoever was first"
    )
    (home / "slow").unlink()
    swept(home, "--out", str(home / "one"), gpus=1, CUDA_VISIBLE_DEVICES="7")
    assert scores(home, "one") == scores(home, "out")


def test_the_next_server_starts_while_the_one_before_answers(home: Path) -> None:
    (home / "slow").touch()
    told = swept(home, "--concurrency", "1", "--servers-per-gpu", "2", gpus=1, CUDA_VISIBLE_DEVICES="0")
    order = events(home)
    assert last(home, "start", "400") < last(home, "answer", "200")
    assert last(home, "start", "1000") < last(home, "answer", "400")
    first = next(at for at, event in enumerate(order) if event[:2] == ("answer", "checkpoint-400"))
    asked = [event for event in order[:first] if event[:2] == ("answer", "checkpoint-200")]
    assert len(asked) >= 11, "it is asked when only last answers of the one before are out"
    log = (home / "out" / "servers" / "checkpoint-200.log").read_text()
    assert "--gpu-memory-utilization 0.45" in log and told.count("starting a server") == 3


def test_a_model_of_two_gpus_gets_two_and_one_that_needs_more_is_told(home: Path) -> None:
    swept(home, gpus=2, CUDA_VISIBLE_DEVICES="0,1,2")
    assert {event[2] for event in events(home)} == {"0,1"}
    told = swept(home, "--out", str(home / "other"), "--gpus", "0", gpus=2, code=1)
    assert "it takes 2 GPUs, and the sweep has 1" in told and len(started(home)) == 3


def test_of_two_servers_at_once_one_that_fails_costs_its_own_checkpoint(home: Path) -> None:
    (home / "sft" / "checkpoint-200" / "broken").touch()
    told = swept(home, "--gpus", "cpu,cpu", code=1)
    assert sorted(started(home)) == ["checkpoint-1000", "checkpoint-400"]
    assert "no run of checkpoint-200" in told and "Traceback" not in told


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)]
)
def test_a_queue_that_is_ended_leaves_no_server_and_goes_on(home: Path, number: signal.Signals) -> None:
    (home / "slow").touch()
    words = ("--gpus", "cpu,cpu", "--concurrency", "1", "--checkpoints", str(home / "sft"))
    process = subprocess.Popen(command(home, *words), cwd=home, stderr=subprocess.PIPE, text=True)
    journals = [home / "out" / f"checkpoint-{step}" / "replies.jsonl" for step in (200, 400)]
    eventually(lambda: all(path.exists() and path.read_bytes().count(b"\n") >= 2 for path in journals))
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == (-number if number == signal.SIGKILL else 1), told
    assert "Traceback" not in told
    eventually(lambda: all_gone(home))
    kept = [path.read_bytes() for path in journals]
    (home / "slow").unlink()
    swept(home, "--gpus", "cpu,cpu")
    assert all(path.read_bytes().startswith(before) for path, before in zip(journals, kept, strict=True))
    assert all(path.read_bytes().count(b"\n") == 12 for path in journals), "no answer was asked for twice"


def test_a_mistake_in_the_benchmark_is_told_before_any_server_starts(home: Path) -> None:
    line = [*command(home, "--checkpoints", str(home / "sft")), "--task", "MMStarr"]
    done = subprocess.run(line, cwd=home, capture_output=True, text=True)
    assert done.returncode == 2 and "MMStarr" in done.stderr
    assert not (home / "started").exists()


def test_what_its_server_promises_is_kept_in_the_run(home: Path) -> None:
    serve = f"--gpus 1 --engine-venv {home / 'venv'} --deterministic"
    line = [*command(home, "--checkpoints", str(home / "sft" / "checkpoint-200")), "--serve", serve]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0"}
    done = subprocess.run(line, cwd=home, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    record = orjson.loads((home / "out" / "checkpoint-200" / "run.json").read_bytes())
    assert record["deterministic"] is True


def test_a_disk_that_takes_no_log_is_told_in_one_line(home: Path) -> None:
    (home / "out").mkdir()
    (home / "out" / "servers").touch()
    line = command(home, "--checkpoints", str(home / "sft"))
    done = subprocess.run(line, cwd=home, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "servers" in done.stderr.splitlines()[-1] and not (home / "started").exists()


def test_places_for_no_server_are_refused(home: Path) -> None:
    words = ("--over", "frames=1,2", "--endpoint", "http://127.0.0.1:9/v1", "--gpus", "0")
    done = subprocess.run(command(home, *words), cwd=home, capture_output=True, text=True)
    assert done.returncode == 2 and "for servers that --checkpoints starts" in done.stderr


def test_places_are_gpus_or_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-abc")
    assert places(None).names == ("2", "GPU-abc") and places("0,3").names == ("0", "3")
    assert not places("cpu,cpu").gpus and len(places("cpu,cpu").names) == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not places(None).gpus and len(places(None).names) == 1
    for wrong in ("0,0", "0,cpu", ","):
        with pytest.raises(UsageError, match="--gpus"):
            places(wrong)


@pytest.mark.parametrize("seed", range(40))
def test_the_schedule_keeps_to_its_rules_whatever_takes_how_long(seed: int) -> None:
    """Every server answers once and goes; whatever the order of events, no place is ever used wrongly."""
    draw = random.Random(seed)
    names = [f"gpu{number}" for number in range(draw.randint(1, 4))]
    at_once = draw.randint(1, 3)
    servers = {
        f"s{number}": Server(draw.choice([0, 1, 1, len(names)])) for number in range(draw.randint(1, 8))
    }
    began: list[str] = []
    for _ in range(1000):
        for move in tuple(moves(servers, names, at_once)):
            assert len(set(move.places)) == max(1, servers[move.name].gpus)
            began += [move.name] if move.to is Stage.STARTING else []
            servers[move.name] = replace(servers[move.name], stage=move.to, places=move.places)
        assert not tuple(moves(servers, names, at_once)), "there is nothing left to do at once"
        for place in names:
            here = [one.stage for one in servers.values() if place in one.places]
            assert sum(stage is not Stage.GONE for stage in here) <= at_once
            assert here.count(Stage.STARTING) <= 1 and here.count(Stage.ASKING) <= 1
            assert not (Stage.STARTING in here and Stage.STOPPING in here), "memory is freed while one starts"
        running = [name for name, one in servers.items() if one.stage in AFTER]
        if not running:
            break
        name = draw.choice(running)
        servers[name] = replace(servers[name], stage=draw.choice(AFTER[servers[name].stage]))
    assert all(one.stage is Stage.GONE for one in servers.values()), servers
    assert began == list(servers)


def test_a_gpu_is_hardly_idle_where_two_servers_fit_on_it() -> None:
    """The schedule by a simulated clock: servers that answer for five minutes and take two to start."""
    times = [Times(start=120, answer=300, last=10, stop=10)] * 16
    one, two = (simulate(times, ["0"], at_once) for at_once in (1, 2))
    assert one.seconds == 16 * 430 and one.idle == pytest.approx(130 / 430)
    assert two.idle < 0.1 and two.seconds < 0.8 * one.seconds
    four = simulate(times, ["0", "1", "2", "3"], 1)
    assert four.seconds == pytest.approx(one.seconds / 4)


AFTER = {
    Stage.STARTING: [Stage.READY, Stage.READY, Stage.GONE],
    Stage.ASKING: [Stage.LAST, Stage.ASKED],
    Stage.LAST: [Stage.ASKED],
    Stage.STOPPING: [Stage.GONE],
}
"""What can happen by itself to a server; one that is starting may fail."""


def test_a_second_server_starts_beside_the_first_only_where_no_gpu_is_empty() -> None:
    servers = {"a": Server(1, Stage.ASKING, ("0",)), "b": Server(1), "c": Server(1)}
    assert [(move.name, move.places) for move in moves(servers, ("0", "1"), 2)] == [
        ("b", ("1",)),
        ("c", ("0",)),
    ]
