"""SIGKILL at any moment loses no answer and asks none again; Ctrl-C ends a run soon and says so."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightbench.client.journal import REPLIES, Journal
from sightbench.client.lines import from_line
from tests.paths import ROOT

IN_FLIGHT = 16


@contextlib.contextmanager
def server(log: Path, delay: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.faults.server", "--log", str(log), "--delay", str(delay)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def client(url: str, folder: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.ask", url, str(folder), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def finish(url: str, folder: Path, count: int) -> dict[str, object]:
    with client(url, folder, count) as process:
        assert process.stdout is not None
        process.stdout.readline()
        outcome: dict[str, object] = json.loads(process.stdout.readline())
    return outcome


def answers(folder: Path) -> dict[str, str | None]:
    """Sample -> text of every whole ok line, in the file's own bytes (no tail is set aside by looking)."""
    path = folder / REPLIES
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    replies = [from_line(line) for line in lines if line.endswith(b"\n")]
    assert max(Counter(reply.sample for reply in replies).values(), default=1) == 1, "answered twice"
    return {reply.sample: reply.text for reply in replies if reply.status == "ok"}


def asked(log: Path) -> list[str]:
    return [line.replace("question ", "q/") for line in log.read_text().splitlines()]


def kill_again_and_again(tmp_path: Path, kills: int, count: int, delay: float, seed: int) -> None:
    draw = random.Random(seed)
    log = tmp_path / "asked.log"
    with server(log, delay) as url:
        for _ in range(kills):
            before = answers(tmp_path / "killed")
            seen = len(asked(log))
            process = client(url, tmp_path / "killed", count)
            assert process.stdout is not None
            # From the moment the journal is open to well into the run.
            process.stdout.readline()
            time.sleep(draw.uniform(0, 2.0 * count * delay / IN_FLIGHT / kills))
            process.kill()
            process.wait()
            process.stdout.close()
            assert not set(asked(log)[seen:]) & set(before), "an answered sample was asked again"
            assert before.items() <= answers(tmp_path / "killed").items(), "an answer was lost"
        finish(url, tmp_path / "killed", count)
        total = len(asked(log))
        finish(url, tmp_path / "clean", count)
    assert total <= count + kills * IN_FLIGHT
    final = answers(tmp_path / "killed")
    assert len(final) == count
    assert final == answers(tmp_path / "clean")


def test_killed_at_random_moments_nothing_is_lost_or_asked_again(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=10, count=1000, delay=0.05, seed=1)


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("SIGHTBENCH_SOAK"), reason="long template: make soak")
@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_kills(tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path, kills=100, count=2000, delay=0.3, seed=seed)


@pytest.mark.parametrize(
    ("number", "delay"), [(signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGINT, 60.0)]
)
def test_ctrl_c_drains_or_gives_up_within_five_seconds(number: int, delay: float, tmp_path: Path) -> None:
    log = tmp_path / "asked.log"
    with server(log, delay) as url:
        process = client(url, tmp_path / "run", 100_000)
        assert process.stdout is not None
        process.stdout.readline()
        while len(asked(log)) < IN_FLIGHT:
            time.sleep(0.02)
        process.send_signal(number)
        outcome = json.loads(process.communicate(timeout=5)[0])
        assert outcome["stopped"] == "interrupted"
        total = len(asked(log))
        kept = answers(tmp_path / "run")
        if delay < 1:
            assert len(kept) == total, "what was in flight was not waited for"
    with Journal.open(tmp_path / "run") as journal:
        assert journal.torn == 0


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    log = tmp_path / "asked.log"
    with server(log, 60.0) as url:
        process = client(url, tmp_path / "run", 100)
        assert process.stdout is not None
        process.stdout.readline()
        while len(asked(log)) < IN_FLIGHT:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert json.loads(process.communicate(timeout=2)[0])["stopped"] == "interrupted"
