"""UniPixel's BBox Acc: the box around the larger parts of a mask, and whether it fits the annotation's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sightbench import rle
from sightbench.scorers.masks.image_iou import CIOU
from sightbench.scorers.masks.mask_box import box_around
from sightbench.scorers.scorer import Profile


def drawn(*parts: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    """Filled (top, bottom, left, right), bounds included."""
    mask = np.zeros((40, 60), bool)
    for top, bottom, left, right in parts:
        mask[top : bottom + 1, left : right + 1] = True
    return mask


def test_parts_of_fewer_than_ten_pixels_do_not_widen_the_box() -> None:
    speck, target = (0, 2, 0, 2), (10, 19, 20, 39)
    assert box_around(rle.from_array(drawn(speck, target))) == (20, 10, 39, 19)
    assert box_around(rle.from_array(drawn((0, 1, 0, 4), target))) == (0, 0, 39, 19)
    # nine and one that touch at a corner are ten
    assert box_around(rle.from_array(drawn(speck, (3, 3, 3, 3)))) == (0, 0, 3, 3)
    assert box_around(rle.from_array(drawn(speck))) is None


def test_the_share_of_boxes_that_fit_stands_under_unipixel_only() -> None:
    gold = rle.encode(drawn((10, 19, 20, 39)))

    def hit(mask: npt.NDArray[np.bool_], profile: Profile = Profile.UNIPIXEL) -> Any:
        fields = {"bbox": [20, 10, 20, 10]}
        prediction = CIOU.prediction([rle.encode(mask)])
        return CIOU.grade(prediction, gold, fields, profile).detail.get("box_hit")

    assert hit(drawn((10, 19, 20, 39))) is True and hit(drawn((10, 19, 32, 39))) is False
    assert hit(drawn((0, 2, 0, 2))) is False and hit(drawn((10, 19, 20, 39)), Profile.SA2VA) is None
    assert CIOU.grade(None, gold, {"bbox": [20, 10, 20, 10]}, Profile.UNIPIXEL).detail["box_hit"] is False
