"""Agreement between raters and equating, against published examples, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightbench.scorers.statistics.agreement import agreement, cohens_kappa, krippendorffs_alpha
from sightbench.scorers.statistics.equating import (
    accuracy,
    prediction_powered,
    ratio_of_means,
    rogan_gladen,
    shift,
)
from sightbench.scorers.statistics.means import mean

NONE = math.nan
# Krippendorff 2011, example C: four observers, twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level, value: float) -> None:
    assert krippendorffs_alpha(OBSERVERS, level) == pytest.approx(value, abs=0.0005)


def test_alpha_of_what_has_none() -> None:
    assert krippendorffs_alpha([[1, 1], [1, 1]]) is None
    assert krippendorffs_alpha([[1, NONE], [NONE, 2]]) is None
    assert krippendorffs_alpha([[], []]) is None
    assert krippendorffs_alpha([[1, 2, 3], [1, 2, 3]]) == pytest.approx(1.0)


@pytest.mark.parametrize("weights", ["none", "quadratic"])
def test_kappa_is_that_of_statsmodels(weights) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa as theirs
    from statsmodels.stats.inter_rater import to_table

    rng = np.random.default_rng(3)
    one = rng.integers(1, 6, 200)
    other = np.clip(one + rng.integers(-1, 2, 200), 1, 5)
    table, _ = to_table(np.column_stack([one, other]), bins=None)
    expected = theirs(table, wt="fc" if weights == "quadratic" else None, return_results=False)
    assert cohens_kappa(one, other, weights=weights) == pytest.approx(expected)
    assert agreement(one, other) == np.mean(one == other)


def test_kappa_of_what_has_none() -> None:
    assert cohens_kappa([], []) is None
    assert cohens_kappa([1, 1], [1, 1]) is None


def test_a_mean_that_is_moved_off_its_scale_has_an_interval_on_it() -> None:
    raw = mean("accuracy", [1.0] * 99 + [0.0])
    moved = mean("shift", [6.0, 6.2, 5.8, 6.1] * 5, scale=1.0, unit="", bounds=None)
    equated = prediction_powered(raw, moved)
    assert equated.value == 100 and equated.interval is not None
    assert equated.interval[0] < equated.value == equated.interval[1]


def test_a_prediction_powered_interval_covers_the_references_mean() -> None:
    """A judge that is generous by 0.15 and noisy; the reference's mean over the run is what is sought."""
    rng = np.random.default_rng(1)
    covered, wider = 0, 0
    for _ in range(300):
        truth = rng.uniform(0, 1, 400)
        said = np.clip(truth + 0.15 + rng.normal(0, 0.1, 400), 0, 1)
        moved = shift(truth[:100], said[:100])
        raw = mean("total", said[100:], bounds=None, scale=1.0)
        equated = prediction_powered(raw, moved)
        low, high = equated.interval
        covered += low <= 0.5 <= high
        wider += high - low > raw.interval[1] - raw.interval[0]
    assert 0.92 <= covered / 300 <= 0.98
    assert wider == 300


def test_rogan_gladen_gives_back_the_accuracy_behind_a_faulty_judge() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        truth = rng.random(1400) < 0.6
        said = np.where(rng.random(1400) < 0.85, truth, ~truth)
        known = accuracy(truth[:400], said[:400])
        equated = rogan_gladen(mean("accuracy", said[400:].astype(float)), known)
        low, high = equated.interval
        covered += low <= 60 <= high
    assert 0.92 <= covered / 300 <= 0.98


def test_what_a_rule_decided_is_not_corrected() -> None:
    known = accuracy([1] * 50 + [0] * 50, [1] * 40 + [0] * 10 + [0] * 50)
    raw = mean("accuracy", [1.0] * 40 + [0.0] * 60)
    assert rogan_gladen(raw, known).value == pytest.approx(50.0)
    assert rogan_gladen(raw, known, share=0.5, exact=0.3).value == pytest.approx(55.0)


def test_a_judge_that_says_nothing_equates_nothing() -> None:
    known = accuracy([1, 0] * 20, [1, 1, 0, 0] * 10)
    equated = rogan_gladen(mean("accuracy", [1.0, 0.0]), known)
    assert equated.value is None
    assert "no more than chance" in equated.note


def test_both_marks_of_a_ratio_are_moved() -> None:
    run = np.array([[8.0, 6.0], [8.0, 6.0]])
    reference = np.array([[8.0, 6.0], [9.0, 7.0], [9.0, 5.0]])
    judge = reference + np.array([1.0, 2.0])
    metric = ratio_of_means("relative score, equated", run, ["a", "b"], reference, judge, ["x", "y", "z"])
    assert metric.value == pytest.approx(100 * 4 / 7)
    assert metric.interval[0] <= metric.value <= metric.interval[1]
