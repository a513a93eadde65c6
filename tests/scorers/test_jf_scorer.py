"""J&F as an entry of the table: masks on a line, by any definition."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from sightbench import rle
from sightbench.errors import FieldError
from sightbench.evaluation.grade import filter_lines
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.masks.jf import score_object, score_revos
from sightbench.scorers.masks.scorer import JF
from sightbench.scorers.scoring_options import ScoringOptions


def square(top: int, side: int = 20) -> rle.Rle:
    pixels = np.zeros((64, 64), bool)
    pixels[top : top + side, 10 : 10 + side] = True
    return rle.from_array(pixels)


TRUE = [square(10), square(12), square(14), square(16)]
GUESS = [square(10), square(14), square(14), square(20)]
LINE = {"prediction": [rle.to_wire(mask) for mask in GUESS], "gold": [rle.to_wire(mask) for mask in TRUE]}


def graded(line: dict[str, Any], profile: str, options: ScoringOptions | None = None) -> dict[str, Any]:
    out = BytesIO()
    filter_lines(BytesIO(json.dumps(line).encode()), out, "jf", profile, options or ScoringOptions())
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_line_of_masks_is_judged_by_every_definition(definition: str) -> None:
    ours = score_object(GUESS, TRUE, definition)
    result = graded(LINE, definition)
    assert (result["score"], result["detail"]["J"], result["detail"]["F"]) == (ours.jf, ours.j, ours.f)
    assert 0 < result["score"] < 1


def test_objects_as_a_mask_server_sends_them_are_judged_too() -> None:
    wire = {**LINE, "prediction": [{"object_id": 0, "rles": LINE["prediction"]}]}
    assert graded(wire, "davis") == graded(LINE, "davis")
    assert graded({**LINE, "prediction": []}, "davis")["rule"] == "no object"


def test_the_tolerance_comes_from_the_command_or_from_the_line() -> None:
    by_default, on_command = graded(LINE, "dynbench"), graded(LINE, "dynbench", ScoringOptions(tolerance=6))
    assert on_command["detail"]["F"] > by_default["detail"]["F"]
    assert graded({**LINE, "tolerance": 6}, "dynbench") == on_command
    assert "boundary threshold" in graded({**LINE, "tolerance": 0}, "dynbench")["error"]


def test_revos_takes_the_instances_of_each_frame_and_the_foreground() -> None:
    instances = [[mask, square(40, 8)] for mask in TRUE]
    foreground = [rle.union([*masks, square(0, 4)]) for masks in instances]
    line = {
        "prediction": LINE["prediction"],
        "gold": [[rle.to_wire(mask) for mask in masks] for masks in instances],
        "foreground": [rle.to_wire(mask) for mask in foreground],
    }
    ours = score_revos(GUESS, instances, foreground)
    result = graded(line, "revos")
    assert result["score"] == ours.jf
    assert {name: result["detail"][name] for name in ("A", "R", "A_corrected", "R_corrected")} == {
        name: ours.detail[name] for name in ("A", "R", "A_corrected", "R_corrected")
    }
    assert "instances of ReVOS" in graded(line, "davis")["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": []}, "gold: expected a list of RLEs"),
        ({"gold": [{"size": [64, 64], "counts": "zz~"}] * 4}, "gold[0]: "),
        ({"gold": ["x"] * 4}, "gold[0]: "),
        ({"voids": [None] * 3}, "voids: 3 masks for 4 frames"),
        ({"prediction": "left"}, "prediction: expected a list of RLEs"),
    ],
)
def test_what_is_no_mask_is_named(change: dict[str, Any], message: str) -> None:
    assert graded({**LINE, **change}, "davis")["error"].startswith(message)


def test_an_unreadable_prediction_is_the_models_fault_and_no_error() -> None:
    result = graded({**LINE, "prediction": [{"size": [64, 64], "counts": "zz~"}] * 4}, "davis")
    assert (result["score"], result["status"], result["rule"]) == (0.0, "unparsed", "invalid mask")


def test_a_program_reads_gold_through_the_same_door() -> None:
    with pytest.raises(FieldError, match="voids"):
        JF.grade([{"rles": LINE["prediction"]}], LINE["gold"], {"voids": "none"}, "davis-unsupervised")
