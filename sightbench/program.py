"""What the person typed to get here, for messages that name the command."""

from __future__ import annotations

import os
import sys


def program() -> str:
    """`bench.py`, `sightbench`, or `python -m sightbench`; `sightbench` inside another program."""
    folder, name = os.path.split(sys.argv[0] if sys.argv else "")
    if name == "__main__.py" and os.path.basename(folder) == "sightbench":
        return "python -m sightbench"
    return name if name == "bench.py" else "sightbench"
