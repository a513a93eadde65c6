"""What a run will cost, from a few samples that were asked: tokens by what a request carries, dollars by
tokens, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from sightbench.sample import Usage
from sightbench.scorers.statistics.intervals import t_quantile

CONFIDENCE = 0.90


@dataclass(frozen=True, slots=True)
class Load:
    """What one request carries: images, their pixels in millions, characters of text."""

    images: int
    megapixels: float
    characters: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """US dollars for a whole run: expected, and the bounds of its 90 % interval, of which the lower is never
    below what the asked samples cost already; the tokens expected; how many samples it was learned from."""

    dollars: float
    low: float
    high: float
    prompt_tokens: int
    completion_tokens: int
    learned_from: int


Cost = Callable[[int, int], Decimal | None]
"""(prompt tokens, completion tokens) -> US dollars, None for a model without a price."""


def estimate(asked: Sequence[tuple[Load, Usage]], run: Sequence[Load], cost: Cost) -> Estimate | None:
    """The bill of `run` from the token counts of the samples that were `asked`; None without a price.

    Prompt tokens are regressed on images, pixels and characters (least squares through the origin, of least
    norm where the columns say the same); answers are taken to be as long as those seen. The interval is
    Student's t over the leave-one-out errors of single requests, for the sum of all of them. Raises
    ValueError for fewer than two samples with token counts.
    """
    known = [
        (load, usage) for load, usage in asked if None not in (usage.prompt_tokens, usage.completion_tokens)
    ]
    if len(known) < 2:
        raise ValueError("at least two samples with token counts are needed")
    rows = np.array([_row(load) for load, _ in known])
    prompts = np.array([float(usage.prompt_tokens or 0) for _, usage in known])
    answers = np.array([float(usage.completion_tokens or 0) for _, usage in known])
    if cost(1, 1) is None:
        return None
    every = np.array([_row(load) for load in run]).reshape(len(run), 3)
    tokens = _predicted(rows, prompts, every)
    answer = float(answers.mean())
    dollars = [_dollars(cost, one, answer) for one in tokens]
    errors = []
    for index in range(len(known)):
        rest = np.arange(len(known)) != index
        guess = _predicted(rows[rest], prompts[rest], rows[index : index + 1])[0]
        spent = _dollars(cost, prompts[index], answers[index])
        errors.append(spent - _dollars(cost, guess, float(answers[rest].mean())))
    count, learned = len(run), len(known)
    spread = math.sqrt(sum(error**2 for error in errors) / (learned - 1))
    half = t_quantile((1 + CONFIDENCE) / 2, learned - 1) * spread * math.sqrt(count + count**2 / learned)
    expected = sum(dollars)
    paid = sum(_dollars(cost, prompt, length) for prompt, length in zip(prompts, answers, strict=True))
    return Estimate(
        expected,
        max(min(paid, expected), expected - half),
        expected + half,
        round(float(tokens.sum())),
        round(answer * count),
        learned,
    )


def _row(load: Load) -> list[float]:
    return [float(load.images), load.megapixels, load.characters / 1000]


def _predicted(rows: np.ndarray, tokens: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Tokens of `wanted`, never fewer than none; by the mean where nothing can be learned from the rows."""
    scale = np.abs(rows).max(axis=0)
    scale[scale == 0] = 1.0
    # Columns of one size, so that least norm does not prefer the one with the largest unit.
    weights = np.linalg.lstsq(rows / scale, tokens, rcond=1e-6)[0]
    found = (wanted / scale) @ weights
    bounds = tokens.min() / 10, tokens.max() * 10
    sensible: np.ndarray = np.where((found >= bounds[0]) & (found <= bounds[1]), found, tokens.mean())
    return sensible


def _dollars(cost: Cost, prompt: float, answer: float) -> float:
    amount = cost(round(prompt), round(answer))
    assert amount is not None
    return float(amount)
