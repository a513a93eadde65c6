"""Real engines serving a tiny model of random weights, for tests and for perf/engine.py.

`ci/engines/install.sh vllm` (or `sglang`) installs one without a GPU and prints its environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from sightbench.servers.ports import held_free
from tests.paths import ROOT

BOOT_SECONDS = 400.0

SGLANG_MEMORY = ("--mem-fraction-static", "0.5", "--max-total-tokens", "65536")
"""The share is of what is free when it starts, and it ends where another process takes that meanwhile: half,
then, and far fewer tokens than would fit."""


def tiny_model(executable: str, folder: Path, family: str = "qwen2.5-vl") -> str:
    """Writes the tiny checkpoint with the engine's own python, unless it is there; returns its folder."""
    if not (folder / "config.json").exists():
        python = str(Path(executable).parent / "python")
        script = str(ROOT / "ci" / "engines" / "tiny_vlm.py")
        offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
        subprocess.run([python, script, family, str(folder)], check=True, env=offline, capture_output=True)
    return str(folder)


class Server:
    """An engine in a process group of its own, on one port through its restarts."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._holding = contextlib.ExitStack()
        self.port = self._holding.enter_context(held_free())
        self.command = [*command, "--host", "127.0.0.1", "--port", str(self.port)]
        self.environment = {**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", **environment}
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/models", timeout=5) as reply:
                return bool(json.load(reply)["data"][0]["id"] == "tiny")
        except (OSError, urllib.error.URLError):
            return False

    def wait(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not self.ready():
            assert self.process is not None and self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"not up: {self.log.read_text()[-3000:]}"
            time.sleep(0.5)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def vllm(executable: str, model: str, log: Path, *flags: str) -> Server:
    """vLLM; in its development mode, where caches can be emptied between two measurements."""
    command = [
        executable, "serve", model, "--load-format", "dummy", "--enforce-eager", "--max-model-len", "16384",
        "--served-model-name", "tiny", "--generation-config", "vllm", "--trust-request-mm-kwargs", *flags,
    ]  # fmt: skip
    given = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_SERVER_DEV_MODE": "1"}
    return Server(command, given, log)


def sglang(executable: str, model: str, log: Path, *flags: str) -> Server:
    command = [
        str(Path(executable).parent / "python"), "-m", "sglang.launch_server", "--model-path", model,
        "--load-format", "dummy", "--device", "cpu", *SGLANG_MEMORY,
        "--context-length", "16384", "--served-model-name", "tiny", *flags,
    ]  # fmt: skip
    return Server(command, {}, log)
