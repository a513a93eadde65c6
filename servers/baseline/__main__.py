"""`python -m sightbench.servers.baseline`: serves on loopback, prints the base URL, stops when told to."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn

from sightbench.servers.baseline.app import MAX_BODY_BYTES, create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sightbench.servers.baseline", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--max-body-bytes", type=int, default=MAX_BODY_BYTES)
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input is closed")
    options = parser.parse_args()

    listener = socket.socket(socket.AF_INET6 if ":" in options.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except (OSError, OverflowError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        sys.exit(f"cannot listen on {options.host}:{options.port}: {reason}")
    listener.listen(128)
    host = f"[{options.host}]" if ":" in options.host else options.host

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(max_body_bytes=options.max_body_bytes),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn has handlers of its own while it runs, and calls these again when it has stopped
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if options.exit_with_parent:
        threading.Thread(target=_watch_parent, args=(server,), daemon=True).start()
    with listener:
        try:
            print(f"http://{host}:{listener.getsockname()[1]}/v1", flush=True)
        except BrokenPipeError:
            # Nobody waits for the URL any more; Python must not try to write it once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        server.run(sockets=[listener])


def _watch_parent(server: uvicorn.Server) -> None:
    """Whoever holds the other end of standard input is gone once it reads as closed, even after kill -9."""
    # Unbuffered: a daemon thread inside sys.stdin holds its lock, and Python aborts at the end over that.
    while os.read(0, 4096):
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()
