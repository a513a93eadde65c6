"""Start processes, wait until they serve, pass signals on, and never leave one behind."""

from __future__ import annotations

import contextlib
import ctypes
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
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from sightbench.errors import SightbenchError, UsageError
from sightbench.servers.diagnosis import diagnose
from sightbench.servers.engines import Process
from sightbench.terminal import printable

START_SECONDS = 3600.0
"""What the processes of a stage have to come up."""

MOST_STARTS = 6
"""A replica that dies is started again that often in a row, after pauses that double."""

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_STEADY_SECONDS = 600.0
"""After so long without dying a replica's earlier deaths are forgotten."""

_POLL_SECONDS = 0.5
_TELL_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Interrupted(Exception):
    """A signal to stop arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class KeyWanted(Exception):
    """The server is there and asks for a key that we do not have."""


@dataclass(frozen=True, slots=True)
class _Running:
    """`stage` is its place in the order of starting, `starts` how often in a row it was started."""

    process: Process
    stage: int
    child: subprocess.Popen[bytes]
    log: Path
    log_begin: int
    since: float
    starts: int = 1

    def failure(self, code: int) -> str:
        return f"{self.process.name}: {diagnose(self.log, code, self.log_begin)} (log: {self.log})"


def shown(process: Process) -> str:
    """The process as a line for a shell, its added environment before it, without any key."""
    words = [f"{name}={shlex.quote(value)}" for name, value in process.environment.items()]
    if process.key_as is not None:
        words.append(f'{process.key_as}="${process.key_env}"')
    command = list(process.command)
    for index, word in enumerate(command):
        if word == "--api-key" and index + 1 < len(command):
            command[index + 1] = "..."
        elif word.startswith("--api-key="):
            command[index] = "--api-key=..."
    return " ".join([*words, shlex.join(command)])


def run_step(process: Process, log: Path) -> None:
    """Runs one process to its end, its output in `log`. Raises SightbenchError with the cause if it fails,
    Interrupted after a signal."""
    with _signals() as heard, _group(heard) as running:
        running.append(_start(process, 0, log))
        while (code := running[0].child.poll()) is None:
            _pause(heard)
        if code:
            raise SightbenchError(running[0].failure(code))


def serve(
    stages: Sequence[Sequence[Process]],
    log: Path,
    ready: Callable[[], None],
    start_seconds: float = START_SECONDS,
) -> tuple[int, str | None]:
    """Runs until a signal arrives or one stage has no process left.

    A stage is started when all of the one before serve (engines, then gateways, then a router); `ready` is
    called when the last does. Where a stage has several processes one that ends is told, and started again
    after a pause. At the end the last stage is told first, and the one before only when it has ended: what
    is in hand can still be answered. Returns (exit code, a line on why or None): 128 + signal after a
    signal, 1 when processes ended by themselves. Every process has a group of its own, and none outlives
    this call. Raises SightbenchError when one does not come up in `start_seconds`.
    """
    several = sum(map(len, stages)) > 1
    with _signals() as heard:
        try:
            with _group(heard) as running:
                for number, stage in enumerate(stages):
                    for process in stage:
                        own = log.with_name(f"{log.stem}-{process.name}{log.suffix}") if several else log
                        running.append(_start(process, number, own))
                    _wait(running, stage, heard, start_seconds)
                ready()
                return _watch(running, heard)
        except Interrupted as stop:
            return 128 + stop.number, None


def serving(url: str, key: str | None = None) -> set[str] | None:
    """The models the server at `url` lists; None while it is not there or not healthy. Raises KeyWanted."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        # SGLang lists its model before it has warmed up.
        with _DIRECT.open(f"{url}/health", timeout=5):
            pass
        with _DIRECT.open(urllib.request.Request(f"{url}/v1/models", headers=headers), timeout=5) as reply:
            listed: Any = json.load(reply)
        return {str(model["id"]) for model in listed["data"]}
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise KeyWanted from None
        return None
    except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError):
        # Whatever listens there: a port may be another program's.
        return None


def _up(process: Process) -> bool:
    try:
        listed = serving(process.url or "", process.key)
    except KeyWanted:
        # It is ours: we have just started it, and it is healthy.
        return True
    return listed is not None and (not process.serves or process.serves in listed)


