"""How often the statistics are wrong: false alarms of `compare`, coverage of intervals, on simulated runs.

`python -m perf.calibration`; `--rounds` for more or fewer simulated pairs. Seeded: the same table every time.
Answers are drawn from logit p = level + video + question + model x video (deviations 1, 1 and the effect),
and both models are equally good by construction.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import ndtri
from scipy.stats import binomtest, ttest_1samp

from sightbench.scorers.statistics.comparison import compared
from sightbench.scorers.statistics.intervals import student
from sightbench.scorers.statistics.means import mean
from sightbench.scorers.statistics.paired import sign_flips

LAYOUTS = ((300, 4), (60, 12), (20, 25), (12, 40))
EFFECTS = (0.0, 0.5, 0.9)
SHARES = (0.5, 0.9, 0.97)


class Rate(float):
    """A share of the simulated rounds."""


def answers(
    rng: np.random.Generator, videos: int, questions: int, effect: float, level: float, models: int = 2
) -> np.ndarray:
    """Right (1.0) and wrong (0.0), models x videos x questions."""
    easy = level + rng.normal(size=(1, videos, 1)) + rng.normal(size=(1, videos, questions))
    own = effect * rng.normal(size=(models, videos, 1))
    chance = 1 / (1 + np.exp(-(easy + own)))
    return (rng.random((models, videos, questions)) < chance).astype(np.float64)


def level_for(share: float, effect: float) -> float:
    """The level at which a share of all answers is right, found by bisection on Gauss-Hermite nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    deviation = math.sqrt(2 + effect**2)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = float(weights @ (1 / (1 + np.exp(-(middle + deviation * nodes)))) / weights.sum())
        low, high = (middle, high) if reached < share else (low, middle)
    return low


def false_alarms(
    rounds: int, videos: int, questions: int, effect: float, *, flips: int = 999, seed: int = 1
) -> dict[str, Rate]:
    """The share of pairs of equal models that each test calls different at 5 %."""
    rng = np.random.default_rng((seed, videos, questions, round(10 * effect)))
    alarms = {"sign flips": 0, "clustered t": 0, "McNemar": 0, "paired t": 0}
    for at in range(rounds):
        a, b = answers(rng, videos, questions, effect, level_for(0.6, effect))
        moved = b - a
        by_video = moved.sum(axis=1)
        wins, losses = int((moved > 0).sum()), int((moved < 0).sum())
        flipped = sign_flips(by_video[:, None] / moved.size, [[0]], flips=flips, seed=at)
        alarms["sign flips"] += flipped.p[0] < 0.05
        alarms["clustered t"] += ttest_1samp(by_video, 0).pvalue < 0.05
        alarms["McNemar"] += binomtest(wins, max(1, wins + losses)).pvalue < 0.05
        alarms["paired t"] += ttest_1samp(moved.ravel(), 0).pvalue < 0.05
    return {name: Rate(count / rounds) for name, count in alarms.items()}


def coverage(
    rounds: int, videos: int, questions: int, effect: float, share: float, *, seed: int = 2
) -> dict[str, Rate]:
    """How often the interval of one run's accuracy, and the ones it replaced, hold the true share."""
    rng = np.random.default_rng((seed, videos, questions, round(10 * effect), round(100 * share)))
    level = level_for(share, effect)
    clusters = np.repeat(np.arange(videos), questions).tolist()
    held = {"ours": 0, "clustered t": 0, "off scale": 0, "unclustered": 0}
    normal = float(ndtri(0.975))
    for _ in range(rounds):
        right = answers(rng, videos, questions, effect, level, models=1).ravel()
        metric = mean("accuracy", right.tolist(), clusters)
        held["ours"] += _holds(metric.interval, share)
        center, stderr = (metric.value or 0.0) / 100, (metric.stderr or 0.0) / 100
        low, high = student(center, stderr, videos - 1)
        held["clustered t"] += low <= share <= high
        held["off scale"] += low < 0 or high > 1
        half = normal * math.sqrt(center * (1 - center) / len(right))
        held["unclustered"] += center - half <= share <= center + half
    return {name: Rate(count / rounds) for name, count in held.items()}


def _holds(interval: tuple[float, float] | None, share: float) -> bool:
    assert interval is not None and 0 <= interval[0] <= interval[1] <= 100
    return interval[0] <= 100 * share <= interval[1]


def speed() -> float:
    """Seconds to compare two runs of 10,000 answers in 1,000 videos and 20 categories, 100,000 flips."""
    rng = np.random.default_rng(0)
    right = answers(rng, 1000, 10, 0.5, 0.4).reshape(2, -1)
    videos = [f"video {at // 10}" for at in range(10_000)]
    kinds = np.arange(10_000) % 20
    began = time.perf_counter()
    trees = []
    for one in right:
        parts = []
        for kind in range(20):
            rows = np.flatnonzero(kinds == kind)
            parts.append(mean(f"category {kind}", one[rows].tolist(), [videos[at] for at in rows]))
        trees.append(replace(mean("accuracy", one.tolist(), videos), parts=tuple(parts)))
    compared([(trees[0], trees[1])], margin=1.0)
    return time.perf_counter() - began


def _print_table(title: str, heads: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> None:
    print(f"\n{title}\n{'videos x questions':20}" + "".join(f"{head:>13}" for head in heads))
    for videos, questions, *cells in rows:
        shown = (f"{100 * cell:.1f}" if isinstance(cell, Rate) else str(cell) for cell in cells)
        print(f"{videos} x {questions}".ljust(20) + "".join(f"{text:>13}" for text in shown), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    print(f"compare: 10,000 answers, 1,000 videos, 20 categories, 100,000 flips: {speed():.2f} s")
    _print_table(
        f"false alarms at 5 %, in % of {rounds} pairs of equal models (60 % right)",
        ("effect", "sign flips", "clustered t", "McNemar", "paired t"),
        (
            (videos, questions, effect, *false_alarms(rounds, videos, questions, effect).values())
            for videos, questions in LAYOUTS
            for effect in EFFECTS
        ),
    )
    _print_table(
        f"coverage of 95 % intervals, in % of {rounds} runs; off scale: clustered t's that leave it",
        ("effect", "right", "ours", "clustered t", "off scale", "unclustered"),
        (
            (videos, questions, effect, share, *coverage(rounds, videos, questions, effect, share).values())
            for videos, questions in (*LAYOUTS, (20, 10))
            for effect in EFFECTS
            for share in SHARES
        ),
    )


if __name__ == "__main__":
    main()
