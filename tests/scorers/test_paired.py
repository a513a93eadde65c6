"""Paired comparisons: exact as a permutation oracle, calibrated on equal models, with verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from perf.calibration import coverage, false_alarms
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.comparison import Difference, compared
from sightbench.scorers.statistics.intervals import wilson
from sightbench.scorers.statistics.means import bootstrap, mean, mean_of, ratio, sum_of
from sightbench.scorers.statistics.paired import holm, sign_flips
from sightbench.scorers.statistics.power import clusters_for, smallest_difference


def one(a: Metric, b: Metric, **options: float) -> Difference:
    return compared([(a, b)], **options)[0][0]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_up_to_twenty_clusters_the_p_is_the_exact_permutation_tests(seed: int) -> None:
    moved = np.random.default_rng(seed).integers(-3, 4, size=(11, 1)).astype(float)
    ours = sign_flips(moved, [[0]])
    oracle = permutation_test(
        (moved[:, 0],), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert ours.exact
    assert ours.p[0] == pytest.approx(float(oracle.pvalue))


def test_more_clusters_are_drawn_and_come_close_to_the_exact_p() -> None:
    moved = np.random.default_rng(5).normal(0.4, 1, size=(20, 1))
    exact = sign_flips(moved, [[0]])
    many = np.vstack([moved, np.full((1, 1), 1e-12)])
    drawn = sign_flips(many, [[0]])
    assert exact.exact and not drawn.exact
    assert drawn.p[0] == pytest.approx(exact.p[0], abs=0.003)
    assert drawn.p[0] == sign_flips(many, [[0]]).p[0], "the same answers always give the same p"


def test_adjusted_p_lies_between_its_own_and_bonferronis() -> None:
    rng = np.random.default_rng(1)
    moved = rng.normal(size=(40, 8)) + np.array([0.6, *([0.0] * 7)])
    outcome = sign_flips(moved, [range(8)], flips=20_000)
    assert np.all(outcome.adjusted >= outcome.p)
    assert np.all(outcome.adjusted <= np.minimum(1, 8 * outcome.p) + 0.01)
    same = np.repeat(moved[:, :1], 8, axis=1)
    alike = sign_flips(same, [range(8)], flips=20_000)
    assert np.allclose(alike.adjusted, alike.p), "eight times the same number is one test"


def test_holm_is_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    ps = [0.01, 0.04, 0.03, 0.2, 0.001]
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]))


def test_equal_models_are_called_different_at_the_nominal_rate_only_by_the_clustered_test() -> None:
    rates = false_alarms(1000, 60, 12, 0.9, flips=399)
    assert 0.03 <= rates["sign flips"] <= 0.07
    assert rates["McNemar"] > 0.1 and rates["paired t"] > 0.1


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_intervals_hold_the_truth_where_few_videos_have_many_questions(share: float) -> None:
    assert coverage(600, 20, 25, 0.5, share)["ours"] >= 0.92


def test_the_difference_of_an_overall_is_that_of_its_own_definition() -> None:
    videos = list("aabbccddeeff")
    a = mean_of(
        "Overall", [mean("QA", [0, 1] * 6, videos), mean("J&F", np.linspace(0, 1, 6), list("abcdef"))]
    )
    b = mean_of(
        "Overall", [mean("QA", [1, 1] * 6, videos), mean("J&F", np.linspace(0, 1, 6), list("abcdef"))]
    )
    headline, qa, masks = compared([(a, b)])[0]
    assert headline.value == pytest.approx(25.0) == (b.value or 0) - (a.value or 0)
    assert (qa.wins, qa.losses, masks.wins, masks.losses) == (6, 0, 0, 0)
    assert headline.p == pytest.approx(2 / 2**6), "all six videos moved the same way"


def test_verdicts() -> None:
    rng = np.random.default_rng(0)
    videos = np.repeat(np.arange(100), 5).tolist()
    base = (rng.random(500) < 0.5).astype(float)
    better = np.maximum(base, (rng.random(500) < 0.4).astype(float))
    a, b = mean("accuracy", base, videos), mean("accuracy", better, videos)
    assert one(a, b).verdict == "better"
    assert one(b, a).verdict == "worse"
    assert one(a, a, margin=5.0).verdict == "equivalent"
    few = mean("accuracy", base[:40], videos[:40]), mean("accuracy", np.roll(base[:40], 1), videos[:40])
    open_ = one(*few)
    assert open_.verdict == "undecided"
    assert open_.needed is None or open_.needed > open_.clusters


def test_two_runs_that_agree_on_eight_answers_are_not_called_equivalent() -> None:
    right = mean("accuracy", [1.0] * 8, list("abcdefgh"))
    same = one(right, right, margin=1.0)
    assert same.verdict == "undecided" and same.p == 1.0
    assert same.interval is not None and same.interval[1] > 1


@pytest.mark.parametrize("clusters", [2, 5, 30])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.2, 0.7)])
def test_a_difference_that_is_the_same_everywhere_lies_in_its_interval(
    clusters: int, low: float, high: float
) -> None:
    videos = list(range(clusters))
    found = one(mean("mean", [low] * clusters, videos), mean("mean", [high] * clusters, videos))
    assert found.value == pytest.approx(100 * (high - low)) and found.interval is not None
    assert found.interval[0] < found.value <= found.interval[1] <= 100
    # What is left open is what a share of 0 in so many videos leaves open.
    opened = 100 * wilson(0.0, clusters, clusters - 1)[1]
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * opened)


def test_rounding_is_no_evidence_where_all_answers_of_a_run_are_worth_the_same() -> None:
    baseline, candidate = mean("score", [0.1] * 3, list("abc")), mean("score", [0.2] * 2, list("ab"))
    ((difference,),) = compared([(baseline, candidate)])
    assert (difference.p, difference.verdict) == (1.0, "undecided")


def test_soft_scores_sums_and_corpus_numbers_are_compared_too() -> None:
    rng = np.random.default_rng(2)
    soft = rng.random(60)
    higher = np.clip(soft + rng.random(60) * 0.2, 0, 1)
    images = list(range(60))
    sums = [
        sum_of("points", [mean("a", x[:30], images[:30]), mean("b", x[30:], images[30:])])
        for x in (soft, higher)
    ]
    assert one(*sums).verdict == "better"

    def corpus_number(values: np.ndarray) -> Metric:
        return bootstrap("F1", lambda rows: float(100 * values[rows].mean()), images)

    corpus = (corpus_number(soft), corpus_number(higher))
    found = one(*corpus)
    assert (found.verdict, found.method, found.wins) == ("better", "bootstrap", None)
    assert one(corpus[0], corpus[0]).p == 1.0


def test_as_many_answers_of_other_images_are_not_paired_by_their_place() -> None:
    """cIoU leaves out answers without a mask: here another one of each run."""
    rng = np.random.default_rng(0)
    intersections = rng.uniform(0, 90, 200)

    def number(values: np.ndarray, without: int) -> Metric:
        kept = [at for at in range(200) if at != without]
        return ratio("cIoU", values[kept].tolist(), [100.0] * 199, [f"image {at}" for at in kept])

    baseline, candidate = number(intersections, 0), number(intersections + 5, 199)
    ((difference,),) = compared([(baseline, candidate)])
    assert difference.verdict == "better"
    assert difference.interval is not None and difference.interval[0] > 4
    assert (difference.wins, difference.losses) == (None, None)


def test_the_plan_is_that_of_the_t_test() -> None:
    from statsmodels.stats.power import TTestPower

    needed = clusters_for(0.5, 1 / 10, 100)
    oracle = TTestPower().solve_power(effect_size=0.5, power=0.8, alpha=0.05)
    assert needed == pytest.approx(oracle, abs=1.5)
    assert smallest_difference(1.0, 10**6) == pytest.approx(2.80, abs=0.01)