def _wait(
    running: Sequence[_Running], stage: Sequence[Process], heard: Sequence[int], seconds: float
) -> None:
    begun = reported = time.monotonic()
    waiting = [process for process in stage if process.url is not None]
    while waiting:
        for each in running:
            code = each.child.poll()
            if code is not None:
                raise SightbenchError(each.failure(code))
        waiting = [process for process in waiting if not _up(process)]
        now = time.monotonic()
        names = ", ".join(process.name for process in waiting)
        if waiting and now - begun > seconds:
            log = next(each.log for each in running if each.process is waiting[0])
            raise SightbenchError(f"{names}: not ready after {seconds:.0f} s (--start-timeout; log: {log})")
        if waiting and now - reported >= _TELL_SECONDS:
            reported = now
            print(f"still loading after {now - begun:.0f} s: {names}", flush=True)
        if waiting:
            _pause(heard)


def _watch(running: list[_Running], heard: Sequence[int]) -> tuple[int, str | None]:
    """`running` is kept up to date: what is in it at the end is ended."""
    later: list[tuple[float, _Running]] = []
    while True:
        for dead in [each for each in running if each.child.poll() is not None]:
            running.remove(dead)
            # What it leaves of its group (a worker that holds the GPU) goes before another one is started.
            _kill(dead.child, signal.SIGKILL)
            why = dead.failure(dead.child.returncode)
            if not any(each.stage == dead.stage for each in running):
                return 1, why
            starts = 1 if time.monotonic() - dead.since > _STEADY_SECONDS else dead.starts + 1
            if starts > MOST_STARTS:
                what = f"given up after {MOST_STARTS} starts"
            else:
                pause = min(_FIRST_PAUSE * 2 ** (starts - 2), _LONGEST_PAUSE) if starts > 1 else _FIRST_PAUSE
                later.append((time.monotonic() + pause, replace(dead, starts=starts)))
                what = f"it is started again in {pause:.0f} s"
            print(f"{printable(why)}; {what}, the others go on", file=sys.stderr, flush=True)
        for due, dead in [entry for entry in later if entry[0] <= time.monotonic()]:
            later.remove((due, dead))
            running.append(replace(_start(dead.process, dead.stage, dead.log), starts=dead.starts))
        _pause(heard)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that signals to stop are added to. Nothing is raised where one arrives: a process that has just
    been started must be written down first."""
    heard: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    wanted = [signal.SIGINT, signal.SIGTERM]
    # Under nohup it is to go on.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
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
    """A list of what runs; on the way out each gets the signal we got, stage by stage, the last one first,
    and KILL when its grace is over or a second signal comes."""
    running: list[_Running] = []
    try:
        yield running
    finally:
        for stage in sorted({each.stage for each in running}, reverse=True):
            _end([each for each in running if each.stage == stage], heard)


def _start(process: Process, stage: int, log: Path) -> _Running:
    keys = {process.key_as: process.key or ""} if process.key_as is not None else {}
    with _opened(log) as file:
        file.write(f"$ {shown(process)}\n".encode())
        file.flush()
        begin = file.tell()
        try:
            child = subprocess.Popen(
                process.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **process.environment, **keys},
                start_new_session=True,
                preexec_fn=_ends_with_us(),
            )
        except OSError as error:
            raise SightbenchError(f"{process.name}: cannot start {process.command[0]}: {error}") from error
    return _Running(process, stage, child, log, begin, time.monotonic())


def _opened(log: Path) -> BinaryIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"the log {log} cannot be written ({why}): name another with --log") from None


def _ends_with_us() -> Callable[[], object] | None:
    """What a child does before it becomes its program: on Linux it asks for SIGTERM should we end first,
    which nothing else can see to when we are killed (Ray kills what an actor has started)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(running: Sequence[_Running], heard: Sequence[int]) -> None:
    number, signals = (heard[0] if heard else signal.SIGTERM), len(heard)
    for each in running:
        _kill(each.child, number)
    begun = time.monotonic()
    for each in running:
        while each.child.poll() is None and time.monotonic() - begun < each.process.grace:
            if len(heard) > max(1, signals):
                break
            time.sleep(_POLL_SECONDS / 10)
    for each in running:
        # Also when the leader has ended: a worker of its group may hold on to the GPU.
        _kill(each.child, signal.SIGKILL)
        each.child.wait()


def _kill(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
