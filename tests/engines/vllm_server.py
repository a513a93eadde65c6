"""A real vLLM with a tiny model of random weights, for tests and for perf/engine.py."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

BOOT_SECONDS = 400.0


class Server:
    """`vllm serve MODEL` in a process group of its own, on one port through its restarts."""

    def __init__(self, vllm: str, model: str, log: Path, *flags: str) -> None:
        self.vllm, self.model, self.flags = vllm, model, flags
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            self.vllm, "serve", self.model, "--load-format", "dummy", "--enforce-eager",
            "--max-model-len", "16384", "--host", "127.0.0.1", "--port", str(self.port),
            "--served-model-name", "tiny",
            "--generation-config", "vllm", "--trust-request-mm-kwargs", *self.flags,
        ]  # fmt: skip
        given = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
        # Lets a benchmark empty the caches between rounds.
        given["VLLM_SERVER_DEV_MODE"] = "1"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **given}, start_new_session=True
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
            assert time.monotonic() < deadline, "vLLM did not come up"
            time.sleep(0.5)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
