"""Error bars: known quantiles, known standard errors, clusters that matter."""

import math

import numpy as np
import pytest

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics import bootstrap, mean, mean_of, t_quantile


@pytest.mark.parametrize(
    ("df", "expected"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (7, 2.3646), (30, 2.0423), (1000, 1.9623)],
)
def test_t_quantile_matches_the_printed_tables(df: int, expected: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(expected, rel=2e-3)


def test_mean_is_numpys_mean_times_hundred_to_the_bit() -> None:
    values = [0.1, 0.2, 0.3, 0.7, 0.11, 0.13, 0.17, 0.19, 0.23]
    assert mean("J&F", values).value == float(np.mean(values)) * 100


def test_unclustered_standard_error_is_s_over_root_n() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0]
    metric = mean("accuracy", values)
    assert metric.stderr == pytest.approx(np.std(values, ddof=1) / math.sqrt(5) * 100)
    assert metric.interval is not None
    assert metric.interval[1] - metric.value == pytest.approx(t_quantile(0.975, 4) * metric.stderr)


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
    overall = mean_of(
        "Overall", [Metric("a", 50.0, 4, stderr=3.0), Metric("b", None, 0), Metric("c", 100.0, 2, stderr=4.0)]
    )
    assert overall.value == 75.0
    assert overall.n == 6
    assert overall.stderr == pytest.approx(2.5)


def test_bootstrap_is_repeatable_and_covers_the_value() -> None:
    values = np.array([0.2, 0.9, 0.4, 0.8, 0.1, 0.7])
    one = bootstrap("F1", lambda rows: float(values[rows].mean() * 100), list("aabbcc"))
    two = bootstrap("F1", lambda rows: float(values[rows].mean() * 100), list("aabbcc"))
    assert one == two
    assert one.interval[0] <= one.value <= one.interval[1]
