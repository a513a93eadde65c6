"""How many pixels lie in which of several masks: intersections and areas, from run lengths alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightbench.rle import MaskError, Rle, lengths
from sightbench.scorers.masks import boundary

try:
    from sightbench.scorers.masks._boundary import overlaps as _in_c  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    _in_c = None


def overlaps(
    frames: Sequence[tuple[Rle, ...]],
    whose: Sequence[str] = ("mask", "ground truth", "void mask"),
    core_name: str | None = None,
) -> list[tuple[int, ...]]:
    """For each frame of n masks of one size (1 to 3) the pixels of all 2^n combinations.

    Entry s counts the pixels that lie in just those masks whose bits are set in s: of (P, G), entry 3 is the
    intersection and 1 what only P holds. Raises MaskError for counts that do not make up a mask, and for
    masks of one frame that differ in size.
    """
    for frame, masks in enumerate(frames):
        if any(mask[:2] != masks[0][:2] for mask in masks):
            sizes = " and ".join(str([*mask[:2]]) for mask in masks)
            raise MaskError(f"masks of one frame differ in size: {sizes}", frame)
    if _in_c is None or boundary.core(core_name) == "numpy":
        return [_overlap(masks, frame, whose) for frame, masks in enumerate(frames)]
    try:
        return list(_in_c(frames))
    except ValueError as error:
        frame, place, words = error.args
        raise boundary.refusal(frames[frame][place], frame, whose[place], words) from None


def intersection_over_union(pred: Rle, gt: Rle) -> tuple[int, int]:
    """(pixels in both, pixels in either) of two masks of one size. Raises MaskError."""
    _, only_pred, only_gt, both = overlaps([(pred, gt)])[0]
    return both, only_pred + only_gt + both


def _overlap(masks: tuple[Rle, ...], frame: int, whose: Sequence[str]) -> tuple[int, ...]:
    edges = [np.cumsum(lengths(mask, frame, whose[place])) for place, mask in enumerate(masks)]
    pixels = masks[0].h * masks[0].w
    at = np.concatenate(edges)
    turned = np.concatenate([np.full(edge.size, 1 << place) for place, edge in enumerate(edges)])
    order = np.argsort(at, kind="stable")
    at, turned = at[order], turned[order]
    state = np.bitwise_xor.accumulate(np.concatenate(([0], turned)))
    spans = np.diff(np.concatenate(([0], np.minimum(at, pixels), [pixels])))
    return tuple(int(n) for n in np.bincount(state, spans, 1 << len(masks)))
