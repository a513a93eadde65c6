"""Box IoU at 0.5 (RefCOCO, RefCOCO+, RefCOCOg), and the ways models write a box.

Without a box mode each profile reads a box as its reference does: InternVL eval/refcoco/
evaluate_grounding.py, VLMEvalKit vlmeval/dataset/refcoco.py, lmms-eval tasks/refcoco/utils_rec.py. All
three guess the scale from the numbers, and misread pixels below 1000; a box mode says what was meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from sightbench.sample import Json
from sightbench.scorers.aggregate import averaged, mean_detail
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import numbers
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.text.box_modes import BOX_MODES, BoxMode, box_mode

Box = tuple[float, float, float, float]


_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
_COMMA_OR_SPACE = r"(?:\s*,\s*|\s+)"
_BRACKETS = re.compile(r"\[\s*" + _COMMA_OR_SPACE.join([f"({_NUMBER})"] * 4) + r"\s*\]")
_CORNERS = re.compile(
    r"\(\s*({n})\s*,\s*({n})\s*\)\s*,?\s*\(\s*({n})\s*,\s*({n})\s*\)".replace("{n}", _NUMBER)
)
_LOCATIONS = re.compile(r"<loc(\d{1,4})>\s*" * 4)
_NUMBERS = re.compile(_NUMBER)
# Of a line only the first bracket is tried: where it finds no three commas and an end, none after it does.
_INTERNVL = re.compile(r"(?m)^[^\[\n]*+\[++([^,\n]*+),([^,\n]*+),([^,\n]*+),([^\]\n]*+)\]")
_LMMS_EVAL = re.compile(r"\[\s*" + r",\s*".join([r"(-?\d+(?:\.\d+)?)"] * 4) + r"\s*\]")


def smart_resize(
    height: int,
    width: int,
    factor: int = 28,
    min_pixels: int = 4 * 28 * 28,
    max_pixels: int = 16384 * 28 * 28,
) -> tuple[int, int]:
    """(height, width) that Qwen2-VL's and Qwen2.5-VL's processor gives the model for an image.

    Sides are multiples of `factor`; the area is kept within `min_pixels`..`max_pixels`. Qwen3-VL: factor 32.
    """
    rows = max(factor, round(height / factor) * factor)
    columns = max(factor, round(width / factor) * factor)
    if rows * columns > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        rows = max(factor, math.floor(height / shrink / factor) * factor)
        columns = max(factor, math.floor(width / shrink / factor) * factor)
    elif rows * columns < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        rows = math.ceil(height * grow / factor) * factor
        columns = math.ceil(width * grow / factor) * factor
    return rows, columns


def find_box(text: str) -> tuple[Box | None, str]:
    """The first four numbers that look like a box, as written, and the form they were found in.

    Forms, tried in this order: `<loc....>` tokens, `[a, b, c, d]` (also inside JSON and `<|det|>`),
    `(a,b),(c,d)`, then the first four numbers anywhere.
    """
    for rule, pattern in (("loc tokens", _LOCATIONS), ("brackets", _BRACKETS), ("corners", _CORNERS)):
        match = pattern.search(text)
        if match:
            return _floats(match.groups()), rule
    anywhere = _NUMBERS.findall(text)
    return (_floats(anywhere[:4]), "numbers") if len(anywhere) >= 4 else (None, "")


def to_pixels(box: Box, mode: BoxMode, hw: Sequence[float], resized_hw: Sequence[float] | None = None) -> Box:
    """x1, y1, x2, y2 in pixels of the original image of size `hw` (height, width)."""
    a, b, c, d = box
    if mode.order == "yxyx":
        a, b, c, d = b, a, d, c
    elif mode.order == "xywh":
        c, d = a + c, b + d
    height, width = hw
    if mode.full is None:
        return a, b, c, d
    if isinstance(mode.full, str):
        full_height, full_width = resized_hw or smart_resize(round(height), round(width))
    else:
        full_height = full_width = mode.full
    return a * width / full_width, b * height / full_height, c * width / full_width, d * height / full_height


def iou(a: Box, b: Box) -> float:
    """Intersection over union in 0-1; 0.0 for boxes without area or with swapped corners."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if not (wide > 0 and high > 0):
        return 0.0
    both = wide * high
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / union if union > 0 else 0.0


def _floats(words: Sequence[str]) -> Box:
    a, b, c, d = (float(word) for word in words)
    return a, b, c, d


_Read = tuple[Box | None, float, list[float]]
"""What was read, its IoU with gold, and the same box in pixels (empty if nothing was read)."""


def _internvl(text: str, gold: Box, hw: Sequence[float]) -> _Read:
    """The first bracketed quadruple, divided by 1000 if its numbers sum to 4 or more; float32 throughout."""
    match = _INTERNVL.search(text)
    try:
        box = None if match is None else _floats(match.groups())
    except ValueError:
        box = None
    with np.errstate(all="ignore"):
        p = np.array(box or (0.0, 0.0, 0.0, 0.0), dtype=np.float32)
        if p.sum() >= 4:
            p /= np.float32(1000)
        p *= np.array([hw[1], hw[0], hw[1], hw[0]], dtype=np.float32)
        g = np.array(gold, dtype=np.float32)
        sides = np.maximum(np.minimum(p[2:], g[2:]) - np.maximum(p[:2], g[:2]), np.float32(0))
        both = sides[0] * sides[1]
        areas = (p[2] - p[0]) * (p[3] - p[1]) + (g[2] - g[0]) * (g[3] - g[1])
        return box, float(both / (areas - both)), p.tolist()


