"""The difficulty of a synthetic set, and what each number means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sightbench.errors import UsageError

MAX_OBJECTS = 10


@dataclass(frozen=True, slots=True)
class Knobs:
    """How hard the scenes are. UsageError if a value cannot be rendered.

    `objects`, `movers`: inclusive ranges, every value equally often (never more movers than objects).
    `occlusion`: share of the objects placed on purpose partly behind another one.
    `motion`: factor on how far movers travel (1.0 to 2.8 m); `camera_speed`: factor on the camera's
    movement, 0 for a camera that stands still. `look_alikes`: share of the objects that get the colour of
    another object (and another shape). `size` is (width, height) in pixels.
    """

    frames: int = 8
    objects: tuple[int, int] = (3, 6)
    movers: tuple[int, int] = (0, 3)
    occlusion: float = 0.3
    motion: float = 1.0
    camera_speed: float = 1.0
    look_alikes: float = 0.25
    size: tuple[int, int] = (320, 240)
    twins: bool = False
    depth: bool = False

    def __post_init__(self) -> None:
        _within("frames", self.frames, 2, 1000)
        _range("objects", self.objects, 2, MAX_OBJECTS)
        _range("movers", self.movers, 0, self.objects[1])
        _within("occlusion", self.occlusion, 0, 1)
        _within("look-alikes", self.look_alikes, 0, 1)
        _within("motion", self.motion, 0.2, 3)
        _within("camera speed", self.camera_speed, 0, 2)
        for side in self.size:
            _within("size", side, 64, 4096)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"synthetic benchmark: {name} is {value}, it must lie between {low} and {high}")


def _range(name: str, value: tuple[int, int], low: int, high: int) -> None:
    if not low <= value[0] <= value[1] <= high:
        raise UsageError(
            f"synthetic benchmark: {name} is {value[0]}-{value[1]}, "
            f"it must be a range that lies between {low} and {high}"
        )
