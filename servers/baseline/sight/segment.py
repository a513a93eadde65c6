"""Frames -> the class of every pixel: which of the palette's surfaces, the mat, or the ground and sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.camera import Camera
from sightbench.servers.baseline.sight.palette import (
    AMBIENT,
    BRIGHTEST,
    COLOURS,
    FOG_M,
    GROUND,
    GROUNDS,
    HORIZON,
    WHITE,
)

Floats = NDArray[np.float32]

FARTHEST_FOG = 0.55
"""No object stands against ground with more fog than this."""
MARGIN = 2.5
"""How much nearer (of 255) a pixel's colour must lie to white than to the ground's two tones."""


def ground_kind(pixels: NDArray[np.uint8]) -> int:
    """Which of the GROUNDS lies under frames [T, h, w, 3]: by the tint of the lower third."""
    near = pixels[0, pixels.shape[1] * 2 // 3 :].reshape(-1, 3).astype(np.float32)
    tint = float(np.median((near[:, 0] - near[:, 2]) / (near.sum(1) + 1)))
    tones = np.asarray(GROUNDS, np.float32).mean(1)
    tints = (tones[:, 0] - tones[:, 2]) / tones.sum(1)
    return int(np.argmin(np.abs(tints - tint)))


def whiten(
    pixels: NDArray[np.uint8], classes: NDArray[np.uint8], camera: Camera, ground: int
) -> NDArray[np.uint8]:
    """Tell white surfaces from grey ground, now that the fog over every pixel of the ground is known.

    A white side in half shade differs from grey ground by less than the noise of one pixel, so means of
    3 x 3 pixels are compared, with the two tones of the ground under that much fog.
    """
    horizon = np.asarray(HORIZON, np.float32)
    tones = np.asarray(GROUNDS[ground], np.float32)
    lit = _lit(pixels[0], classes[0], camera, tones)
    out = classes.copy()
    out[classes == WHITE] = GROUND
    white = np.asarray(COLOURS["white"], np.float32)
    for t, frame in enumerate(pixels):
        smooth = _blur(frame)
        red, green, blue = (smooth[..., i] for i in range(3))
        unsure = (classes[t] == WHITE) | (classes[t] == GROUND)
        unsure &= (np.abs(red - green) < 8 * 9) & (np.abs(red - blue) < 12 * 9) & (green > 80 * 9)
        fog = _fog(camera, t)
        unsure &= fog < FARTHEST_FOG
        seen = smooth[unsure] / np.float32(9)
        fog = fog[unsure][:, None]
        as_ground = _distance(seen, *(tone * lit * (1 - fog) + horizon * fog for tone in tones))
        as_white = np.full(len(seen), np.inf, np.float32)
        for haze in (0.0, 0.06, 0.12):
            clear, fogged = white * (1 - haze), horizon * haze
            distance = _distance(seen, clear * AMBIENT + fogged, clear * BRIGHTEST + fogged)
            as_white = np.where(haze <= fog[:, 0] + 0.01, np.minimum(as_white, distance), as_white)
        found = np.zeros(unsure.shape, bool)
        found[unsure] = as_white + MARGIN < as_ground
        out[t][_closed(_opened(found)) & (out[t] == GROUND)] = WHITE
    return out


def _lit(frame: NDArray[np.uint8], classes: NDArray[np.uint8], camera: Camera, tones: Floats) -> float:
    """The brightness of unshaded ground, as a factor on its tones."""
    fog = _fog(camera, 0)
    near = (classes == GROUND) & (fog < 0.12)
    if not near.any():
        return 0.9
    light = (frame[near].mean(-1) - np.mean(HORIZON) * fog[near]) / (1 - fog[near]) / tones.mean()
    light = light[light > 0.6]
    return float(np.clip(light.mean(), 0.8, 1.0)) if len(light) else 0.9


def _fog(camera: Camera, frame: int) -> Floats:
    """The share of fog in the ground seen at each pixel [h, w]; 1 above the horizon."""
    return np.asarray(1 - np.exp(-camera.reach2(frame) / FOG_M**2), np.float32)


def _blur(frame: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Sums of 3 x 3 pixels."""
    padded = np.pad(frame, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.int16)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without what is thinner than five pixels: the boundaries of shadows, where two tones mix to a third."""
    return _spread(~_spread(~mask))


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With the bands filled in where a round white side is exactly as bright as the ground."""
    return ~_spread(~_spread(mask))


def _spread(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    for _ in range(2):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        mask = grown.copy()
        mask[:, 1:] |= grown[:, :-1]
        mask[:, :-1] |= grown[:, 1:]
    return mask


def _distance(points: Floats, start: Floats, end: Floats) -> Floats:
    """Of points [n, 3] from the segment between colours."""
    along = end - start
    offset = points - start
    t = np.clip((offset * along).sum(-1) / (along * along).sum(-1), 0, 1)[:, None]
    return np.asarray(np.sqrt(((offset - t * along) ** 2).sum(-1)), np.float32)
