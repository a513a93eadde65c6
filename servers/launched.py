"""A model's server as a child process: launch_server.sh started, waited for, and stopped whatever happens."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from sightbench.errors import EndpointError
from sightbench.run_module import module_command
from sightbench.servers.ports import held_free

STOP_SECONDS = 150.0
"""More than an engine has to end by itself, and then its gateway."""

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Served:
    """How to ask one of the models a server has, as its launcher says: the flags of an evaluation."""

    endpoints: tuple[str, ...]
    model: str
    alias: str | None = None
    family: str | None = None
    api_key_env: str | None = None
    extra_body: Mapping[str, Any] | None = None


@contextmanager
def launched(model: str, words: Sequence[str], log: Path) -> Iterator[tuple[Served, ...]]:
    """Serves `model` with launch_server.sh's flags `words`, on a free port unless they name one.

    Gives the models that are served: the model itself, then each adapter. The engine's output goes to `log`.
    On the way out the server is stopped and waited for; it ends by itself should this process be killed.
    Raises EndpointError with the launcher's own line when it does not come up.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    told = log.with_suffix(".launch")
    with TemporaryDirectory() as folder, told.open("wb") as output, held_free() as port:
        ready = Path(folder) / "ready"
        ours = ["--port", str(port), "--log", str(log), "--ready-file", str(ready)]
        child = subprocess.Popen(
            [*module_command(sys.executable, "servers.launch"), model, "--exit-with-parent", *ours, *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C reaches us alone, and the server outlives the last answers.
            start_new_session=True,
        )
        try:
            with _sigterm_interrupts():
                while not ready.exists():
                    if child.poll() is not None:
                        raise EndpointError(f"{model} did not come up: {_last_line(told)}")
                    time.sleep(_POLL_SECONDS)
            yield tuple(_served(line) for line in ready.read_text(encoding="utf-8").splitlines())
        finally:
            _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.terminate()
    child.stdin.close()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _served(line: str) -> Served:
    """What a line of the launcher's says: every flag in it has a value."""
    words = shlex.split(line)
    start = next(at for at, word in enumerate(words) if word.startswith("--"))
    flags = list(zip(words[start::2], words[start + 1 :: 2], strict=True))
    named = dict(flags)
    return Served(
        tuple(value for flag, value in flags if flag == "--endpoint"),
        named["--model"],
        named.get("--alias"),
        named.get("--family"),
        named.get("--api-key-env"),
        json.loads(named["--extra-body"]) if "--extra-body" in named else None,
    )


def _last_line(told: Path) -> str:
    lines = [line for line in told.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or ["the launcher said nothing"])[-1].removeprefix("error: ")


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM as Ctrl-C, so that what was started is stopped first; only the main thread can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
