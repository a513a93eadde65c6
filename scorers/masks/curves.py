"""Curves behind J and F: how many objects and frames reach a J, and F by how near a boundary must be.

A single number hides where it comes from: two models of one J&F differ in how many objects they lose, and in
how exact the outlines of the others are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sightbench.rle import Rle
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.boundary import Counts
from sightbench.scorers.masks.definitions import definition_named
from sightbench.scorers.masks.jf import boundary_f, by_size, paired, score_object, which_count

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""The J that an object or a frame is to reach: 0.05 to 0.95."""
SHARES = (0.001, 0.002, 0.004, 0.008, 0.012, 0.016, 0.024)
"""Tolerances as shares of the frame's diagonal; 0.008 is DAVIS's own."""
STEPS = (1, 2, 3, 4, 5, 6, 8)
"""Tolerances of Dyn-Bench's F in pixels; 2 is its own."""


def tolerances(definition: str) -> tuple[str, ...]:
    """The names of what `f_by_tolerance` counts, the least first. UsageError for an unknown definition."""
    if definition_named(definition).boundary == "inner":
        return tuple(f"{steps} px" for steps in STEPS)
    return tuple(f"{100 * share:g} %" for share in SHARES)


def f_by_tolerance(
    preds: Sequence[Rle | None], gts: Sequence[Rle], definition: str, *, voids: Sequence[Rle] | None = None
) -> tuple[float, ...]:
    """One object's mean F (0..1) over the frames that count, at each of `tolerances(definition)`.

    Of DAVIS's boundaries all tolerances are counted in one pass, rounded up to whole pixels; 0.8 % is the F
    that is published (MOSEv2's, whose tolerance follows the object, is on no such curve). Dyn-Bench's
    boundaries are as thick as its tolerance, so each is a pass of its own. Nan where no frame counts. Raises
    MaskError as `score_object` does.
    """
    rules = definition_named(definition)
    if rules.boundary == "inner":
        return tuple(score_object(preds, gts, definition, voids=voids, tolerance=steps).f for steps in STEPS)
    pairs = paired(preds, gts, rules)
    counted: dict[int, list[Counts]] = {}
    for (h, w), frames in by_size(pairs).items():
        found = boundary.count_within(
            [pairs[i][0] for i in frames],
            [pairs[i][1] for i in frames],
            [boundary.disk(float(np.ceil(share * np.linalg.norm((h, w))))) for share in SHARES],
            inner=False,
            voids=None if voids is None else [voids[i] for i in frames],
        )
        counted.update(zip(frames, found, strict=True))
    kept = which_count([counted[i][0] for i in range(len(pairs))], rules)
    if not kept:
        return (math.nan,) * len(SHARES)
    return tuple(float(np.mean([boundary_f(counted[i][at]) for i in kept])) for at in range(len(SHARES)))


@dataclass(frozen=True, slots=True)
class MaskCurves:
    """What lies behind the J and F of `n` objects with `n_frames` frames that count.

    `objects` and `frames` are the share (0..1) of them that reach each of `levels`, `f` the mean F over
    objects at each of `tolerances`.
    """

    definition: str
    n: int
    n_frames: int
    levels: tuple[float, ...]
    objects: tuple[float, ...]
    frames: tuple[float, ...]
    tolerances: tuple[str, ...]
    f: tuple[float, ...]


@dataclass(slots=True)
class CurveSum:
    """Adds up the objects of one benchmark, which are judged by one definition, to its curves."""

    definition: str = ""
    _j: list[float] = field(default_factory=list)
    _js: list[float] = field(default_factory=list)
    _f: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, definition: str, j: float, js: Sequence[float], f: Sequence[float]) -> None:
        """One object: its J, that of its frames, its F at each tolerance (empty: no masks, 0 everywhere)."""
        self.definition = definition
        self._j.append(j)
        self._js += js
        self._f.append(tuple(f) or (0.0,) * len(tolerances(definition)))

    def curves(self) -> MaskCurves | None:
        """None where nothing was added."""
        if not self._j:
            return None
        return MaskCurves(
            self.definition,
            len(self._j),
            len(self._js),
            LEVELS,
            reaching(self._j),
            reaching(self._js),
            tolerances(self.definition),
            tuple(np.mean(np.array(self._f), axis=0).tolist()),
        )


def reaching(js: Sequence[float]) -> tuple[float, ...]:
    """The share (0..1) of the numbers that are at least each of LEVELS; 0 of none."""
    given = np.asarray(js)
    return tuple(float(np.mean(given >= level)) if len(js) else 0.0 for level in LEVELS)
