"""Error bars: known quantiles, known standard errors, clusters that matter."""

import math

import numpy as np
import pytest
from scipy.stats import t as student_t

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.intervals import t_quantile
from sightbench.scorers.statistics.means import bootstrap, mean, mean_of


@pytest.mark.parametrize("freedom", [1, 2, 3, 7.4, 30, 1000])
def test_t_quantile_is_exact(freedom: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(float(student_t.ppf(0.975, freedom)), rel=1e-9)


def test_mean_is_numpys_mean_times_hundred_to_the_bit() -> None:
    values = [0.1, 0.2, 0.3, 0.7, 0.11, 0.13, 0.17, 0.19, 0.23]
    assert mean("J&F", values).value == float(np.mean(values)) * 100


def test_unclustered_standard_error_is_s_over_root_n() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0]
    metric = mean("accuracy", values)
    assert metric.stderr == pytest.approx(np.std(values, ddof=1) / math.sqrt(5) * 100)
    assert metric.evidence is not None
    assert metric.evidence.effective_n == pytest.approx(5)


def test_soft_scores_have_students_interval_and_it_ends_with_the_scale() -> None:
    middle = mean("ANLS", [0.4, 0.5, 0.6, 0.45])
    assert middle.interval is not None and middle.value is not None and middle.stderr is not None
    assert middle.interval[1] - middle.value == pytest.approx(t_quantile(0.975, 3) * middle.stderr)
    high = mean("J&F", [1.0, 0.99, 0.7])
    assert high.interval is not None and high.interval[1] == 100.0
    points = mean("points", [1.0, 2.0, 9.0], scale=1.0, unit="points", bounds=None)
    assert points.interval is not None and points.interval[0] < 0


@pytest.mark.parametrize("right", [0, 1, 5, 9, 10])
def test_the_interval_of_a_share_stays_on_the_scale_and_holds_the_share(right: int) -> None:
    metric = mean("accuracy", [1.0] * right + [0.0] * (10 - right), list("aabbccddee"))
    assert metric.interval is not None and metric.value is not None
    low, high = metric.interval
    assert 0 <= low <= metric.value <= high <= 100
    assert high - low > 10, "ten answers cannot be sure"


def test_unclustered_share_is_wilsons_with_t_for_z() -> None:
    from statsmodels.stats.proportion import proportion_confint

    values = [1.0] * 280 + [0.0] * 20
    metric = mean("accuracy", values)
    low, high = proportion_confint(280, 300, alpha=2 * (1 - student_t.cdf(1.96, 10**9)), method="wilson")
    assert metric.interval == pytest.approx((100 * low, 100 * high), abs=0.05)


def test_clustered_error_is_that_of_a_regression_on_a_constant() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    videos = np.repeat(np.arange(30), 7)
    values = rng.random(210) * 0.5 + np.repeat(rng.random(30), 7) * 0.5
    ours = mean("ANLS", values.tolist(), videos.tolist(), scale=1.0)
    fit = sm.OLS(values, np.ones(210)).fit(
        cov_type="cluster", cov_kwds={"groups": videos, "use_correction": False}
    )
    assert ours.stderr == pytest.approx(float(fit.bse[0]) * math.sqrt(30 / 29))


def test_questions_that_rise_and_fall_together_widen_the_error() -> None:
    values = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    alone = mean("accuracy", values)
    by_video = mean("accuracy", values, ["a", "a", "b", "b", "c", "c", "d", "d"])
    assert by_video.value == alone.value
    assert by_video.stderr > alone.stderr * 1.4


def test_repeating_every_question_does_not_buy_precision() -> None:
    once = mean("accuracy", [1.0, 0.0, 1.0], ["a", "b", "c"])
    thrice = mean("accuracy", [1.0, 0.0, 1.0] * 3, ["a", "b", "c"] * 3)
    assert thrice.stderr == pytest.approx(once.stderr)


def test_one_video_has_no_error_bar_and_nothing_has_no_value() -> None:
    assert mean("accuracy", [1.0, 0.0], ["a", "a"]).stderr is None
    assert mean("accuracy", []).value is None


def test_mean_of_leaves_out_missing_parts_and_says_so_by_n() -> None:
    parts = [mean("a", [0, 1, 1, 0], list("abcd")), Metric("b", None, 0), mean("c", [1, 1, 0.4], list("xyz"))]
    overall = mean_of("Overall", parts)
    assert overall.value == pytest.approx(65.0)
    assert overall.n == 7
    errors = [part.stderr or 0.0 for part in parts]
    assert overall.stderr == pytest.approx(math.hypot(*errors) / 2), "no video in common: independent"


def test_parts_over_the_same_videos_are_not_taken_as_independent() -> None:
    answers, masks = [0.0, 1.0, 1.0, 0.0, 1.0], [0.1, 0.9, 0.8, 0.2, 0.9]
    parts = [mean("QA", answers, list("abcde")), mean("J&F", masks, list("abcde"))]
    overall = mean_of("Overall", parts)
    both = mean("each video", [(a + m) / 2 for a, m in zip(answers, masks, strict=True)], list("abcde"))
    assert overall.stderr == pytest.approx(both.stderr)
    assert overall.stderr > 1.3 * math.hypot(*(part.stderr or 0.0 for part in parts)) / 2
    assert overall.interval is not None and overall.interval[0] >= 0 and overall.interval[1] <= 100


def test_a_part_with_one_video_leaves_the_whole_without_an_error_bar() -> None:
    overall = mean_of("Overall", [mean("a", [0, 1], list("ab")), mean("b", [1, 1], list("cc"))])
    assert overall.value == 75.0 and overall.stderr is None and overall.interval is None


def test_bootstrap_is_repeatable_and_covers_the_value() -> None:
    values = np.array([0.2, 0.9, 0.4, 0.8, 0.1, 0.7])
    one = bootstrap("F1", lambda rows: float(values[rows].mean() * 100), list("aabbcc"))
    two = bootstrap("F1", lambda rows: float(values[rows].mean() * 100), list("aabbcc"))
    assert one == two
    assert one.interval[0] <= one.value <= one.interval[1]
