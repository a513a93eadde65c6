"""The same questions asked several times: as a run with its repeats below it, and taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from sightbench.errors import UsageError
from sightbench.evaluation.evaluate import OnProgress, evaluate
from sightbench.evaluation.judging import scorer_of
from sightbench.evaluation.options import Options
from sightbench.evaluation.run import Run
from sightbench.evaluation.shards.ledger import SHARDS
from sightbench.evaluation.start.begin import Note
from sightbench.evaluation.studies.compare import Judged, answered, judged
from sightbench.scorers.statistics.repeats import Repeats
from sightbench.scorers.statistics.repeats import repeats as taken_together

REPEATS = "repeats"
"""Where in a run's folder its second and later repeats lie, each a run folder of its own."""


def ask_repeats(
    options: Options, count: int, *, progress: OnProgress | None = None, note: Note | None = None
) -> tuple[Run, ...]:
    """Asks everything `count` times, with a seed of its own each time where the server takes seeds.

    The first time is the run itself, in its folder as ever; the others are runs in `repeats/2` and so on
    below it. The same call continues them, and a larger `count` adds to them. Ends early if one is stopped.
    """
    seed = options.seed or 0
    first = evaluate(replace(options, seed=seed), progress=progress, note=note)
    runs = [first]
    folder = first.folder.parent.parent if first.folder.parent.name == SHARDS else first.folder
    for number in range(2, count + 1):
        if runs[-1].outcome is not None and runs[-1].outcome.stopped:
            break
        if note is not None:
            note(f"repeat {number} of {count}")
        asked = replace(options, seed=seed + number - 1, repeat=number, out=folder / REPEATS / str(number))
        runs.append(evaluate(asked, progress=progress, note=note))
    return tuple(runs)


def with_repeats(folder: Path) -> tuple[Path, ...]:
    """The folder of a run, and those of the repeats below it in their order."""
    below = [path for path in (folder / REPEATS).glob("*") if path.name.isdigit()]
    return (folder, *sorted(below, key=lambda path: int(path.name)))


def repeats(runs: Sequence[Run]) -> dict[str, Repeats]:
    """What several runs of one model say together, by benchmark, over the samples all of them answered.

    Raises UsageError for fewer than two runs, other models or other questions, or nothing in common.
    """
    if len(runs) < 2:
        raise UsageError(
            "repeats need a run that was asked with --repeats, or two runs of the same questions"
        )
    if len({run.folder.resolve() for run in runs}) < len(runs):
        raise UsageError("one of these runs stands there twice: its answers are no second try")
    if len({run.record.model for run in runs}) > 1:
        raise UsageError("these runs are of different models; `compare` is for those")
    asked = [{**run.record.request, "seed": None, "repeat": None} for run in runs]
    if any(request != asked[0] for request in asked):
        raise UsageError("these runs were asked differently; repeats may differ in their seed only")
    for run in runs[1:]:
        _refuse_other_data(runs[0], run)
    first, *others = (judged(run) for run in runs)
    found = {}
    for name, one in first.items():
        tries = [one, *(other[name] for other in others if name in other)]
        if len(tries) == len(runs):
            found[name] = _together(tries)
    if not found:
        raise UsageError("the runs have no benchmark in common")
    return found


def _refuse_other_data(first: Run, other: Run) -> None:
    known = {dataset.selection.benchmark.name: dataset for dataset in first.datasets}
    for two in other.datasets:
        one = known.get(two.selection.benchmark.name, two)
        asked = [(each.profile, each.prompt_profile, each.control) for each in (one, two)]
        # Opened from one folder both are its data, though another version wrote another digest.
        if asked[0] != asked[1] or (one.data != two.data and one.digest != two.digest):
            name = two.selection.benchmark.name
            raise UsageError(f"{first.folder} and {other.folder} were not asked the same questions of {name}")


def _together(tries: Sequence[Judged]) -> Repeats:
    shared = set.intersection(*(answered(one) for one in tries))
    samples = [sample for sample in tries[0].samples if sample.id in shared]
    if not samples:
        raise UsageError(f"{tries[0].dataset.selection.benchmark.name}: no sample was answered every time")
    scores = [[one.scores[sample.id] for one in tries] for sample in samples]
    values = np.array([[score.value for score in row] for row in scores], dtype=np.float64)
    # What was read in an answer, not its wording, is what tries agree on.
    answers = [[orjson.dumps(score.parsed) for score in row] for row in scores]
    clusters = [sample.affinity for sample in samples]
    benchmark = tries[0].dataset.selection.benchmark
    best = max(scorer_of(benchmark, kind).full_marks for kind in benchmark.scorers)
    return taken_together(values, answers, clusters, best)
