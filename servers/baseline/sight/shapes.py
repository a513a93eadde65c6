"""Which solid a blob is: the one whose outline, drawn where it would stand, fits best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.blobs import Blob
from sightbench.servers.baseline.sight.camera import Camera
from sightbench.servers.baseline.sight.palette import SHAPES
from sightbench.servers.baseline.sight.solids import HALF, TALL, Stand, stand

Floats = NDArray[np.float64]

BOX_ANGLES = np.radians(np.arange(0.0, 90.0, 10.0))
CIRCLE = np.linspace(0, 2 * np.pi, 24, endpoint=False)


def fit_shapes(camera: Camera, blob: Blob, labels: NDArray[np.int32]) -> Floats:
    """[3] in the order of SHAPES: how well each solid's outline covers the blob (IoU)."""
    scores = np.zeros(len(SHAPES))
    for i, shape in enumerate(SHAPES):
        at = stand(camera, blob, shape)
        if at is None:
            continue
        angles = BOX_ANGLES if shape == "box" else BOX_ANGLES[:1]
        scores[i] = max(
            _agreement(outline(camera, blob.frame, at, shape, float(angle)), blob, labels) for angle in angles
        )
    return scores


def outline(camera: Camera, frame: int, at: Stand, shape: str, angle: float = 0.0) -> Floats:
    """The corners [n, 2] (column, row) of a solid's convex outline; `angle` turns a box.

    A box is scaled so that it looks as wide from here as the one that was measured.
    """
    if shape == "sphere":
        return _sphere(camera, frame, at)
    if shape == "cylinder":
        half = 0.85 * at.radius
        base = at.local + half * np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], -1)
        tall = TALL["cylinder"] * at.radius
    else:
        facing = angle + float(np.arctan2(at.local[0], at.local[1]))
        half = HALF["box"] * at.radius / (abs(np.cos(facing)) + abs(np.sin(facing)))
        tall = 2 * half
        corners = angle + np.pi / 4 + np.arange(4) * np.pi / 2
        base = at.local + half * np.sqrt(2) * np.stack([np.cos(corners), np.sin(corners)], -1)
    points = np.concatenate([base, base])
    up = np.repeat([0.0, tall], len(base))
    return _hull(np.stack(camera.project(frame, points, up), -1))


def _sphere(camera: Camera, frame: int, at: Stand) -> Floats:
    """The circle of points where rays touch the sphere."""
    centre = np.array([*at.local, at.radius - camera.height[frame]])
    reach = float(np.linalg.norm(centre))
    sine = min(at.radius / reach, 0.9)
    towards = centre / reach
    right = np.cross(towards, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    upward = np.cross(right, towards)
    boundary = centre * (1 - sine**2) + at.radius * np.sqrt(1 - sine**2) * (
        np.outer(np.cos(CIRCLE), right) + np.outer(np.sin(CIRCLE), upward)
    )
    return np.stack(camera.project(frame, boundary[:, :2], boundary[:, 2] + camera.height[frame]), -1)


def _hull(points: Floats) -> Floats:
    """Convex hull, by Andrew's monotone chain."""
    ordered = sorted(map(tuple, points.tolist()))
    chains = []
    for sequence in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for p in sequence:
            while len(chain) > 1 and (
                (chain[-1][0] - chain[-2][0]) * (p[1] - chain[-2][1])
                <= (chain[-1][1] - chain[-2][1]) * (p[0] - chain[-2][0])
            ):
                chain.pop()
            chain.append(p)
        chains.append(chain[:-1])
    return np.array(chains[0] + chains[1])


def drawn(corners: Floats, left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
    """The pixels [height, width] whose centres the outline covers, in a window of the picture."""
    x, y = corners[:, 0] - left, corners[:, 1] - top
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    rows = np.arange(height)[:, None] + 0.5
    crosses = (np.minimum(y, y2) <= rows) & (rows < np.maximum(y, y2))
    run = (x2 - x) / np.where(y2 == y, 1, y2 - y)
    at = x + (rows - y) * run
    first = np.where(crosses, at, np.inf).min(1, keepdims=True)
    last = np.where(crosses, at, -np.inf).max(1, keepdims=True)
    columns = np.arange(width) + 0.5
    return np.asarray((columns >= first) & (columns < last))


def _agreement(corners: Floats, blob: Blob, labels: NDArray[np.int32]) -> float:
    """IoU of outline and blob, leaving out the pixels that show some other object."""
    margin = 3
    h, w = labels.shape
    left, top = max(blob.box.left - margin, 0), max(blob.box.top - margin, 0)
    right, bottom = min(blob.box.right + margin, w), min(blob.box.bottom + margin, h)
    window = labels[top:bottom, left:right]
    own = np.isin(window, blob.pieces)
    free = own | (window == 0)
    shown = drawn(corners, left, top, right - left, bottom - top) & free
    return float((shown & own).sum() / max(int((shown | own).sum()), 1))
