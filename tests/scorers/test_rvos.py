"""J&F of expressions, ReVOS's A and R, and how each benchmark sums expressions up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightbench import rle
from sightbench.errors import FieldError
from sightbench.evaluation.grade import grade
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.rescore import score
from sightbench.sample import Sample
from sightbench.scorers.masks.rvos import REF_SAV, REVOS, RVOS
from sightbench.scorers.score import Metric, Row, Score
from tests.tasks import formats
from tests.tasks.mask_formats import track


def box(h: int, w: int, rows: tuple[int, int], columns: tuple[int, int]) -> dict[str, Any]:
    pixels = np.zeros((h, w), bool)
    pixels[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    return rle.encode(pixels)


TRUTH, GUESS = box(6, 8, (1, 3), (1, 4)), box(6, 8, (2, 4), (2, 5))
NOTHING = rle.encode(np.zeros((6, 8), bool))


def test_j_and_f_of_a_frame_and_of_an_expression() -> None:
    one = grade("rvos", [GUESS], [TRUTH])
    assert one.detail["J"] == pytest.approx(6 / 18) and one.detail["F"] == pytest.approx(13 / 14)
    three = grade("rvos", [TRUTH, GUESS, None], [TRUTH, TRUTH, NOTHING])
    assert three.detail["J"] == pytest.approx(0.777778, abs=1e-6)
    assert three.detail["F"] == pytest.approx(0.976190, abs=1e-6)


def test_the_truth_of_several_objects_is_their_union() -> None:
    other = box(6, 8, (4, 5), (6, 7))
    both = rle.encode(rle.decode(rle.read(TRUTH)) | rle.decode(rle.read(other)))
    assert grade("rvos", [both], [[TRUTH, other]]).value == 1.0


def test_no_object_is_an_empty_mask_in_every_frame() -> None:
    absent = grade("rvos", [], [TRUTH, NOTHING])
    assert (absent.value, absent.status) == (0.5, "scored")
    assert "empty masks" in absent.detail["notes"][-1]
    assert grade("rvos", None, [TRUTH, NOTHING]).value == 0.0
    short = grade("rvos", [TRUTH], [TRUTH, TRUTH])
    assert short.detail["J"] == 0.5
    too_long = grade("rvos", [TRUTH] * 3, [TRUTH, TRUTH])
    assert (too_long.value, too_long.status) == (0.0, "unparsed")


def frame(*pixels: tuple[int, int]) -> dict[str, Any]:
    """4 x 5 pixels, foreground from the first to before the last of each pair, row by row."""
    flat = np.zeros(20, bool)
    for start, stop in pixels:
        flat[start:stop] = True
    return rle.encode(flat.reshape(4, 5))


@pytest.mark.parametrize(
    ("profile", "a", "r"), [("sa2va", 18 / 20, 0.9), ("visa", 13 / 20, 0), ("unipixel", 13 / 20, 0)]
)
def test_accuracy_and_robustness_depend_on_what_the_files_say(profile: str, a: float, r: float) -> None:
    fields = {"foreground": [frame((0, 10))]}
    detail = grade("revos", [frame((1, 7))], [frame((0, 6))], profile=profile, fields=fields).detail
    assert (detail["A"], detail["R"]) == (pytest.approx(a), pytest.approx(r, abs=1e-6))
    assert (detail["A_corrected"], detail["R_corrected"]) == (
        pytest.approx(0.9),
        pytest.approx(0.9, abs=1e-6),
    )


@pytest.mark.parametrize("profile", ["sa2va", "visa"])
def test_accuracy_and_robustness_are_those_of_uint8_arithmetic(profile: str) -> None:
    rng = np.random.default_rng(5)
    value = 1 if profile == "sa2va" else 255
    for _ in range(60):
        painted = [rng.random((7, 9)) < 0.4 for _ in range(rng.integers(1, 5))]
        pred, fore = rng.random((7, 9)) < 0.5, rng.random((7, 9)) < rng.choice([0, 0.9])
        depth = np.sum(painted, axis=0).astype(np.uint8)
        written = pred.astype(np.uint8) * np.uint8(value)
        false = ((np.uint8(1) - depth) * written).astype(np.uint8).sum(dtype=np.int64)
        expected_r = max(1 - false / (fore.sum() + 1e-6), 0)
        detail = grade(
            "revos",
            [rle.encode(pred)],
            [[rle.encode(pixels) for pixels in painted]],
            profile=profile,
            fields={"foreground": [rle.encode(fore)]},
        ).detail
        assert detail["A"] == np.mean(depth == written)
        assert detail["R"] == pytest.approx(expected_r, abs=1e-12)


def rows(**values: list[float]) -> list[Row]:
    """Rows by category whose J and F are these shares."""
    found: list[Row] = []
    for category, numbers in values.items():
        for number in numbers:
            id = f"{category}/{len(found)}"
            detail = {"J": number, "F": number, "A": number, "R": number}
            found.append(Row(Sample(id, "", "", category, ()), Score(id, number, None, "scored", detail)))
    return found


def named(metric: Metric, name: str) -> Metric:
    return next(part for part in (metric, *metric.parts) if part.name == name)


def test_ref_sav_is_the_mean_of_its_groups_or_of_its_expressions() -> None:
    both = rows(long=[0.9, 0.8, 0.7], short=[0.3])
    sa2va, unipixel = REF_SAV.aggregate(both, "sa2va"), REF_SAV.aggregate(both, "unipixel")
    assert (sa2va.value, unipixel.value) == (pytest.approx(55.0), pytest.approx(67.5))
    assert named(sa2va, "J&F, mean over expressions").value == unipixel.value
    assert named(unipixel, "J&F, mean of long and short").value == sa2va.value


def test_revos_averages_rounded_values_by_group_and_leaves_no_target_apart() -> None:
    metric = REVOS.aggregate(rows(referring=[0.123456, 0.2], reasoning=[0.5], no_target=[1.0]), "visa")
    referring = (12.35 + 20) / 2
    assert metric.value == pytest.approx((referring + 50) / 2, abs=1e-12)
    assert named(metric, "J&F referring").value == pytest.approx(referring, abs=1e-12)
    assert named(metric, "R").value == metric.value
    assert named(metric, "J&F no_target").value == 100.0
    assert metric.n == 3


def test_values_are_rounded_as_numpy_rounds() -> None:
    """J of the reference is numpy's float64, whose round() is numpy's: 44.575 -> 44.58, 45.725 -> 45.72."""
    metric = REVOS.aggregate(rows(referring=[0.44575], reasoning=[0.45725]), "visa")
    assert (named(metric, "J referring").value, named(metric, "J reasoning").value) == (44.58, 45.72)


def test_every_expression_weighs_the_same() -> None:
    metric = RVOS.aggregate(rows(a=[1.0, 0.5], b=[0.0]), "sa2va")
    assert metric.value == pytest.approx(50.0)
    assert (metric.n, named(metric, "J").value) == (3, pytest.approx(50.0))


@pytest.mark.parametrize(
    ("gold", "fields", "said"),
    [
        ([], {}, "expected a list"),
        ([{"size": [2, 2], "counts": "05"}], {}, "do not add up"),
        ([[]], {}, "tells its size"),
        ([TRUTH], {"foreground": [TRUTH, TRUTH]}, "2 masks for 1 frames"),
        ([[TRUTH, box(3, 3, (0, 1), (0, 1))]], {}, "differ in size"),
    ],
)
def test_a_gold_that_is_none_is_one_line(gold: Any, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(FieldError, match=said):
        RVOS.read(gold, fields, RVOS.profiles[0])


def test_numbers_are_parted_by_size_objects_length_and_absence(tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    truth = {"cat": {"0": track(1), "1": track(1)}, "zoo/dog": {"0": track(4)}}
    saved = {
        video: {id: {"prediction_masks": masks} for id, masks in them.items()}
        for video, them in truth.items()
    }
    (tmp_path / "results.json").write_text(json.dumps(saved))
    run = score(import_masks(["mevis"], data, tmp_path / "results.json", tmp_path / "run", "m").run)
    metric = run.summary.benchmarks[0].headline
    assert named(metric, "J&F, target of 1 to 10 %").value == 100.0
    assert (named(metric, "J&F, target above 10 %").value or 0) < 100.0
    assert named(metric, "J at least 0.5").value == 100.0
    assert named(metric, "J at least 0.9").value == pytest.approx(200 / 3)
    assert not any("frames" in part.name for part in metric.parts), "all videos are as long"
