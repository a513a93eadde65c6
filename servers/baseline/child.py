"""The baseline as a child process: started, waited for, and stopped whatever happens to its parent."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from sightbench.run_module import module_command


@contextmanager
def running(*, wait_s: float = 30.0) -> Iterator[str]:
    """Yield the base URL (`http://127.0.0.1:PORT/v1`) of a server that is up; stop it on the way out.

    The child has a session of its own, so Ctrl-C reaches only the parent, which may finish what is in
    flight; it ends by itself when the parent dies. Raises RuntimeError if it does not come up.
    """
    child = subprocess.Popen(
        [*module_command(sys.executable, "servers.baseline"), "--exit-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the baseline server did not start (exit code {child.wait()})")
        _wait_for_health(url.removesuffix("/v1") + "/health", child, time.monotonic() + wait_s)
        yield url
    finally:
        child.stdin.close()
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def _wait_for_health(url: str, child: subprocess.Popen[str], deadline: float) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with direct.open(url, timeout=2) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if child.poll() is not None:
            raise RuntimeError(f"the baseline server ended with exit code {child.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the baseline server did not answer {url} in time")
        time.sleep(0.02)
