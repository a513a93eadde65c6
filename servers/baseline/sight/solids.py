"""One blob and the camera -> where its object stands and how large it is.

A box is treated as a cylinder of about its width: its angle is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, atan2, cos, hypot, isfinite, sin, tan

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.blobs import Blob
from sightbench.servers.baseline.sight.camera import Camera, level_ray

HALF = {"sphere": 1.0, "box": 1.1, "cylinder": 0.89}
"""Half of the width as seen, in r: of a box from most sides, of a cylinder's nearer boundary."""
TALL = {"sphere": 2.0, "box": 1.6, "cylinder": 1.8}


@dataclass(frozen=True, slots=True)
class Stand:
    """`local` is (right, ahead) of the camera, metres; `radius` is r; `weight` 0 to 1 is the trust in it."""

    local: NDArray[np.float64]
    radius: float
    weight: float


def stand(camera: Camera, blob: Blob, shape: str, radius: float | None = None) -> Stand | None:
    """Where the object of a blob stands; with `radius` known, also from a part of its outline.

    None if too little of its outline is true.
    """
    sight = _Sight(camera, blob)
    true = blob.true
    both = true.left and true.right
    if radius is None and not both:
        return None
    solve = _sphere if shape == "sphere" else _upright
    found = solve(sight, true.bottom, true.top, both, shape, radius)
    if found is None:
        return None
    distance, r, weight = found
    if not (isfinite(distance) and 1.0 < distance < 40.0 and r > 0):
        return None
    half = HALF[shape] * r
    if both:
        azimuth = (sight.left + sight.right) / 2
    elif true.left:
        azimuth = sight.left + asin(min(1.0, half / distance))
    elif true.right:
        azimuth = sight.right - asin(min(1.0, half / distance))
    else:
        azimuth, weight = sight.middle, weight * 0.3
    return Stand(np.array([distance * sin(azimuth), distance * cos(azimuth)]), r, weight)


class _Sight:
    """Directions of a blob's sides: `up`, `low` below the horizon, `left`, `right`, `middle` in azimuth."""

    def __init__(self, camera: Camera, blob: Blob) -> None:
        box = blob.box
        across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2

        def direction(column: float, row: float) -> tuple[float, float]:
            x, drop, ahead = level_ray(camera, column, row)
            return atan2(x, ahead), atan2(drop, hypot(x, ahead))

        self.camera_height = float(camera.height[blob.frame])
        self.left, self.right = direction(box.left, down)[0], direction(box.right, down)[0]
        self.middle = direction(blob.column, down)[0]
        self.up, self.low = direction(across, box.top)[1], direction(across, box.bottom)[1]
        a, b = (np.array(level_ray(camera, column, down)) for column in (box.left, box.right))
        self.spread = float(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))) / 2


_Found = tuple[float, float, float] | None


def _sphere(s: _Sight, bottom: bool, top: bool, both: bool, shape: str, radius: float | None) -> _Found:
    height = s.camera_height
    if radius is None:
        if not (bottom or top):
            return None
        spread = s.spread if both else (s.low - s.up) / 2
        dip = s.low - spread if bottom else s.up + spread
        if dip <= 0.01:
            return None
        share = sin(spread) / sin(dip)
        r = height * share / (1 + share)
        return (height - r) / tan(dip), r, 1.0 if bottom else 0.6
    distance = None
    if bottom or top:
        dip = (s.low + s.up) / 2 if bottom and top else s.low - 0.05 if bottom else s.up + 0.05
        for _ in range(12):
            if dip <= 0.01:
                return None
            distance = (height - radius) / tan(dip)
            spread = asin(min(0.9, radius / hypot(distance, height - radius)))
            dip = (s.low + s.up) / 2 if bottom and top else s.low - spread if bottom else s.up + spread
        return distance or 0.0, radius, 1.0 if bottom else 0.6
    if both:
        reach = radius / sin(max(s.spread, 0.01))
        return float(np.sqrt(max(reach**2 - (height - radius) ** 2, 0.0))), radius, 0.3
    return None


def _upright(s: _Sight, bottom: bool, top: bool, both: bool, shape: str, radius: float | None) -> _Found:
    height = s.camera_height
    half, tall = HALF[shape], TALL[shape]
    share = sin(max((s.right - s.left) / 2, 1e-3))
    if bottom and s.low > 0.01:
        front = height / tan(s.low)
        if radius is None:
            return front / (1 - share), front * share / (1 - share) / half, 1.0
        return front + half * radius, radius, 1.0
    if top and s.up > 0.01:
        if radius is None:
            # (height - tall r) / tan(up) = distance + half r, with half r = distance share
            distance = height / (tan(s.up) * (1 + share) + tall / half * share)
            return distance, distance * share / half, 0.5
        return (height - tall * radius) / tan(s.up) - half * radius, radius, 0.5
    if both and radius is not None:
        return half * radius / share, radius, 0.3
    return None
