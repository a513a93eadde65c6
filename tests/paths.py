"""Where the checkout is, and the folder of real data that some tests need."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SIGHTBENCH_SHARED", ROOT.parent / "shared"))
"""Real videos, masks, predictions and checkpoints; tests that need them say what they skip without."""
