"""launch_server.sh with a real engine, as a user starts it and asks what it serves."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sightbench.servers.launched import STOP_SECONDS
from sightbench.servers.ports import held_free
from tests.engines.server import BOOT_SECONDS, SGLANG_MEMORY
from tests.paths import ROOT

INSTALL = ROOT / "ci" / "engines" / "install.sh"
SMALL = {
    "vllm": ("--load-format", "dummy", "--enforce-eager", "--max-model-len", "16384",
             "--max-num-batched-tokens", "8192"),
    "masks": ("--enforce-eager",),
    "sglang": ("--load-format", "dummy", *SGLANG_MEMORY, "--context-length", "16384"),
}  # fmt: skip


def installed(engine: str) -> Path:
    """The virtual environment of an engine, or of the router."""
    done = subprocess.run([str(INSTALL), engine], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return Path(done.stdout.strip())


class Server:
    def __init__(
        self,
        folder: Path,
        model: Path,
        engine: str,
        venv: Path,
        *words: str,
        path: str = "",
        extra: tuple[str, ...] = (),
    ) -> None:
        self._holding = contextlib.ExitStack()
        # Its own, those of two replicas, and what a router or a mask server's engine takes beside.
        self.port = self._holding.enter_context(held_free((1, 2, 50, 100)))
        self.out, self.err = folder / "out", folder / "err"
        given = {"PYTHON": sys.executable, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
        # Python files of checkpoints are copied there: two engines at once should not do so in one place.
        given["HF_MODULES_CACHE"] = str(folder / "modules")
        given["PATH"] = os.pathsep.join(filter(None, [path, os.environ["PATH"]]))
        command = [str(ROOT / "launch_server.sh"), str(model), "--engine", engine, "--gpus", "0"]
        command += ["--port", str(self.port), "--engine-venv", str(venv), "--log", str(folder / "log.txt")]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, *words, "--", *SMALL[engine], *extra],
                stdout=out,
                stderr=err,
                env={**os.environ, **given},
                cwd=folder,
            )
        deadline = time.monotonic() + BOOT_SECONDS
        while "Next:" not in self.out.read_text():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(self.err.read_text() if ended else "the engine did not come up")
            time.sleep(0.5)

    def bench_line(self, data: Path, run: Path) -> list[str]:
        """The line launch_server.sh says to run next, made to run here."""
        line = self.out.read_text().splitlines()[-1]
        words = [str(data) if word == "DIR" else word for word in shlex.split(line)]
        return [sys.executable, *words[1:], "--out", str(run), "--max-tokens", "8", "--quiet"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self._holding.close()
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def serving(*what: object, **more: str) -> Iterator[Server]:
    server = Server(*what, **more)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.stop()


def replies(run: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (run / "replies.jsonl").read_text().splitlines()]
    return {line["sample"]: line for line in lines}


def evaluate(server: Server, data: Path, run: Path, limit: int = 24) -> dict[str, dict]:
    """The first questions through bench.py, as the launcher's own line says; the replies by sample."""
    line = [*server.bench_line(data, run), "--limit", str(limit)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    answered = replies(run)
    assert len(answered) == limit and all(reply["status"] == "ok" for reply in answered.values())
    assert json.loads((run / "summary.json").read_text())
    return answered
