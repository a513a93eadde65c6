"""Starting and stopping a real server for a test, and borrowing its packages."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import site
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


def start(command: list[str], environment: dict[str, str], log: Path, url: str) -> subprocess.Popen[bytes]:
    """The process once `url`/v1/models answers; fails the test with the end of its log otherwise."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True
        )
    end = time.monotonic() + BOOT_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/v1/models", timeout=5).status_code == 200:
                return process
        time.sleep(0.5)
    ended = process.poll()
    stop(process)
    what = f"was not up in {BOOT_S} s" if ended is None else f"ended with {ended}"
    pytest.fail(f"{command[:3]} {what}:\n{log.read_text()[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """The whole process group, gently first."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    with contextlib.suppress(ProcessLookupError):
        # Also when the leader has ended: a worker of its group may be left.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
