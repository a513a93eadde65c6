"""What the person typed to get here, for messages that name the command."""

from __future__ import annotations

import os
import sys


def program() -> str:
    """`bench.py`, `sightbench`, or `python -m sightbench`; `sightbench` inside another program."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if name == "__main__.py":
        return "python -m sightbench"
    return name if name == "bench.py" else "sightbench"
