"""COCO run-length masks: read from a reply and validated, never repaired; encoded; combined.

A mask is h x w pixels read down the columns (Fortran order) as runs that alternate background and
foreground, background first. `counts` holds the run lengths as text: 5 bits a character in '0'..'o',
bit 5 says another character follows, bit 4 of the last one is the sign; from the fourth number on a
number is the difference to the one two places before. Reference: cocodataset/cocoapi,
common/maskApi.c (rleToString, rleFrString).

A server's reply is hostile until proven otherwise (the usual decoders read foreign memory, hang or
crash on malformed counts), so the size is checked before anything else, memory is reserved only for
what was checked, and what does not add up is refused with its frame and its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sightbench.errors import SightbenchError

MAX_SIDE = 16_384
MAX_PIXELS = 2**26

Lengths = npt.NDArray[np.int64]

_FIRST = ord("0")
_MAX_DIGITS = 7  # 35 bits: more than any run of a mask within MAX_PIXELS needs


class MaskError(SightbenchError):
    """A mask that cannot be read. `frame` is its 0-based position, None where no single one is to blame."""

    def __init__(self, reason: str, frame: int | None = None, whose: str = "mask") -> None:
        super().__init__(f"{whose}: {reason}" if frame is None else f"{whose} of frame {frame}: {reason}")
        self.reason = reason
        self.frame = frame
        self.whose = whose


class Rle(NamedTuple):
    """One mask of h x w pixels. The size is checked; `counts` may not be (`lengths` does)."""

    h: int
    w: int
    counts: str | bytes


def read(wire: object, frame: int | None = None) -> Rle:
    """The mask of one wire dict `{"size": [h, w], "counts": str | bytes | list of int}`.

    Raises MaskError for a wrong size or type. The text of `counts` is not looked into here: the
    counting cores and `lengths` do that, so that a mask is read only once.
    """
    # dict first: asking whether something is a Mapping takes longer than all the rest. Tuples of types,
    # because a union of them would be made anew for every mask.
    if not isinstance(wire, (dict, Mapping)):
        raise MaskError(f'expected {{"size", "counts"}}, got {type(wire).__name__}', frame)
    h, w = _size(wire.get("size"), frame)
    counts = wire.get("counts")
    if isinstance(counts, (str, bytes)):
        return Rle(h, w, counts)
    if isinstance(counts, list):
        return from_lengths(h, w, _uncompressed(counts, h * w, frame))
    raise MaskError(f"counts must be text or a list of integers, got {type(counts).__name__}", frame)


def validate(wire: object, frame: int | None = None) -> Rle:
    """`read`, and the text of `counts` checked as well. Raises MaskError."""
    mask = read(wire, frame)
    lengths(mask, frame)
    return mask


def lengths(mask: Rle, frame: int | None = None, whose: str = "mask") -> Lengths:
    """The run lengths: int64, background first, summing to exactly h*w. Raises MaskError.

    Runs of zero pixels are accepted: the first is legal, inner ones do no harm.
    """
    check_size(mask.h, mask.w, frame, whose)
    try:
        text = mask.counts.encode("ascii") if isinstance(mask.counts, str) else mask.counts
    except UnicodeEncodeError:
        raise MaskError(BAD_CHARACTER, frame, whose) from None
    digits = np.frombuffer(text, np.uint8) - np.uint8(_FIRST)
    if not digits.size:
        raise MaskError(NO_RUNS, frame, whose)
    if np.maximum.reduce(digits) > 63:
        raise MaskError(BAD_CHARACTER, frame, whose)
    last = (digits < 32).nonzero()[0]
    if not last.size or last[-1] != digits.size - 1:
        raise MaskError(CUT_NUMBER, frame, whose)
    width = last.copy()
    width[0] += 1
    width[1:] -= last[:-1]
    widest = int(np.maximum.reduce(width))
    if widest > _MAX_DIGITS:
        raise MaskError(LONG_NUMBER, frame, whose)
    number = ((digits[last].view(np.int8) ^ 16) - 16).astype(np.int64)  # the last digit holds the sign
    for place in range(1, widest):
        longer = (width > place).nonzero()[0]
        number[longer] = number[longer] << 5 | (digits[last[longer] - place] & 31)
    number[1::2] = np.add.accumulate(number[1::2])
    number[2::2] = np.add.accumulate(number[2::2])
    bits = int(np.bitwise_or.reduce(number))  # negative if any number is, and no smaller than the largest
    if bits < 0:
        raise MaskError(BAD_RUN, frame, whose)
    if bits > 2 * MAX_PIXELS or int(np.add.reduce(number)) != mask.h * mask.w:
        raise MaskError(BAD_SUM, frame, whose)
    return number


NO_RUNS = "counts is empty"
BAD_CHARACTER = "counts holds a character outside '0'..'o'"
CUT_NUMBER = "counts ends in the middle of a number"
LONG_NUMBER = "counts holds a number of more than 7 characters"
BAD_RUN = "counts holds a run below 0 pixels"
BAD_SUM = "the runs of counts do not add up to h*w pixels"


def from_lengths(h: int, w: int, runs: npt.ArrayLike) -> Rle:
    """The mask of these run lengths (background first, summing to h*w), as pycocotools writes it."""
    number = np.array(runs, np.int64)
    number[3:] -= np.asarray(runs, np.int64)[1:-2]
    width = np.ones(number.size, np.int64)
    for digits in range(1, _MAX_DIGITS):
        limit = 1 << (5 * digits - 1)
        width += (number >= limit) | (number < -limit)
    place = np.arange(int(width.max()))
    digit = (number[:, None] >> (5 * place)) & 31
    digit |= (place < width[:, None] - 1) << 5
    text = (digit[place < width[:, None]] + _FIRST).astype(np.uint8)
    return Rle(h, w, text.tobytes().decode("ascii"))


def from_array(mask: npt.NDArray[Any]) -> Rle:
    """The mask of a 2-D array; every non-zero element is foreground."""
    h, w = mask.shape
    # Edges are looked for along the rows, as pixels lie in memory; their places, which are few, are sorted.
    pixels = np.asarray(mask) != 0
    row, column = np.divmod(np.flatnonzero(pixels[1:] != pixels[:-1]), w)
    tops = np.flatnonzero(pixels[0, 1:] != pixels[-1, :-1]) + 1
    edges = np.sort(np.concatenate((column * h + row + 1, tops * h)))
    ends = np.concatenate((edges[:0] if not pixels[0, 0] else [0], edges, [pixels.size]))
    return from_lengths(h, w, np.diff(ends, prepend=0))


def encode(mask: npt.NDArray[Any]) -> dict[str, Any]:
    """The wire dict `{"size": [h, w], "counts": text}` of a 2-D array (non-zero is foreground)."""
    return to_wire(from_array(mask))


def to_wire(mask: Rle) -> dict[str, Any]:
    counts = mask.counts if isinstance(mask.counts, str) else mask.counts.decode("ascii")
    return {"size": [mask.h, mask.w], "counts": counts}


def decode(mask: Rle) -> npt.NDArray[np.bool_]:
    """The pixels: bool, h x w. Raises MaskError."""
    runs = lengths(mask)
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(mask.w, mask.h).T


@lru_cache(maxsize=256)
def empty(h: int, w: int) -> Rle:
    """The mask without foreground."""
    return from_lengths(h, w, [h * w])


def resize(mask: Rle, h: int, w: int) -> Rle:
    """The mask at h x w, pixel for pixel what Pillow's NEAREST resize gives. Raises MaskError."""
    runs = lengths(mask)
    edges = np.cumsum(runs)[: runs.size // 2 * 2]
    start, stop = edges[0::2], edges[1::2]
    start, stop = start[start < stop], stop[start < stop]
    # one run per column it touches: column, first row, row after the last
    first, last = start // mask.h, (stop - 1) // mask.h
    column = np.repeat(first, last - first + 1) + _within(last - first + 1)
    top = np.maximum(np.repeat(start, last - first + 1) - column * mask.h, 0)
    bottom = np.minimum(np.repeat(stop, last - first + 1) - column * mask.h, mask.h)
    rows, columns = nearest_starts(mask.h, h), nearest_starts(mask.w, w)
    top, bottom = rows[top], rows[bottom]
    copies = np.where(top < bottom, columns[column + 1] - columns[column], 0)
    offset = (np.repeat(columns[column], copies) + _within(copies)) * h
    ends = np.sort(np.concatenate((offset + np.repeat(top, copies), offset + np.repeat(bottom, copies))))
    return from_lengths(h, w, np.diff(np.concatenate(([0], ends, [h * w]))))


def nearest_starts(before: int, after: int) -> Lengths:
    """int64, before+1: the first of `after` resized indices that shows source index i or a later one.

    Pillow adds the step up in double precision, index by index, so the closed formula
    floor((i + 0.5) * before / after) is wrong for about every fifth pair of sizes.
    Reference: python-pillow/Pillow, src/libImaging/Geometry.c, ImagingScaleAffine.
    """
    step = before / after
    steps = np.full(after, step)
    steps[0] = step * 0.5
    source = np.cumsum(steps).astype(np.int64)
    return np.searchsorted(source, np.arange(before + 1)).astype(np.int64)


def _within(copies: Lengths) -> Lengths:
    return np.arange(int(copies.sum())) - np.repeat(np.cumsum(copies) - copies, copies)


def levels(masks: Sequence[Rle]) -> list[Rle]:
    """Where at least 1, 2, 3, ... of the masks (of one size, at least one of them) are foreground.

    The first is their union; each further one exists only if some pixel is that often covered.
    """
    at, depth = _depths(masks)
    deepest = max(1, int(depth.max(initial=0)))
    return [_turning(masks[0], at, depth >= level) for level in range(1, deepest + 1)]


def exactly_one(masks: Sequence[Rle]) -> Rle:
    """Where just one of the masks (of one size, at least one of them) is foreground."""
    at, depth = _depths(masks)
    return _turning(masks[0], at, depth == 1)


def summed(masks: Sequence[Rle]) -> Rle:
    """What pycocotools encodes of the masks' uint8 sum: foreground and background swap wherever the sum
    changes, so that an overlap turns the rest of the mask inside out until the sum changes again."""
    at, depth = _depths(masks)
    changes = np.flatnonzero(np.diff(depth % 256, prepend=0))
    return from_lengths(*masks[0][:2], np.diff(np.concatenate(([0], at[changes], [masks[0].h * masks[0].w]))))


def _depths(masks: Sequence[Rle]) -> tuple[Lengths, Lengths]:
    """Where the number of masks that cover a pixel may change, and that number from there on."""
    h, w = masks[0].h, masks[0].w
    if any((mask.h, mask.w) != (h, w) for mask in masks):
        raise MaskError("masks of one frame differ in size")
    edges = [np.cumsum(lengths(mask)) for mask in masks]  # foreground starts at even places, stops at odd
    at = np.concatenate(edges)
    step = np.concatenate([1 - 2 * (np.arange(edge.size) % 2) for edge in edges])
    order = np.argsort(at)
    at, depth = at[order], np.cumsum(step[order])
    settled = np.append(at[1:] != at[:-1], True) & (at < h * w)
    return at[settled], depth[settled]


def _turning(like: Rle, at: Lengths, inside: npt.NDArray[np.bool_]) -> Rle:
    turns = at[np.flatnonzero(np.diff(inside, prepend=False))]
    return from_lengths(like.h, like.w, np.diff(np.concatenate(([0], turns, [like.h * like.w]))))


def union(masks: Sequence[Rle]) -> Rle:
    """Where any of the masks (of one size, at least one of them) is foreground."""
    if len(masks) == 1:
        return masks[0]
    at, depth = _depths(masks)
    return _turning(masks[0], at, depth > 0)


def area(mask: Rle) -> int:
    """The foreground in pixels. Raises MaskError."""
    return int(lengths(mask)[1::2].sum())


def check_size(h: int, w: int, frame: int | None = None, whose: str = "mask") -> None:
    """Raises MaskError unless 1 <= h, w <= MAX_SIDE and h*w <= MAX_PIXELS."""
    if not (1 <= h <= MAX_SIDE and 1 <= w <= MAX_SIDE and h * w <= MAX_PIXELS):
        limit = f"sides of 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels"
        raise MaskError(f"size [{_short(h)}, {_short(w)}] is not supported ({limit})", frame, whose)


def _size(size: object, frame: int | None) -> tuple[int, int]:
    if isinstance(size, (list, tuple)) and len(size) == 2:
        h, w = size
        # bool is an int to isinstance, so `type(...) is int`: [true, true] is not a size
        if type(h) is int and type(w) is int:
            check_size(h, w, frame)
            return h, w
    raise MaskError("size must be two integers [h, w]", frame)


def _uncompressed(counts: Iterable[object], pixels: int, frame: int | None) -> Lengths:
    runs: list[int] = []
    left = pixels
    for run in counts:
        if type(run) is not int:
            raise MaskError("counts must be text or a list of integers", frame)
        if not 0 <= run <= left:
            raise MaskError(BAD_RUN if run < 0 else BAD_SUM, frame)
        left -= run
        runs.append(run)
        if len(runs) > pixels + 1:
            raise MaskError("counts holds more runs than the mask has pixels", frame)
    if not runs:
        raise MaskError(NO_RUNS, frame)
    if left:
        raise MaskError(BAD_SUM, frame)
    return np.array(runs, np.int64)


def _short(number: int) -> str:
    # str() of an integer of more than 4,300 digits raises
    return str(number) if -(10**18) < number < 10**18 else "a huge number"
