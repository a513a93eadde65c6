"""cIoU, gIoU and their kin: masks in one image, by hand and against painted pixels."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from sightbench import rle
from sightbench.evaluation.grade import filter_lines, grade
from sightbench.scorers.masks.overlap import overlaps
from sightbench.scorers.scoring_options import ScoringOptions

H, W = 10, 12


def mask(*spans: tuple[int, int]) -> dict[str, Any]:
    """The mask whose foreground are these [start, stop) of the pixels in row-major order."""
    pixels = np.zeros(H * W, bool)
    for start, stop in spans:
        pixels[start:stop] = True
    return rle.encode(pixels.reshape(H, W))


def graded(metric: str, line: dict[str, Any], profile: str) -> dict[str, Any]:
    out = BytesIO()
    filter_lines(BytesIO(json.dumps(line).encode()), out, metric, profile, ScoringOptions())
    result: dict[str, Any] = json.loads(out.getvalue())
    assert "error" not in result, result
    return result


# (I, U) = (8, 10); no mask, truth 6 pixels; two masks, the first (0, 9), together (4, 9); (5, 5)
EXPRESSIONS = {
    "rows": [
        {"prediction": [mask((0, 8))], "gold": mask((0, 10))},
        {"prediction": [], "gold": mask((0, 6))},
        {"prediction": [mask((4, 9)), mask((0, 4))], "gold": mask((0, 4))},
        {"prediction": [mask((0, 5))], "gold": mask((0, 5))},
    ]
}


@pytest.mark.parametrize(
    ("profile", "ciou", "giou"),
    [
        ("sa2va", 17 / 30, (0.8 + 0 + 4 / 9 + 1) / 4),
        ("sa2va-paper", 13 / 24, 0.45),
        ("unipixel", 13 / 30, 0.45),
        ("official", 17 / 30, (0.8 + 0 + 4 / 9 + 1) / 4),
    ],
)
def test_who_takes_what_for_the_prediction(profile: str, ciou: float, giou: float) -> None:
    result = graded("ciou", EXPRESSIONS, profile)
    assert result["score"] == pytest.approx(ciou, abs=1e-12)
    assert result["detail"]["gIoU"] == pytest.approx(giou, abs=1e-12)
    assert result["detail"]["cIoU corrected"] == pytest.approx(17 / 30, abs=1e-12)
    swapped = graded("giou", EXPRESSIONS, profile)
    assert swapped["score"] == pytest.approx(giou, abs=1e-12)


def test_ignored_pixels_count_for_nothing_but_under_unipixel() -> None:
    line = {"prediction": [mask((5, 35))], "gold": mask((0, 20)), "ignore": mask((20, 30))}
    detail = graded("giou", line, "lisa")["detail"]
    assert (detail["I"], detail["U"]) == (15, 25)
    detail = graded("giou", line, "unipixel")["detail"]
    assert (detail["I"], detail["U"], detail["U_corrected"]) == (15, 35, 25)


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    line: dict[str, Any] = {"prediction": [], "gold": []}
    assert graded("giou", line, "lisa")["score"] == 1.0
    assert graded("giou", {**line, "prediction": [mask((0, 3))]}, "lisa")["score"] == 0.0


def test_overlapping_parts_of_a_target_are_counted_as_each_reference_has_them() -> None:
    parts = [mask((0, 24)), mask((12, 36))]
    line = {"prediction": [mask((0, 36))], "gold": parts}
    # LISA: where two parts lie the truth is 2, which nothing equals.
    detail = graded("ciou", line, "lisa")["detail"]
    assert (detail["I"], detail["U"]) == (24, 36)
    assert graded("ciou", line, "unipixel")["score"] == 1.0
    # Sa2VA encodes the sum: pycocotools swaps foreground and background at each change of value.
    from pycocotools import mask as coco

    summed = np.asfortranarray(sum(rle.decode(rle.read(part)).astype(np.uint8) for part in parts))
    truth, pred = coco.decode(coco.encode(summed)).astype(bool), rle.decode(rle.read(mask((0, 36))))
    detail = graded("ciou", line, "sa2va")["detail"]
    assert (detail["I"], detail["U"]) == ((truth & pred).sum(), (truth | pred).sum())
    assert detail["I_corrected"] == detail["U_corrected"] == 36


def test_grefcoco_counts_a_denied_target_and_a_missed_no_target() -> None:
    rows = [
        {"prediction": [mask((0, 8))], "gold": mask((0, 10))},
        {"prediction": [], "gold": mask((0, 6))},
        {"prediction": [], "gold": []},
        {"prediction": [mask((0, 7))], "gold": []},
    ]
    detail = graded("gres", {"rows": rows}, "official")["detail"]
    assert detail["gIoU"] == pytest.approx(0.45)
    assert detail["cIoU"] == pytest.approx(8 / 23)
    assert (detail["T-acc"], detail["N-acc"]) == (0.5, 0.5)
    # Under the paper's 50 pixels every mask here is none.
    assert detail["N-acc, below 50 pixels none"] == 1.0
    assert detail["gIoU, below 50 pixels none"] == 0.5
    assert (detail["Pr@0.7"], detail["Pr@0.8"], detail["Pr@0.9"]) == (0.5, 0.5, 0.0)


def test_a_target_the_model_denies_keeps_its_mask_in_the_union() -> None:
    line = {"prediction": [mask((0, 8))], "gold": mask((0, 10)), "no_target": True}
    detail = graded("gres", line, "official")["detail"]
    assert (detail["I"], detail["U"], detail["IoU"]) == (0, 10, 0.0)


def test_a_mask_of_another_size_or_a_broken_one_is_no_answer() -> None:
    other = rle.encode(np.ones((4, 4), bool))
    for bad in (other, {"size": [H, W], "counts": "~"}, {"size": [H, W], "counts": "0"}, "a mask"):
        result = grade("ciou", [bad], mask((0, 6)), profile="sa2va")
        assert (result.value, result.status, result.rule) == (0.0, "unparsed", "invalid mask")
    result = grade("ciou", [other], mask((0, 6)), profile="sa2va")
    assert (result.detail["I"], result.detail["U"]) == (0, 6)


def test_polygons_are_drawn_as_pycocotools_draws_them() -> None:
    from pycocotools import mask as coco

    polygons = [[1.2, 1.7, 6.4, 2.0, 5.1, 7.9], [7.0, 3.0, 11.5, 3.0, 11.5, 8.0, 7.0, 8.0]]
    drawn = coco.decode(coco.merge(coco.frPyObjects(polygons, H, W)))
    result = grade("ciou", [rle.encode(drawn)], {"size": [H, W], "objects": [polygons]}, profile="official")
    assert result.value == 1.0 and result.detail["I"] == drawn.sum()


def test_the_shapes_of_reasonseg_are_drawn_largest_first_and_ignored_where_they_say_so() -> None:
    square = [[2, 2], [8, 2], [8, 8], [2, 8]]
    shapes = [
        {"label": "ignore_region", "points": [[2, 2], [4, 2], [4, 4], [2, 4]]},
        {"label": "target", "points": square},
        {"label": "flag", "points": [[0, 0], [11, 0], [11, 9], [0, 9]]},
    ]
    gold = {"size": [H, W], "shapes": shapes}
    whole = np.zeros((H, W), bool)
    whole[2:9, 2:9] = True
    result = grade("giou", [rle.encode(whole)], gold, profile="lisa")
    assert (result.detail["I"], result.detail["U"]) == (40, 40)
    assert grade("giou", [rle.encode(whole)], gold, profile="unipixel").detail["U"] == 49


@pytest.mark.parametrize("core", [None, "numpy"])
def test_overlaps_are_those_of_painted_masks(core: str | None) -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        h, w, n = (int(number) for number in rng.integers((1, 1, 1), (20, 20, 4)))
        painted = [rng.random((h, w)) < rng.choice([0, 0.1, 0.5, 0.9, 1]) for _ in range(n)]
        masks = tuple(rle.from_array(pixels) for pixels in painted)
        state = sum(pixels.astype(int) << place for place, pixels in enumerate(painted))
        expected = np.bincount(np.ravel(state), minlength=1 << n)
        assert overlaps([masks], core_name=core) == [tuple(expected)]


@pytest.mark.parametrize("core", [None, "numpy"])
def test_a_mask_that_does_not_add_up_is_named(core: str | None) -> None:
    good, bad = rle.Rle(2, 2, "04"), rle.Rle(2, 2, "05")
    with pytest.raises(rle.MaskError, match="ground truth of frame 1: the runs"):
        overlaps([(good, good), (good, bad)], core_name=core)
    with pytest.raises(rle.MaskError, match="differ in size"):
        overlaps([(good, rle.Rle(1, 4, "04"))], core_name=core)
