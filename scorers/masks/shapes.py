"""Ground truth of an image as its file has it (RLEs, COCO polygons, ReasonSeg's shapes) -> masks.

Golds travel as they lie in the file and are drawn here, once each: many expressions share an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from sightbench import rle
from sightbench.errors import SightbenchError
from sightbench.polygons import coco, opencv
from sightbench.rle import MaskError, Rle
from sightbench.sample import Json

FORMS = (
    'an RLE {"size", "counts"}, a list of them (the parts of one target), '
    '{"size": [h, w], "objects": [COCO segmentations]}, or {"size", "shapes"} as in ReasonSeg'
)


@dataclass(frozen=True, slots=True)
class ImageTruth:
    """The target of an expression in an image: the masks it is made of (none: there is no target), and the
    pixels that count for nothing. `size` is (h, w), None where only a prediction tells."""

    size: tuple[int, int] | None
    parts: tuple[Rle, ...]
    ignored: Rle | None = None

    def union(self, like: Rle | None = None) -> Rle | None:
        """Where any part is; an empty mask of the size of `like` where nothing tells the size."""
        return self._made(rle.union, like)

    def exactly_one(self, like: Rle | None = None) -> Rle | None:
        return self._made(rle.exactly_one, like)

    def summed(self, like: Rle | None = None) -> Rle | None:
        return self._made(rle.summed, like)

    def _made(self, make: Callable[[Sequence[Rle]], Rle], like: Rle | None) -> Rle | None:
        if len(self.parts) > 1:
            return make(self.parts)
        if self.parts:
            return self.parts[0]
        size = self.size or (None if like is None else like[:2])
        return None if size is None else rle.empty(*size)


def image_truth(gold: Json, ignored: Any = None) -> ImageTruth:
    """The truth in one of FORMS; `ignored` is an RLE or None. Raises ValueError that names what is wrong."""
    try:
        hidden = None if ignored is None else rle.validate(ignored)
        if isinstance(gold, Mapping) and "shapes" in gold:
            return _of_shapes(orjson.dumps([gold.get("size"), gold["shapes"]]))
        if isinstance(gold, Mapping) and "objects" in gold:
            h, w = _size(gold)
            objects = gold["objects"]
            if not isinstance(objects, (list, tuple)):
                raise ValueError("gold: objects must be a list of COCO segmentations")
            drawn = [_segmentation(orjson.dumps(entry), h, w) for entry in objects]
            return ImageTruth((h, w), tuple(part for parts in drawn for part in parts), hidden)
        entries = list(gold) if isinstance(gold, (list, tuple)) else [gold]
        parts = tuple(rle.validate(entry) for entry in entries)
    except (SightbenchError, TypeError) as error:
        raise ValueError(f"gold: {error}") from None
    if any(part[:2] != parts[0][:2] for part in parts):
        raise ValueError("gold: the masks differ in size")
    if hidden is not None and parts and hidden[:2] != parts[0][:2]:
        raise ValueError("ignore: its size is not the gold's")
    size = parts[0][:2] if parts else None if hidden is None else hidden[:2]
    return ImageTruth(size, parts, hidden)


def _size(gold: Mapping[str, Any]) -> tuple[int, int]:
    size = gold.get("size")
    if not isinstance(size, (list, tuple)) or len(size) != 2 or any(type(side) is not int for side in size):
        raise ValueError("gold: size must be two integers [h, w]")
    rle.check_size(*size)
    return size[0], size[1]


@lru_cache(maxsize=65_536)
def _segmentation(text: bytes, h: int, w: int) -> tuple[Rle, ...]:
    """The masks of a COCO `segmentation`: one per polygon, or of an RLE. Polygons with an odd count of
    numbers, or fewer than three points, are none."""
    content = orjson.loads(text)
    if isinstance(content, list):
        if not all(isinstance(polygon, list) for polygon in content):
            raise MaskError("a segmentation must be an RLE or a list of polygons")
        whole = (polygon for polygon in content if len(polygon) >= 6 and len(polygon) % 2 == 0)
        return tuple(coco(polygon, h, w) for polygon in whole)
    mask = rle.validate(content)
    if mask[:2] != (h, w):
        raise MaskError(f"a segmentation of size {[*mask[:2]]} in an image of {[h, w]}")
    return (mask,)


IGNORED = 255


@lru_cache(maxsize=4096)
def _of_shapes(text: bytes) -> ImageTruth:
    """ReasonSeg's truth: polygons by cv2.fillPoly of OpenCV 4.8.0, the largest first, later ones over them.

    A label that contains "ignore" makes pixels count for nothing; "flag" is no shape.
    Reference: dvlab-research/LISA utils/data_processing.py, get_mask_from_json.
    """
    size, shapes = orjson.loads(text)
    h, w = _size({"size": size})
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise ValueError("gold: shapes must be a list of {label, points}")
    drawn = []
    for shape in shapes:
        label = shape.get("label")
        if not isinstance(label, str) or not isinstance(shape.get("points"), list):
            raise ValueError("gold: a shape must have a label and points")
        if label.lower() != "flag":
            drawn.append((label, opencv(shape["points"], h, w)))
    values = np.zeros((h, w), np.uint8)
    # The reference reverses an ascending sort, so of two equal areas the later one is drawn first.
    for place in np.argsort([int(mask.sum()) for _, mask in drawn], kind="stable")[::-1].tolist():
        label, mask = drawn[place]
        values[mask] = IGNORED if "ignore" in label.lower() else 1
    target, ignored = values == 1, values == IGNORED
    return ImageTruth(
        (h, w),
        (rle.from_array(target),) if target.any() else (),
        rle.from_array(ignored) if ignored.any() else None,
    )