def _vlmevalkit(text: str, gold: Box, hw: Sequence[float]) -> _Read:
    """Largest number up to 1.5: fractions; up to 1000: per mille; else pixels. Clipped and sorted."""
    match = _BRACKETS.search(text)
    anywhere = match.groups() if match else _NUMBERS.findall(text)[:4]
    if len(anywhere) < 4:
        return None, 0.0, []
    box = _floats(anywhere)
    x1, y1, x2, y2 = to_pixels(box, _guessed(box), hw)
    height, width = hw
    x1, x2 = sorted((min(max(x1, 0.0), width), min(max(x2, 0.0), width)))
    y1, y2 = sorted((min(max(y1, 0.0), height), min(max(y2, 0.0), height)))
    return box, iou((x1, y1, x2, y2), gold), [x1, y1, x2, y2]


def _guessed(box: Box) -> BoxMode:
    largest = max(abs(number) for number in box)
    return BOX_MODES["0-1" if largest <= 1.5 else "0-1000" if largest <= 1000 else "pixels"]


def _lmms_eval(text: str, gold: Box, hw: Sequence[float]) -> _Read:
    """The first `[a, b, c, d]` of plain decimals, as fractions of the sides."""
    match = _LMMS_EVAL.search(text)
    box = _floats(match.groups()) if match else None
    height, width = hw
    g = (gold[0] / width, gold[1] / height, gold[2] / width, gold[3] / height)
    p = box or (0.0, 0.0, 0.0, 0.0)
    wide = max(0.0, min(g[2], p[2]) - max(g[0], p[0]))
    high = max(0.0, min(g[3], p[3]) - max(g[1], p[1]))
    both = wide * high
    union = (g[2] - g[0]) * (g[3] - g[1]) + (p[2] - p[0]) * (p[3] - p[1]) - both
    return box, both / union if union else 0.0, [p[0] * width, p[1] * height, p[2] * width, p[3] * height]


_RULES = {
    Profile.INTERNVL: _internvl,
    Profile.VLMEVALKIT: _vlmevalkit,
    Profile.LMMS_EVAL: _lmms_eval,
}
"""How each reference reads and scales a box where no box mode says what was meant."""


class _BoxFields(Fields, frozen=True, kw_only=True):
    hw: Annotated[
        tuple[float, float] | None,
        Meta(description="the image's [height, width] in pixels; or two fields, height and width"),
    ] = None
    height: float | None = None
    width: float | None = None
    resized_hw: Annotated[
        tuple[float, float] | None,
        Meta(description="for box_mode resized: [height, width] the model saw; absent: Qwen2.5-VL's"),
    ] = None

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in pixels."""
        return self.hw or (self.height or 0.0, self.width or 0.0)


def _check(fields: _BoxFields, profile: Profile) -> None:
    if fields.hw is None and (fields.height is None or fields.width is None):
        raise ValueError("hw: this metric needs the field 'hw'")
    for name, sides in (("hw", fields.size), ("resized_hw", fields.resized_hw)):
        if sides is not None and not all(0 < side < math.inf for side in sides):
            raise ValueError(f"{name}: height and width must be positive, got {list(sides)}")


def _target(gold: Json, fields: _BoxFields, profile: Profile) -> Box:
    x1, y1, x2, y2 = numbers(gold, 4, "gold")
    return x1, y1, x2, y2


def _judge(extraction: Extraction, target: Box, fields: _BoxFields, context: Context) -> Grade:
    name, hw = context.options.box_mode, fields.size
    if name is None:
        box, overlap, pixels = _RULES[context.profile](extraction.answer, target, hw)
        rule = f"{context.profile}'s own scale"
    else:
        mode = None if name == "auto" else box_mode(name)
        box, rule = find_box(extraction.answer)
        if box is None:
            overlap, pixels = 0.0, []
        else:
            scaled = to_pixels(box, mode or _guessed(box), hw, fields.resized_hw)
            overlap, pixels = iou(scaled, target), list(scaled)
            rule += ", scale guessed" if mode is None else f", {name}"
    detail: dict[str, Any] = {"iou": overlap if overlap == overlap else 0.0}
    if box is None:
        return Grade(0.0, None, "unparsed", detail=detail)
    # where the box was taken to lie, in pixels of the image: what a report draws
    detail["box"] = [round(side, 2) for side in pixels] if all(map(math.isfinite, pixels)) else None
    return Grade(float(overlap >= 0.5), list(box), rule=rule, detail=detail)


def _aggregate(rows: Sequence[Row], profile: str) -> Metric:
    overall = averaged("Precision@1")(rows, profile)
    return replace(overall, parts=(*overall.parts, mean_detail("mean IoU", rows, "iou")))


BOX_IOU: Scorer[str, Box, _BoxFields] = Scorer(
    name="box_iou",
    fields=_BoxFields,
    check=_check,
    gold=_target,
    judge=_judge,
    aggregate=_aggregate,
    profiles=tuple(_RULES),
    options=("box_mode",),
    gold_help="the box: [x1, y1, x2, y2] in pixels of the original image",
    help="The predicted box overlaps the gold by IoU 0.5 or more (RefCOCO, RefCOCO+, RefCOCOg).",
)
