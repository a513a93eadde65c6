"""A multiple-choice question under every rotation of its options (--control options-rotated)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sightbench.scorers.aggregate import mean_value, set_accuracy
from sightbench.scorers.groups import by, sets, valued
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics.means import bootstrap, mean


def rotation(rows: Sequence[Row]) -> tuple[Metric, ...]:
    """Circular accuracy (right under every rotation: MMBench, Liu et al. 2023) and position bias.

    "position bias" is the standard deviation over letters of the accuracy where the gold is that letter, in
    points (RStd of Zheng et al. 2024, "Large Language Models Are Not Robust Multiple Choice Selectors"): 0
    for a model that does not care where an option stands. Below it, per letter, that accuracy and how often
    the letter was answered; both would be alike for all letters, as each stands for each option once.
    """
    known = [row for row, _ in valued(rows)]
    if not known:
        return ()
    by_gold = by((row for row in known if isinstance(row.sample.gold, str)), lambda row: str(row.sample.gold))
    letters = sorted(letter for letter in by_gold if len(letter) == 1)
    circular = set_accuracy("circular accuracy", sets(rows))
    if len(letters) < 2:
        return (circular,)
    values = np.array([number for _, number in valued(known)])
    gold = np.array([str(row.sample.gold) for row in known])
    clusters = [row.sample.affinity for row in known]

    def spread(chosen: np.ndarray) -> float:
        of = [values[chosen][gold[chosen] == letter] for letter in letters]
        return float(100 * np.std([part.mean() for part in of])) if all(map(len, of)) else float("nan")

    parts = [mean_value(f"right where the gold is {letter}", by_gold[letter]) for letter in letters]
    for letter in letters:
        said = [float(row.score.parsed == letter) for row in known]
        parts.append(mean(f"answered {letter}", said, clusters))
    bias = bootstrap("position bias", spread, clusters, unit="points")
    return circular, replace(bias, parts=tuple(parts))
