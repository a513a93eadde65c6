"""What the person typed to get here, for messages that name the command."""

from __future__ import annotations

import os
import sys


def program() -> str:
    """`bench.py` (also beside `launch_server.sh`, in a checkout), `sightbench`, or `python -m sightbench`;
    `sightbench` inside another program."""
    folder, name = os.path.split(sys.argv[0] if sys.argv else "")
    if name == "__main__.py" and os.path.basename(folder) == "sightbench":
        return "python -m sightbench"
    return "bench.py" if name in ("bench.py", "launch_server.sh") else "sightbench"


def command_line() -> tuple[str, ...]:
    """The words that a line to be pasted begins with: `python bench.py`, `sightbench`, ..."""
    name = program()
    return ("python", name) if name == "bench.py" else tuple(name.split())
