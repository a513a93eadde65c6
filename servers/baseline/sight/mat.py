"""The dark mat: a rectangle on the ground, put together from what all frames show of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.camera import Camera
from sightbench.servers.baseline.sight.components import components
from sightbench.servers.baseline.sight.palette import MAT_CLASS

Floats = NDArray[np.float64]

FARTHEST_M = 20.0


@dataclass(frozen=True, slots=True)
class Mat:
    """Axes at `angle` to those of the ground; `low` and `high` are its ends [2] along them, metres."""

    angle: float
    low: Floats
    high: Floats

    def depth(self, point: Floats) -> float:
        """How far inside the nearest edge a point of the ground lies; negative outside."""
        at = _turned(np.asarray(point)[None], self.angle)[0]
        return float(np.minimum(at - self.low, self.high - at).min())


def find_mat(camera: Camera, classes: NDArray[np.uint8]) -> Mat | None:
    """None where too little of it is seen. Objects on it hide parts, never all, of its outline."""
    points = []
    for t, frame in enumerate(classes):
        labels, kinds = components((frame == MAT_CLASS).astype(np.uint8))
        areas = np.bincount(labels.ravel(), minlength=len(kinds))
        areas[0] = 0
        kept = np.isin(labels, np.flatnonzero(areas >= max(12, 0.1 * areas.max())))
        row, column = np.nonzero(kept)
        place = camera.ground(t, column.astype(np.float64) + 0.5, row.astype(np.float64) + 0.5)
        near = np.hypot(*(place - camera.position[t]).T) < FARTHEST_M
        points.append(place[near])
    every = np.concatenate(points)
    if len(every) < 60:
        return None
    every = every[:: max(1, len(every) // 4000)]
    best: tuple[float, Mat] | None = None
    for angle in np.radians(np.arange(0.0, 90.0, 3.0)):
        at = _turned(every, angle)
        low, high = np.percentile(at, [0.7, 99.3], axis=0)
        size = float(np.prod(high - low))
        if best is None or size < best[0]:
            best = size, Mat(float(angle), low, high)
    assert best is not None
    return best[1]


def _turned(points: Floats, angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * points[:, 0] + s * points[:, 1], c * points[:, 1] - s * points[:, 0]], -1)
