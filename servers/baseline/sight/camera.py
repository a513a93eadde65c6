"""Where the camera is in every frame, read off the checkered ground.

Seen from above the checkers are two crossed waves of known length. Their direction tells how far the
camera has turned, their scale its height, their phases where it stands: from frame to frame, without
matching any points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.palette import CHECKER_M, FIELD_OF_VIEW, FOG_M, HORIZON

Floats = NDArray[np.float64]

WAVE = 2 * np.pi * np.sqrt(2) / (2 * CHECKER_M)
PITCHES = np.radians(np.arange(12.0, 20.5, 1.0))
HEIGHTS = np.geomspace(0.8, 4.6, 20)
TURNS = np.radians(np.arange(0.0, 90.0, 4.5))
ACROSS = np.arange(-4.0, 4.01, 0.1)
AHEAD = np.arange(1.1, 7.01, 0.1)
"""The ground looked at, in camera heights: ACROSS to the right, AHEAD away from the camera."""
NOMINAL_HEIGHT_M = 2.5


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera over T frames; metres and radians, in the axes of frame 0 (x right, y ahead, z up).

    `position` is [T, 2] over the ground, `height` and `yaw` (positive: to the left) are [T]. `focal` is
    in pixels of frames of `shape` (h, w). Where the ground is not checkered it is meaningless.
    """

    shape: tuple[int, int]
    focal: float
    pitch: float
    height: Floats
    yaw: Floats
    position: Floats

    def ground(self, frame: int, column: Floats, row: Floats) -> Floats:
        """Where the rays through pixels meet the ground, [..., 2] in metres; NaN above the horizon."""
        h, w = self.shape
        x, y = (column - w / 2) / self.focal, (row - h / 2) / self.focal
        down = y * np.cos(self.pitch) + np.sin(self.pitch)
        reach = np.where(down > 1e-3, self.height[frame] / np.maximum(down, 1e-3), np.nan)
        ahead = np.cos(self.pitch) - y * np.sin(self.pitch)
        return self.world(frame, np.stack([x * reach, ahead * reach], -1))

    def reach2(self, frame: int) -> Floats:
        """Squared distance from the camera to the ground seen at each pixel [h, w]; inf above the horizon."""
        h, w = self.shape
        x, y = (np.arange(w) + 0.5 - w / 2) / self.focal, (np.arange(h) + 0.5 - h / 2) / self.focal
        down = y * np.cos(self.pitch) + np.sin(self.pitch)
        scale = np.where(down > 1e-3, self.height[frame] / np.maximum(down, 1e-3), np.inf)
        return np.asarray((scale**2)[:, None] * (1 + x**2 + (y**2)[:, None]))

    def world(self, frame: int, local: Floats) -> Floats:
        """Camera-centred ground coordinates [..., 2] (right, ahead) -> those of frame 0."""
        c, s = np.cos(self.yaw[frame]), np.sin(self.yaw[frame])
        turned = np.stack([c * local[..., 0] - s * local[..., 1], s * local[..., 0] + c * local[..., 1]], -1)
        return np.asarray(turned + self.position[frame])

    def local(self, frame: int, world: Floats) -> Floats:
        """The inverse of `world`."""
        c, s = np.cos(self.yaw[frame]), np.sin(self.yaw[frame])
        offset = world - self.position[frame]
        return np.stack(
            [c * offset[..., 0] + s * offset[..., 1], c * offset[..., 1] - s * offset[..., 0]], -1
        )

    def project(self, frame: int, local: Floats, up: Floats) -> tuple[Floats, Floats]:
        """(column, row) of points at camera-centred (right, ahead) and height `up` over the ground."""
        fall = self.height[frame] - up
        depth = local[..., 1] * np.cos(self.pitch) + fall * np.sin(self.pitch)
        down = fall * np.cos(self.pitch) - local[..., 1] * np.sin(self.pitch)
        depth = np.maximum(depth, 1e-3)
        h, w = self.shape
        return self.focal * local[..., 0] / depth + w / 2, self.focal * down / depth + h / 2


def focal_length(shape: tuple[int, int]) -> float:
    return float(shape[1] / 2 / np.tan(FIELD_OF_VIEW / 2))


def level_ray(camera: Camera, column: float, row: float) -> tuple[float, float, float]:
    """(right, down, ahead) of the ray through one pixel position, in level axes."""
    h, w = camera.shape
    x, y = (column - w / 2) / camera.focal, (row - h / 2) / camera.focal
    c, s = float(np.cos(camera.pitch)), float(np.sin(camera.pitch))
    return x, y * c + s, c - y * s


