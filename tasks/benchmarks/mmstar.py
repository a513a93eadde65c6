"""MMStar, AI2D and RealWorldQA: one question, one letter."""

from __future__ import annotations

from sightbench.tasks.benchmarks.shared import WRAPPER, choice_table
from sightbench.tasks.readers import mmstar
from sightbench.tasks.readers.files.layout import Layout

MMSTAR = choice_table(
    *("MMStar", "MMStar", "mmstar"),
    Layout("the hub's parquet", ("MMStar", "mmstar"), mmstar.read, ("**/*.parquet",)),
    profiles=(*WRAPPER, "official"),
)
AI2D = (
    choice_table("AI2D_TEST", "AI2D test", "choice"),
    choice_table("AI2D_TEST_NO_MASK", "AI2D test, labels not masked", "choice"),
)
REALWORLDQA = choice_table("RealWorldQA", "RealWorldQA", "choice")
