"""How much of a benchmark can be solved without looking, with its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.evaluation.selection import select
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.means import mean
from sightbench.tasks.blind import FOLDS, Guess, guesses


@dataclass(frozen=True, slots=True)
class BlindCheck:
    """One benchmark answered from its texts alone: `accuracy` with its interval, clustered by video, and by
    category below it; `usual` is always giving the most common letter or answer, `chance` guessing.

    `gain` is the accuracy beyond guessing; the texts give something away where its interval is above 0.
    """

    title: str
    n: int
    left_out: int
    accuracy: Metric
    usual: Metric
    chance: float
    gain: Metric


def blind_check(task: str, data: Path, profile: str | None = None) -> tuple[BlindCheck, ...]:
    """A BlindCheck of each benchmark the name means.

    Raises UsageError where no question has one known answer, or all are about one video.
    """
    found = []
    for dataset in select([task], data, profile):
        samples = list(dataset.samples())
        answered = guesses(samples)
        if not answered:
            raise UsageError(
                f"{dataset.selection.benchmark.name}: no questions with one known answer, about "
                "several videos or images"
            )
        found.append(_checked(dataset.selection.benchmark.title, answered, len(samples)))
    return tuple(found)


def _checked(title: str, answered: Sequence[Guess], asked: int) -> BlindCheck:
    clusters = [one.cluster for one in answered]
    chances = [one.chance for one in answered]
    right = [float(one.right) for one in answered]
    kinds = dict.fromkeys(one.category for one in answered)
    parts = [_of([one for one in answered if one.category == kind], kind) for kind in kinds]
    accuracy = mean(f"from the text alone ({FOLDS} folds by video)", right, clusters)
    gains = [hit - chance for hit, chance in zip(right, chances, strict=True)]
    return BlindCheck(
        title,
        len(answered),
        asked - len(answered),
        replace(accuracy, parts=tuple(parts) if len(parts) > 1 else ()),
        mean("always the most common letter or answer", [float(one.letter) for one in answered], clusters),
        100 * sum(chances) / len(chances),
        mean("beyond guessing", gains, clusters, bounds=(-1.0, 1.0)),
    )


def _of(answered: Sequence[Guess], name: str) -> Metric:
    return mean(name, [float(one.right) for one in answered], [one.cluster for one in answered])
