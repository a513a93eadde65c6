"""Runs of the same questions under several seeds, taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from sightbench.errors import UsageError
from sightbench.evaluation.run import Run
from sightbench.evaluation.studies.compare import Judged, answered, judged
from sightbench.scorers.statistics.repeats import Repeats
from sightbench.scorers.statistics.repeats import repeats as taken_together


def repeats(runs: Sequence[Run]) -> dict[str, Repeats]:
    """What several runs of one model say together, by benchmark, over the samples all of them answered.

    Raises UsageError for fewer than two runs, other models or other questions, or nothing in common.
    """
    if len(runs) < 2:
        raise UsageError("repeats need two runs or more of the same questions (sweep --over seed=1,2,3)")
    if len({run.record.model for run in runs}) > 1:
        raise UsageError("these runs are of different models; `compare` is for those")
    asked = [{**run.record.request, "seed": None} for run in runs]
    if any(request != asked[0] for request in asked):
        raise UsageError("these runs were asked differently; repeats may differ in their seed only")
    first, *others = (judged(run) for run in runs)
    found = {}
    for name, one in first.items():
        tries = [one, *(other[name] for other in others if name in other)]
        if len(tries) == len(runs):
            found[name] = _together(tries)
    if not found:
        raise UsageError("the runs have no benchmark in common")
    return found


def _together(tries: Sequence[Judged]) -> Repeats:
    shared = set.intersection(*(answered(one) for one in tries))
    samples = [sample for sample in tries[0].samples if sample.id in shared]
    if not samples:
        raise UsageError(f"{tries[0].dataset.selection.benchmark.name}: no sample was answered every time")
    scores = [[one.scores[sample.id] for one in tries] for sample in samples]
    values = np.array([[score.value for score in row] for row in scores], dtype=np.float64)
    # What was read in an answer, not its wording, is what tries agree on.
    answers = [[orjson.dumps(score.parsed) for score in row] for row in scores]
    return taken_together(values, answers, [sample.affinity for sample in samples])
