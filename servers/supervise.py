"""Start processes, wait until they serve, pass signals on, and never leave one behind."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sightbench.errors import SightbenchError
from sightbench.servers.diagnosis import diagnose
from sightbench.servers.engines import Process

GRACE_SECONDS = 30.0
"""What a process has to end by itself after a signal."""

_POLL_SECONDS = 0.5
_TELL_SECONDS = 60.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Interrupted(Exception):
    """A signal to stop arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Running:
    process: Process
    child: subprocess.Popen[bytes]
    log: Path
    log_begin: int

    def failure(self, code: int) -> str:
        return f"{self.process.name}: {diagnose(self.log, code, self.log_begin)} (log: {self.log})"


def shown(process: Process) -> str:
    """The process as a line for a shell, its added environment before it."""
    words = [f"{name}={shlex.quote(value)}" for name, value in process.environment.items()]
    return " ".join([*words, shlex.join(process.command)])


def run_step(process: Process, log: Path) -> None:
    """Runs one process to its end, its output in `log`. Raises SightbenchError with the cause if it fails,
    Interrupted after a signal."""
    with _signals() as heard, _group(heard) as running:
        running.append(_start(process, log))
        while (code := running[0].child.poll()) is None:
            _pause(heard)
        if code:
            raise SightbenchError(running[0].failure(code))


def serve(
    stages: Sequence[Sequence[Process]], log: Path, ready: Callable[[], None]
) -> tuple[int, str | None]:
    """Runs until a signal arrives or one stage has no process left.

    A stage is started when all of the one before serve (engines, then gateways, then a router); `ready` is
    called when the last does. Where a stage has several processes one that ends is told and lived without.
    Returns (exit code, a line on why or None): 128 + signal after a signal, 1 when processes ended by
    themselves. Every process has a group of its own, and none outlives this call. Raises SightbenchError
    when one does not come up.
    """
    several = sum(map(len, stages)) > 1
    with _signals() as heard:
        try:
            with _group(heard) as running:
                for stage in stages:
                    running += [
                        _start(p, log.with_name(f"{log.stem}-{p.name}{log.suffix}") if several else log)
                        for p in stage
                    ]
                    _wait(running, stage, heard)
                ready()
                return _watch(running, stages, heard)
        except Interrupted as stop:
            return 128 + stop.number, None


def serving(url: str) -> set[str] | None:
    """The models the server at `url` lists; None while it is not there or not healthy."""
    try:
        with _DIRECT.open(f"{url}/v1/models", timeout=5) as reply:
            listed: Any = json.load(reply)
        # SGLang lists its model before it has warmed up.
        with _DIRECT.open(f"{url}/health", timeout=5):
            pass
        return {str(model["id"]) for model in listed["data"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _up(process: Process) -> bool:
    listed = serving(process.url or "")
    return listed is not None and (not process.serves or process.serves in listed)


def _wait(running: Sequence[_Running], stage: Sequence[Process], heard: Sequence[int]) -> None:
    begun = told = time.monotonic()
    waiting = [process for process in stage if process.url is not None]
    while waiting:
        for one in running:
            code = one.child.poll()
            if code is not None:
                raise SightbenchError(one.failure(code))
        waiting = [process for process in waiting if not _up(process)]
        now = time.monotonic()
        if waiting and now - told >= _TELL_SECONDS:
            told = now
            names = ", ".join(process.name for process in waiting)
            print(f"still loading after {now - begun:.0f} s: {names}", flush=True)
        if waiting:
            _pause(heard)


def _watch(
    running: Sequence[_Running], stages: Sequence[Sequence[Process]], heard: Sequence[int]
) -> tuple[int, str | None]:
    left = [len(stage) for stage in stages]
    alive = list(running)
    while True:
        for one in list(alive):
            code = one.child.poll()
            if code is None:
                continue
            alive.remove(one)
            stage = next(i for i, processes in enumerate(stages) if one.process in processes)
            left[stage] -= 1
            if not left[stage]:
                return 1, one.failure(code)
            print(f"{one.failure(code)}; the others go on", file=sys.stderr, flush=True)
        _pause(heard)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that signals to stop are added to. Nothing is raised where one arrives: a process that has just
    been started must be written down first."""
    heard: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in wanted}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pause(heard: Sequence[int]) -> None:
    """A moment between two looks; raises Interrupted once a signal was heard."""
    deadline = time.monotonic() + _POLL_SECONDS
    while not heard and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS / 10)
    if heard:
        raise Interrupted(heard[0])


@contextlib.contextmanager
def _group(heard: Sequence[int]) -> Iterator[list[_Running]]:
    """A list of what runs; on the way out each gets the signal we got (the last started first), then KILL."""
    running: list[_Running] = []
    try:
        yield running
    finally:
        _end(running[::-1], heard[0] if heard else signal.SIGTERM)


def _start(process: Process, log: Path) -> _Running:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.write(f"$ {shown(process)}\n".encode())
        file.flush()
        begin = file.tell()
        try:
            child = subprocess.Popen(
                process.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **process.environment},
                start_new_session=True,
            )
        except OSError as error:
            raise SightbenchError(f"{process.name}: cannot start {process.command[0]}: {error}") from error
    return _Running(process, child, log, begin)


def _end(running: Sequence[_Running], number: int) -> None:
    for one in running:
        _kill(one.child, number)
    deadline = time.monotonic() + GRACE_SECONDS
    for one in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.child.wait(max(0.1, deadline - time.monotonic()))
    for one in running:
        # Also when the leader has ended: a worker of its group may hold on to the GPU.
        _kill(one.child, signal.SIGKILL)
        one.child.wait()


def _kill(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
