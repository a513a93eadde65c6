"""What the gateway asks of whatever draws masks, and what it gets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, slots=True)
class Frame:
    """An input frame: what identifies it (a digest of its bytes) and how to get its RGB pixels if needed."""

    key: bytes
    load: Callable[[], Image.Image]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One request for masks: [objects, hidden] states as a backend gives them (`normed`: through the final
    norm), the masks' (h, w), and whether nobody waits for them any more."""

    frames: Sequence[Frame]
    states: NDArray[np.float32]
    normed: bool
    size: tuple[int, int]
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Drawn:
    """RLE counts [object][frame], and the seconds it took to draw them (and what shared the passes), without
    waiting."""

    rles: list[list[str]]
    seconds: float


class Cancelled(Exception):
    """The client left while its masks were being drawn."""


DrawMasks = Callable[[Asked], Drawn]
"""Called in a thread. Raises Cancelled, and whatever drawing raises."""
