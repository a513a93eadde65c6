"""What the gateway asks of whatever draws masks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.masks.frame_store import Pictures


@dataclass(slots=True)
class Turn:
    """One drawing: `cancelled` is set when nobody waits for it any more, `began` is when it was begun."""

    began: float
    cancelled: threading.Event = field(default_factory=threading.Event)


class DrawMasks(Protocol):
    """(frames, states, normed, (h, w), turn) -> RLE counts [object][frame]; called in a thread."""

    def __call__(
        self,
        images: Pictures,
        states: NDArray[np.float32],
        normed: bool,
        size: tuple[int, int],
        turn: Turn,
    ) -> list[list[str]]: ...
