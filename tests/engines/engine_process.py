"""Starting and stopping a real server for a test, and borrowing its packages."""

from __future__ import annotations

import importlib.util
import os
import signal
import site
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.paths import ROOT


def borrow(executable: str | None) -> str:
    """The python that has torch: this one, or the engine's, whose packages this one may then import too.

    Importable here is not enough: it may be there because somebody has borrowed before.
    """
    torch = importlib.util.find_spec("torch")
    if executable is None or (torch is not None and Path(str(torch.origin)).is_relative_to(sys.prefix)):
        return sys.executable
    folder = Path(executable).parent
    for packages in folder.parent.glob(f"lib/python3.{sys.version_info.minor}/site-packages"):
        site.addsitedir(str(packages))
    return str(folder / "python")


BOOT_S = 400


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def start(command: list[str], environment: dict[str, str], log: Path, url: str) -> subprocess.Popen[bytes]:
    """The process once `url`/v1/models answers; fails the test with the end of its log otherwise."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True
        )
    end = time.monotonic() + BOOT_S
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"{command[:3]} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            if httpx.get(f"{url}/v1/models", timeout=5).status_code == 200:
                return process
        except httpx.HTTPError:
            time.sleep(1)
    stop(process)
    pytest.fail(f"{command[:3]} was not up in {BOOT_S} s:\n{log.read_text()[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """The whole process group, gently first."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
