"""The same questions asked several times: what scatter is decoding, and what more tries would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb

import numpy as np

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.evidence import Floats
from sightbench.scorers.statistics.means import mean


@dataclass(frozen=True, slots=True)
class Repeats:
    """`tries` answers to each of `n` questions.

    `average` is over questions of their mean over tries, clustered as any mean. `decoding` is the share of
    the variance of single answers that comes from decoding; the rest is from the questions. `pass_at` is
    (k, the chance that one of k tries is right), only where all values are 0 or 1; `majority` scores the
    answer given most often (of several the first); `consistency` is the chance that two tries agree.
    Marks out of more than 1 are averaged as they are.
    """

    tries: int
    n: int
    average: Metric
    decoding: float | None
    pass_at: tuple[tuple[int, Metric], ...]
    majority: Metric
    consistency: Metric


def repeats(
    values: Floats,
    answers: Sequence[Sequence[Hashable]],
    clusters: Sequence[Hashable],
    full_marks: float = 1.0,
) -> Repeats:
    """From values (questions x tries) and the answers behind them; `full_marks` is the best value there is.

    Variances by the one-way analysis of variance (Searle 1992, 3.5); pass@k by the unbiased estimator of
    Chen et al. 2021 ("Evaluating Large Language Models Trained on Code", eq. 1). ValueError for one try.
    """
    n, tries = values.shape
    if tries < 2:
        raise ValueError("repeats need two tries or more")
    per_question = values.mean(axis=1)
    within = float(values.var(axis=1, ddof=1).mean())
    between = max(0.0, float(per_question.var(ddof=1)) - within / tries) if n > 1 else 0.0
    whole = within + between
    average = mean if full_marks == 1 else partial(mean, scale=1.0, unit=f"of {full_marks:g}", bounds=None)
    binary = full_marks == 1 and bool(np.all((values == 0) | (values == 1)))
    right = [int(count) for count in values.sum(axis=1)]
    return Repeats(
        tries,
        n,
        average("mean over tries", per_question, clusters),
        within / whole if whole > 0 else None,
        tuple((k, _pass_at(k, tries, right, clusters)) for k in range(1, tries + 1)) if binary else (),
        average("majority vote", [_majority(v, a) for v, a in zip(values, answers, strict=True)], clusters),
        mean("same answer twice", [_agreement(given) for given in answers], clusters),
    )


def _pass_at(k: int, tries: int, right: Sequence[int], clusters: Sequence[Hashable]) -> Metric:
    chances = [1 - comb(tries - count, k) / comb(tries, k) for count in right]
    return mean(f"pass@{k}", chances, clusters)


def _majority(values: Floats, answers: Sequence[Hashable]) -> float:
    most = Counter(answers).most_common(1)[0][0]
    return float(values[answers.index(most)])


def _agreement(answers: Sequence[Hashable]) -> float:
    alike = sum(comb(count, 2) for count in Counter(answers).values())
    return alike / comb(len(answers), 2)
