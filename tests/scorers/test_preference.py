"""Win rates, Bradley-Terry and the length of answers, against closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from sightbench.scorers.statistics.preference import Duel, at_equal_length, strengths, win_rate


def test_a_tie_is_half_a_win() -> None:
    duels = [Duel(0, 1, won, cluster) for cluster, won in enumerate([1.0, 1.0, 0.5, 0.0])]
    assert win_rate("a against b", duels).value == pytest.approx(62.5)


def test_two_models_differ_by_the_logarithm_of_their_odds() -> None:
    duels = [Duel(0, 1, float(at < 75), at) for at in range(100)]
    first, second = strengths(duels, 2, rounds=50)
    assert (first.model, second.model) == (0, 1)
    # With half a win and half a loss more, which keep it finite.
    assert first.value - second.value == pytest.approx(400 * np.log10(75.5 / 25.5), rel=1e-4)


def test_strengths_are_found_again() -> None:
    rng = np.random.default_rng(5)
    true = np.array([200.0, 0.0, -200.0])
    duels = []
    for cluster in range(200):
        for one, other in ((0, 1), (0, 2), (1, 2)):
            likely = 1 / (1 + 10 ** ((true[other] - true[one]) / 400))
            duels.append(Duel(one, other, float(rng.random() < likely), cluster))
    for strength in strengths(duels, 3, rounds=200):
        low, high = strength.interval
        assert low - 20 <= true[strength.model] <= high + 20
        assert high - low < 200


def test_what_only_length_decides_is_even_at_equal_length() -> None:
    rng = np.random.default_rng(6)
    duels = []
    for cluster in range(600):
        lengths = (int(rng.integers(50, 800)), int(rng.integers(20, 300)))
        likely = 1 / (1 + np.exp(-1.5 * np.log(lengths[0] / lengths[1])))
        duels.append(Duel(0, 1, float(rng.random() < likely), cluster, lengths))
    assert win_rate("rate", duels).value > 65
    even = at_equal_length(duels, rounds=200)
    low, high = even.interval
    assert low <= 50 <= high


def test_equally_long_answers_tell_nothing_of_length() -> None:
    assert at_equal_length([Duel(0, 1, 1.0, 0, (5, 5))]).value is None
