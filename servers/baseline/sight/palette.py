"""What this baseline knows of the world it looks at, before it sees a pixel: docs/synthetic.md.

It knows names and colours of surfaces, the proportions of the three solids, the light, the fog and the
checkered ground, as a person who was told the rules would; nothing of any scene.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (200, 32, 32),
    "orange": (236, 122, 24),
    "yellow": (226, 200, 36),
    "green": (40, 150, 52),
    "cyan": (32, 184, 192),
    "blue": (36, 70, 204),
    "purple": (124, 44, 156),
    "white": (228, 228, 226),
}
WHITE = 1 + list(COLOURS).index("white")
SHAPES = ("sphere", "box", "cylinder")
GROUNDS = (
    ((148, 144, 138), (122, 118, 113)),
    ((176, 150, 120), (150, 126, 99)),
    ((114, 122, 127), (92, 100, 105)),
)
MAT = (88, 58, 46)
SKY_TOP = (146, 176, 214)
HORIZON = (200, 212, 226)
AMBIENT, BRIGHTEST = 0.42, 1.04
LIT = (0.42 + 0.62 * np.sin(np.radians(45)) + 0.42 + 0.62 * np.sin(np.radians(65))) / 2
CHECKER_M = 1.5
FOG_M = 40.0
FIELD_OF_VIEW = np.radians(60.0)

GROUND, MAT_CLASS = 0, len(COLOURS) + 1
"""Classes of a pixel: 0 ground or sky, 1..8 the colours in order, 9 the mat."""

_BITS = 6


def classify(pixels: NDArray[np.uint8], ground: int) -> NDArray[np.uint8]:
    """The class of every pixel of [..., 3] RGB, given which of the GROUNDS lies under the scene."""
    shift = 8 - _BITS
    r, g, b = ((pixels[..., i] >> shift).astype(np.int32) for i in range(3))
    return np.asarray(_table(ground)[(r << 2 * _BITS) | (g << _BITS) | b])


@cache
def _table(ground: int) -> NDArray[np.uint8]:
    """The class of every colour at 6 bits a channel: that of the nearest segment in RGB."""
    step = 1 << (8 - _BITS)
    levels = np.arange(1 << _BITS, dtype=np.float32) * step + (step - 1) / 2
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    best = np.full(len(cube), np.inf, np.float32)
    table = np.zeros(len(cube), np.uint8)
    for kind, start, end in _segments(ground):
        along = end - start
        length = float(along @ along)
        projected = cube @ along - float(start @ along)
        t = np.clip(projected / length, 0, 1)
        distance = cube @ (-2 * start) + float(start @ start) + t * (t * length - 2 * projected)
        nearer = distance < best
        best[nearer] = distance[nearer]
        table[nearer] = kind
    return table


def _segments(ground: int) -> list[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """(class, start, end): a surface from shade to light at some depths in fog; ground from near to far."""
    horizon = np.asarray(HORIZON, np.float32)

    def seen(colour: tuple[int, int, int], shade: float, fog: float) -> NDArray[np.float32]:
        return np.asarray(np.asarray(colour, np.float32) * shade * (1 - fog) + horizon * fog, np.float32)

    found = [(GROUND, np.asarray(SKY_TOP, np.float32), horizon)]
    for tone in GROUNDS[ground]:
        for shade in (AMBIENT, LIT - 0.04, LIT + 0.04):
            found.append((GROUND, seen(tone, shade, 0), seen(tone, shade, 0.98)))
    for shade in (AMBIENT, LIT - 0.04, LIT + 0.04):
        found.append((MAT_CLASS, seen(MAT, shade, 0), seen(MAT, shade, 0.12)))
    for kind, colour in enumerate(COLOURS.values(), start=1):
        for fog in (0.0, 0.04, 0.08, 0.12):
            found.append((kind, seen(colour, AMBIENT, fog), seen(colour, BRIGHTEST, fog)))
        bright = seen(colour, BRIGHTEST, 0)
        found.append((kind, bright, bright + 0.4 * (255 - bright)))
    return found
