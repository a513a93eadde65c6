"""Starts the rule-based baseline as a child process on a free port, and stops it again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

START_SECONDS = 30.0


@contextmanager
def baseline() -> Iterator[str]:
    """Yields the base URL (`http://127.0.0.1:PORT/v1`) of a healthy baseline; stops it on the way out.

    The child has its own process group, so Ctrl-C reaches it only through us, after the client has
    drained; it watches its parent and ends if we are killed. Raises RuntimeError if it does not start.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "servers.baseline", "--port", "0", "--exit-with-parent"],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _wait(child)
    finally:
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


def _wait(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    url = next((word for word in child.stdout.readline().split() if word.startswith("http://")), None)
    deadline = time.monotonic() + START_SECONDS
    while url is not None and child.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url.removesuffix("/v1") + "/health", timeout=2):
                return url if url.endswith("/v1") else url.rstrip("/") + "/v1"
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the embedded server did not start; run `python -m servers.baseline` to see why")
