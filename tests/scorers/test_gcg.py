"""GCG's masks: AP50 as COCOeval counts it, mIoU by greedy pairs, and what is not judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightbench import rle
from sightbench.sample import Json, Sample
from sightbench.scorers.masks.gcg import GCG, greedy, hits
from sightbench.scorers.score import Grade, Row, Score

WORKED = [[0.9, 0.2], [0.6, 0.0], [0.0, 0.4]]


def mask(left: int, width: int = 4) -> dict[str, Any]:
    pixels = np.zeros((10, 20), bool)
    pixels[2:8, left : left + width] = True
    return rle.encode(pixels)


def grade(predicted: list[Json], true: list[Json]) -> Grade:
    return GCG.grade(GCG.prediction(predicted), {"size": [10, 20], "objects": true}, {}, GCG.profiles[0])


def test_pairs_are_taken_best_first_and_a_true_mask_is_found_once() -> None:
    assert greedy(WORKED) == pytest.approx(0.65)
    assert hits(WORKED) == [True, False, False]
    assert hits([[0.5, 0.5], [0.6, 0.0]]) == [True, True]
    assert greedy([]) == greedy([[0.0]]) == 0.0


def test_average_precision_is_cocos() -> None:
    images = {
        "a": grade([mask(0), mask(12), mask(4)], [mask(0), mask(5)]),
        "b": grade([mask(0)], []),
        "c": grade([mask(1)], [mask(0), mask(12)]),
    }
    rows = [
        Row(Sample(name, "", "", "", ()), Score(name, one.value, one.parsed, one.status, one.detail))
        for name, one in reversed(images.items())
    ]
    metric = GCG.aggregate(rows, "sa2va")
    # right, wrong, right, wrong, right in this order, of 4 objects: 26, 25 and 25 of 101 points of recall
    assert metric.value == pytest.approx(100 * (26 * 1 + 25 * 2 / 3 + 25 * 3 / 5) / 101)
    parts = {part.name: part for part in metric.parts}
    assert parts["mIoU"].value == pytest.approx(100 * (0.8 + 0 + 0.6) / 3)
    assert [parts[name].value for name in ("Recall", "METEOR", "CIDEr")] == [None] * 3
    assert "BERT" in parts["Recall"].note


def test_a_mask_of_another_size_is_no_answer() -> None:
    odd = grade([rle.encode(np.ones((3, 3), bool))], [mask(0)])
    assert (odd.value, odd.status, odd.detail["hits"]) == (0.0, "unparsed", [])
    assert grade([], [mask(0)]).status == "scored"
