"""Failed requests that count 0 (--on-error zero) count so in every number, not in the headline alone."""

from __future__ import annotations

from typing import Any

import pytest

from sightbench.sample import Sample
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.table import AGGREGATES, SCORERS

EIGHT_PIXELS = {"size": [4, 4], "counts": [8, 8]}
FOUND = {"I": 8, "U": 8, "I_corrected": 8, "U_corrected": 8, "IoU_corrected": 1.0}
NONE_50 = {"IoU_50": 0.0, "I_50": 0, "U_50": 8, "says_none_50": True}
TOLD = {"IoU": 1.0, "no_target": False, "says_none": False, **NONE_50}


def half_failed(detail: dict[str, Any], wants: Any = "masks") -> list[Row]:
    """Two right answers with this detail, and two failed requests."""
    rows = []
    for at in range(4):
        sample = Sample(str(at), "", "", "Camera-Object", (), wants=wants, gold=EIGHT_PIXELS)
        right = Score(str(at), 1.0, None, "scored", detail)
        rows.append(
            Row(sample, right if at < 2 else Score(str(at), 0.0, None, "error", {"error": "timeout"}))
        )
    return rows


def values(metric: Metric, *names: str) -> list[float | None]:
    return [part.value for part in (metric, *metric.parts) if part.name in names]


@pytest.mark.parametrize(
    ("scorer", "profile", "detail", "names"),
    [
        ("ciou", "sa2va", FOUND, ("cIoU", "gIoU", "cIoU corrected", "gIoU corrected", "Pr@0.5")),
        ("ciou", "unipixel", {**FOUND, "box_hit": True}, ("cIoU", "gIoU", "BBox Acc")),
        ("gres", "official", {**FOUND, **TOLD}, ("gIoU", "cIoU")),
        ("jf", "davis", {"J": 1.0, "F": 1.0}, ("J&F", "J", "F")),
        ("rvos", "sa2va", {"J": 1.0, "F": 1.0}, ("J&F", "J", "F", "J at least 0.5")),
    ],
)
def test_half_of_the_masks_failed(
    scorer: str, profile: str, detail: dict[str, Any], names: tuple[str, ...]
) -> None:
    metric = SCORERS[scorer].aggregate(half_failed(detail), profile)
    assert values(metric, *names) == [50.0] * len(names)


def test_objects_of_a_failed_request_are_missed() -> None:
    metric = SCORERS["gcg"].aggregate(half_failed({"hits": [True], "objects": 1}), "official")
    assert metric.value == pytest.approx(100 * 51 / 101), "found up to a recall of one half, of 101 points"


def test_boxes_and_dynbenchs_extras_too() -> None:
    boxes = SCORERS["box_iou"].aggregate(half_failed({"iou": 1.0}, "text"), "internvl")
    assert values(boxes, "Precision@1", "mean IoU") == [50.0, 50.0]
    totals = AGGREGATES["dynbench"](half_failed({"J": 1.0, "F": 1.0}))
    assert {extra.name: extra.value for extra in totals.extras} == {"J": 50.0, "F": 50.0}


def test_a_number_that_no_answer_has_is_none_of_theirs() -> None:
    metric = SCORERS["ciou"].aggregate(half_failed(FOUND), "sa2va")
    assert values(metric, "BBox Acc") == []
    assert values(SCORERS["jf"].aggregate(half_failed({"J": 1.0, "F": 1.0}), "mosev2"), "disappear_J") == []
