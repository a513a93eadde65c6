"""The curves behind J and F: they run through the published numbers, and count what they say."""

from __future__ import annotations

import numpy as np
import pytest

from sightbench import rle
from sightbench.rle import Rle
from sightbench.scorers.masks.curves import LEVELS, CurveSum, f_by_tolerance, tolerances
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.masks.jf import score_object


def square(at: int, side: int = 40, size: tuple[int, int] = (90, 160)) -> Rle:
    mask = np.zeros(size, bool)
    mask[20 : 20 + side, at : at + side] = True
    return rle.from_array(mask)


TRUTH = [square(30 + frame) for frame in range(6)]
NEAR = [square(33 + frame, 38) for frame in range(5)] + [square(90)]


# MOSEv2's tolerance follows the object, so no curve over the frame's diagonal holds its F.
@pytest.mark.parametrize("definition", sorted(set(DEFINITIONS) - {"mosev2"}))
def test_the_curve_of_f_runs_through_the_published_f_and_never_falls(definition: str) -> None:
    values = dict(zip(tolerances(definition), f_by_tolerance(NEAR, TRUTH, definition), strict=True))
    published = score_object(NEAR, TRUTH, definition)
    own = values["2 px" if definition == "dynbench" else "0.8 %"]
    assert own == published.f
    assert list(values.values()) == sorted(values.values())
    assert 0 < min(values.values()) < max(values.values()) <= 1


def test_objects_and_frames_are_counted_at_every_level() -> None:
    total = CurveSum()
    assert total.curves() is None
    total.add("mevis", 0.75, [0.5, 1.0], [0.1] * 7)
    total.add("mevis", 0.5, [0.5, 0.5], [0.3] * 7)
    total.add("mevis", 0.0, [], [])
    curves = total.curves()
    assert curves is not None and (curves.n, curves.n_frames) == (3, 4)
    at = {level: place for place, level in enumerate(LEVELS)}
    assert curves.objects[at[0.5]] == 2 / 3 and curves.objects[at[0.55]] == curves.objects[at[0.75]] == 1 / 3
    assert curves.frames[at[0.5]] == 1.0 and curves.frames[at[0.95]] == 0.25
    assert curves.f == pytest.approx([0.4 / 3] * 7)
