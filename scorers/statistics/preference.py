"""Which of several models is preferred: win rates, strengths, and what length has to do with it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.evidence import Floats, coded
from sightbench.scorers.statistics.means import mean

ROUNDS = 1000
_PRIOR = 0.5
"""Half a win and half a loss against everyone: without them a model that never lost is infinitely strong."""
_ELO = 400 / np.log(10)


@dataclass(frozen=True, slots=True)
class Duel:
    """One comparison of models `one` and `other` (their numbers): `won` is 1 where `one` is better, 0 where
    `other` is, 0.5 for a tie. `lengths` are the two answers'; duels of one `cluster` hang together.
    """

    one: int
    other: int
    won: float
    cluster: Hashable
    lengths: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Strength:
    """A model's strength on Elo's scale, the mean of all at 0, with its 95 % interval."""

    model: int
    value: float
    interval: tuple[float, float] | None


def win_rate(name: str, duels: Sequence[Duel]) -> Metric:
    """How often `one` is preferred, ties half, in %, clustered by video."""
    return mean(name, [duel.won for duel in duels], [duel.cluster for duel in duels])


def strengths(duels: Sequence[Duel], models: int, *, rounds: int = ROUNDS, seed: int = 0) -> list[Strength]:
    """Bradley and Terry's (1952) model, ties as half a win each, by Hunter's (2004) MM algorithm, with the
    bootstrap over clusters; the strongest first. No intervals with fewer than two clusters."""
    keys, codes = coded([duel.cluster for duel in duels])
    wins = np.zeros((len(keys), models, models))
    for duel, cluster in zip(duels, codes, strict=True):
        wins[cluster, duel.one, duel.other] += duel.won
        wins[cluster, duel.other, duel.one] += 1 - duel.won
    fitted = _fit(wins.sum(axis=0))
    bounds: Floats | None = None
    if len(keys) > 1:
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=rounds)
        fits = np.array([_fit(np.tensordot(weights, wins, 1)) for weights in drawn])
        bounds = np.quantile(fits, (0.025, 0.975), axis=0)
    found = [
        Strength(
            model,
            float(fitted[model]),
            None if bounds is None else (float(bounds[0, model]), float(bounds[1, model])),
        )
        for model in range(models)
    ]
    return sorted(found, key=lambda each: -each.value)


def _fit(wins: Floats) -> Floats:
    """Strengths on Elo's scale from a matrix of wins."""
    apart = 1 - np.eye(len(wins))
    wins = wins + _PRIOR * apart
    games, won = wins + wins.T, wins.sum(axis=1)
    strength = np.ones(len(wins))
    for _ in range(500):
        new = won / (games / (strength[:, None] + strength[None, :])).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        if np.allclose(new, strength, rtol=1e-9):
            break
        strength = new
    return np.asarray(_ELO * np.log(strength))


def at_equal_length(duels: Sequence[Duel], *, rounds: int = ROUNDS, seed: int = 0) -> Metric:
    """The win rate if both answers were equally long, in %: a logistic model of the outcome with the
    logarithm of the answers' lengths as covariate (Dubois et al. 2024, "Length-controlled AlpacaEval"), with
    the bootstrap over clusters."""
    name = "win rate at equal length"
    lengths = np.array([[max(1, length) for length in duel.lengths] for duel in duels], dtype=np.float64)
    won = np.array([duel.won for duel in duels])
    apart = np.log(lengths[:, 0] / lengths[:, 1]) if len(duels) else np.empty(0)
    keys, codes = coded([duel.cluster for duel in duels])
    if not len(duels) or not np.any(apart):
        return Metric(name, None, len(duels), note="all answers are equally long")
    value = _even(apart, won, np.ones(len(duels)))
    whole = Metric(name, value, len(duels), clusters=len(keys), bounds=(0.0, 100.0))
    if len(keys) < 2:
        return whole
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=rounds)
    fits = np.array([_even(apart, won, weights[codes].astype(np.float64)) for weights in drawn])
    low, high = np.quantile(fits, (0.025, 0.975))
    return Metric(
        name, value, len(duels), "%", float(np.std(fits, ddof=1)), (float(low), float(high)),
        clusters=len(keys), bounds=(0.0, 100.0),
    )  # fmt: skip


def _even(apart: Floats, won: Floats, weights: Floats) -> float:
    """100 x the logistic model's probability at no difference in length; a little ridge keeps it finite."""
    features = np.column_stack([np.ones(len(apart)), apart])
    found = np.zeros(2)
    for _ in range(50):
        likely = 1 / (1 + np.exp(-features @ found))
        slope = features.T @ (weights * (won - likely)) - 0.1 * found
        curve = (features * (weights * likely * (1 - likely))[:, None]).T @ features + 0.1 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-9:
            break
    return float(100 / (1 + np.exp(-found[0])))
