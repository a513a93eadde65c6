"""Every scorer by the name tasks and `bench.py grade --metric` use."""

from __future__ import annotations

from scorers.dynbench import DYNBENCH_QA
from scorers.score import Scorer

SCORERS: dict[str, Scorer] = {scorer.name: scorer for scorer in (DYNBENCH_QA,)}