def locate(pixels: NDArray[np.uint8], ground: NDArray[np.bool_]) -> Camera:
    """The camera of frames [T, h, w, 3] whose ground pixels are marked in `ground` [T, h, w]."""
    count, h, w = ground.shape
    focal = focal_length((h, w))
    views = [_from_above(pixels[0], ground[0], focal, pitch) for pitch in PITCHES]
    height, turn = (grid.ravel() for grid in np.meshgrid(HEIGHTS, TURNS, indexing="ij"))
    found = [_best(view, height, turn) for view in views]
    near = [_closer(view, waves) for view, waves in zip(views, found, strict=True)]
    scores = [waves.score for waves in near]
    chosen = int(np.argmax(scores))
    pitch = float(PITCHES[chosen])
    if 0 < chosen < len(PITCHES) - 1:
        low, mid, high = scores[chosen - 1 : chosen + 2]
        pitch += 0.5 * (low - high) / (low - 2 * mid + high) * float(PITCHES[1] - PITCHES[0])
    track = [_closer(_from_above(pixels[0], ground[0], focal, pitch), near[chosen])]
    for t in range(1, count):
        view = _from_above(pixels[t], ground[t], focal, pitch)
        track.append(_closer(view, _search(view, track[-1], 0.25, np.radians(12), 13)))
    return _path((h, w), focal, pitch, track)


@dataclass(frozen=True, slots=True)
class _Waves:
    """The two crossed waves of one frame: how much they explain, and where they stand.

    `turn` is the direction of the first against the camera's right; `phases` are theirs at the point
    under the camera.
    """

    score: float
    height: float
    turn: float
    phases: tuple[float, float]


def _from_above(
    pixels: NDArray[np.uint8], ground: NDArray[np.bool_], focal: float, pitch: float
) -> NDArray[np.float32]:
    """The ground's brightness at AHEAD x ACROSS about its mean, in units of its deviation; 0 if unseen."""
    h, w = ground.shape
    ahead, across = AHEAD[:, None], ACROSS[None, :]
    depth = ahead * np.cos(pitch) + np.sin(pitch)
    row = np.floor(focal * (np.cos(pitch) - ahead * np.sin(pitch)) / depth + h / 2).astype(np.intp)
    column = np.floor(focal * across / depth + w / 2).astype(np.intp)
    row = np.broadcast_to(row, column.shape)
    inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
    row, column = np.where(inside, row, 0), np.where(inside, column, 0)
    light = pixels[row, column].astype(np.float32).mean(-1)
    fog = 1 - np.exp(-((NOMINAL_HEIGHT_M / FOG_M) ** 2) * (ahead**2 + across**2 + 1))
    light = (light - sum(HORIZON) / 3 * fog) / (1 - fog)
    seen = inside & ground[row, column]
    middle = np.median(light[seen]) if seen.any() else 0.0
    seen &= (light > 0.75 * middle) & (light < 1.3 * middle)
    if not seen.any():
        return np.zeros(light.shape, np.float32)
    light = np.where(seen, light - light[seen].mean(), 0)
    return np.asarray(light / max(float(np.sqrt((light**2).sum() * seen.sum())), 1e-6), np.float32)


def _amplitudes(view: NDArray[np.float32], height: Floats, turn: Floats) -> NDArray[np.complex128]:
    """[2, n]: both waves' complex amplitudes for n cameras, on the scale of the view."""
    found = []
    for direction in (turn, turn + np.pi / 2):
        right = np.exp(-1j * np.outer(WAVE * height * np.cos(direction), ACROSS))
        away = np.outer(WAVE * height * np.sin(direction), AHEAD).astype(np.float32)
        # einsum, not @: BLAS would start threads for products this small, and they wait more than they work
        real = np.einsum("na,ax->nx", np.cos(away), view)
        imaginary = np.einsum("na,ax->nx", np.sin(away), view)
        found.append(((real - 1j * imaginary) * right).sum(1))
    return np.stack(found)


def _best(view: NDArray[np.float32], height: Floats, turn: Floats) -> _Waves:
    amplitudes = _amplitudes(view, height, turn)
    power = (np.abs(amplitudes) ** 2).sum(0)
    i = int(np.argmax(power))
    first, second = np.angle(amplitudes[:, i])
    return _Waves(float(power[i]), float(height[i]), float(turn[i]), (float(first), float(second)))


def _search(view: NDArray[np.float32], around: _Waves, grow: float, turn: float, steps: int) -> _Waves:
    heights = around.height * np.linspace(1 - grow, 1 + grow, steps)
    turns = around.turn + np.linspace(-turn, turn, steps)
    height, direction = (grid.ravel() for grid in np.meshgrid(heights, turns, indexing="ij"))
    return _best(view, height, direction)


def _closer(view: NDArray[np.float32], waves: _Waves) -> _Waves:
    for grow, degrees in ((0.04, 2.0), (0.012, 0.6), (0.004, 0.2)):
        waves = _search(view, waves, grow, np.radians(degrees), 7)
    return waves


def _path(shape: tuple[int, int], focal: float, pitch: float, track: list[_Waves]) -> Camera:
    """Add up the waves' steps from frame to frame, each less than half a wave."""
    first = track[0].turn
    steps = np.diff([w.phases for w in track], axis=0, prepend=[track[0].phases])
    walked = np.cumsum((steps + np.pi) % (2 * np.pi) - np.pi, axis=0) / WAVE
    axes = np.array([[np.cos(first), np.sin(first)], [-np.sin(first), np.cos(first)]])
    return Camera(
        shape=shape,
        focal=focal,
        pitch=pitch,
        height=np.array([w.height for w in track]),
        yaw=first - np.array([w.turn for w in track]),
        position=walked @ axes,
    )
