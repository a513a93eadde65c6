"""What is in a video: objects and their paths, the mat, the light, the camera and its movement.

World: metres, ground at z = 0, x right, y away from the camera, z up. All of a scene follows from
(seed, index, knobs), and what is asked of the set as a whole (how often the camera turns left, ...) goes
through fixed cycles, so that answers are balanced before any question is picked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sightbench.errors import UsageError
from sightbench.tasks.synthetic.knobs import Knobs

Floats = NDArray[np.float64]
T = TypeVar("T")

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
SHAPES = ("sphere", "box", "cylinder")
GROUNDS = (
    ((148, 144, 138), (122, 118, 113)),
    ((176, 150, 120), (150, 126, 99)),
    ((114, 122, 127), (92, 100, 105)),
)
MOVEMENTS = (
    "turn left",
    "turn right",
    "move left",
    "move right",
    "move forward",
    "move backward",
    "move up",
    "move down",
)
CAMERAS = (*MOVEMENTS, "static", "static")
MAT_PLANS = ("elsewhere", "under a still object", "at the end of a path", "at the start of a path")
NEAR, FAR, AZIMUTH = 4.3, 12.5, math.radians(25)
GAP = 0.2
ATTEMPTS = 400


@dataclass(frozen=True, slots=True)
class Thing:
    """One object. `start` and `travel` are on the ground; `schedule` says when it covers `travel`.

    `radius` is r of docs/synthetic.md; `half` (width) and `height` follow from it and the shape.
    """

    colour: str
    shape: str
    radius: float
    yaw: float
    start: tuple[float, float]
    travel: tuple[float, float] = (0.0, 0.0)
    schedule: str = "whole"

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def half(self) -> float:
        return self.radius * {"sphere": 1.0, "box": 0.8, "cylinder": 0.85}[self.shape]

    @property
    def height(self) -> float:
        return self.radius * {"sphere": 2.0, "box": 1.6, "cylinder": 1.8}[self.shape]

    @property
    def footprint(self) -> float:
        """Radius of the circle around the base."""
        return self.half * (math.sqrt(2) if self.shape == "box" else 1.0)

    @property
    def moves(self) -> bool:
        return self.travel != (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Mat:
    """A rectangle on the ground: centre, half sides, and its angle against the x axis (radians)."""

    centre: tuple[float, float]
    half: tuple[float, float]
    angle: float


@dataclass(frozen=True, slots=True)
class Scene:
    """`camera` is (frames, 3) metres, `heading` (frames,) radians to the right of y; `light` points to it."""

    things: tuple[Thing, ...]
    mat: Mat
    ground: int
    light: tuple[float, float, float]
    movement: str
    camera: Floats
    heading: Floats
    pitch: float
    noise: int

    def paths(self) -> Floats:
        """Ground positions of the objects, (frames, objects, 2) metres."""
        time = np.linspace(0.0, 1.0, len(self.camera))
        return np.stack([_path(thing, time) for thing in self.things], axis=1)


def make_scene(seed: int, index: int, knobs: Knobs) -> Scene:
    """The scene number `index` of `seed`; the same for the same arguments, whatever else is rendered.

    UsageError if so many objects cannot be placed without touching.
    """
    count = _cycle(seed, 1, index, range(knobs.objects[0], knobs.objects[1] + 1))
    movers = min(count, _cycle(seed, 2, index, range(knobs.movers[0], knobs.movers[1] + 1)))
    movement = _cycle(seed, 3, index, CAMERAS) if knobs.camera_speed > 0 else "static"
    plan = _cycle(seed, 4, index, MAT_PLANS)
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, index, attempt])
        things = _place(rng, count, movers, knobs)
        if things is not None:
            break
    else:
        raise UsageError(
            f"synthetic benchmark: {count} objects with {movers} of them moving found no place in scene "
            f"{index}; ask for fewer objects, fewer movers or less motion"
        )
    camera, heading = _camera(rng, movement, knobs)
    azimuth, elevation = math.radians(rng.uniform(100, 260)), math.radians(rng.uniform(45, 65))
    return Scene(
        things=things,
        mat=_mat(rng, plan, things),
        ground=int(rng.integers(len(GROUNDS))),
        light=(
            math.cos(elevation) * math.sin(azimuth),
            math.cos(elevation) * math.cos(azimuth),
            math.sin(elevation),
        ),
        movement=movement,
        camera=camera,
        heading=heading,
        pitch=math.radians(rng.uniform(14, 18)),
        noise=int(rng.integers(1 << 30)),
    )


def _cycle(seed: int, purpose: int, index: int, values: Sequence[T]) -> T:
    """Every value once in each block of len(values) scenes, in an order drawn per block."""
    block, place = divmod(index, len(values))
    return values[int(np.random.default_rng([seed, purpose, block, 99]).permutation(len(values))[place])]


def _path(thing: Thing, time: Floats) -> Floats:
    done = {"whole": time, "first half": np.clip(2 * time, 0, 1), "second half": np.clip(2 * time - 1, 0, 1)}
    path: Floats = np.asarray(thing.start) + done[thing.schedule][:, None] * np.asarray(thing.travel)
    return path


def _identities(rng: np.random.Generator, count: int, look_alikes: float) -> list[tuple[str, str]]:
    """Distinct (colour, shape) pairs in random order: which object gets which says nothing about its role."""
    shares = rng.dirichlet((1.0, 1.0, 1.0))
    chosen: list[tuple[str, str]] = []
    for _ in range(count):
        used = {colour for colour, _ in chosen}
        free = [(colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in chosen]
        alike, shape = rng.random() < look_alikes, SHAPES[int(rng.choice(3, p=shares))]
        free = [pair for pair in free if (pair[0] in used) == alike] or free
        free = [pair for pair in free if pair[1] == shape] or free
        chosen.append(free[int(rng.integers(len(free)))])
    return [chosen[i] for i in rng.permutation(count)]


def _place(rng: np.random.Generator, count: int, movers: int, knobs: Knobs) -> tuple[Thing, ...] | None:
    time = np.linspace(0.0, 1.0, knobs.frames)
    placed: list[Thing] = []
    paths: list[Floats] = []
    identities = _identities(rng, count, knobs.look_alikes)
    for k, (colour, shape) in enumerate(identities):
        hidden = bool(placed) and rng.random() < knobs.occlusion
        best = None
        for _ in range(24):
            radius, yaw = float(rng.uniform(0.42, 0.68)), float(rng.uniform(0, math.pi / 2))
            spot = _behind(rng, placed) if hidden else _spot(rng)
            travel, schedule = (0.0, 0.0), "whole"
            if k < movers:
                travel, schedule = _travel(rng, knobs)
            start = (spot[0] - travel[0] / 2, spot[1] - travel[1] / 2)
            thing = Thing(colour, shape, radius, yaw, start, travel, schedule)
            path = _path(thing, time)
            if not _inside(path) or not _apart(thing, path, placed, paths):
                continue
            overlap = 0.0 if hidden else _overlap(thing, path, placed, paths)
            if best is None or overlap < best[0]:
                best = (overlap, thing, path)
            if overlap == 0:
                break
        if best is None:
            return None
        placed.append(best[1])
        paths.append(best[2])
    return tuple(placed[i] for i in rng.permutation(count))


def _spot(rng: np.random.Generator) -> tuple[float, float]:
    distance, azimuth = rng.uniform(NEAR, FAR), rng.uniform(-AZIMUTH, AZIMUTH)
    return float(distance * math.sin(azimuth)), float(distance * math.cos(azimuth))


def _behind(rng: np.random.Generator, placed: list[Thing]) -> tuple[float, float]:
    front = placed[int(rng.integers(len(placed)))]
    x, y = front.start[0] + front.travel[0] / 2, front.start[1] + front.travel[1] / 2
    distance, azimuth = math.hypot(x, y), math.atan2(x, y)
    azimuth += rng.choice((-1, 1)) * rng.uniform(0.4, 1.1) * front.radius / distance
    distance += rng.uniform(1.3, 3.0)
    return float(distance * math.sin(azimuth)), float(distance * math.cos(azimuth))


def _travel(rng: np.random.Generator, knobs: Knobs) -> tuple[tuple[float, float], str]:
    length = (rng.uniform(1.0, 1.4) if rng.random() < 0.5 else rng.uniform(1.8, 2.8)) * knobs.motion
    angle = math.radians(90 * rng.integers(4) + rng.uniform(-40, 40))
    schedule = ("whole", "whole", "first half", "second half")[int(rng.integers(4))]
    if knobs.frames < 6:
        schedule = "whole"
    return (float(length * math.cos(angle)), float(length * math.sin(angle))), schedule


def _inside(path: Floats) -> bool:
    distance = np.hypot(path[:, 0], path[:, 1])
    azimuth = np.arctan2(path[:, 0], path[:, 1])
    return bool(distance.min() > 4.0 and distance.max() < 14.0 and np.abs(azimuth).max() < math.radians(27))


def _apart(thing: Thing, path: Floats, placed: list[Thing], paths: list[Floats]) -> bool:
    return all(
        np.hypot(*(path - other).T).min() > thing.footprint + neighbour.footprint + GAP
        for neighbour, other in zip(placed, paths, strict=True)
    )


def _overlap(thing: Thing, path: Floats, placed: list[Thing], paths: list[Floats]) -> float:
    """By how many radians its outline overlaps others' at the worst time, from the middle of the camera."""
    worst = 0.0
    for neighbour, other in zip(placed, paths, strict=True):
        apart = np.abs(np.arctan2(path[:, 0], path[:, 1]) - np.arctan2(other[:, 0], other[:, 1]))
        widths = thing.radius / np.hypot(*path.T) + neighbour.radius / np.hypot(*other.T)
        worst = max(worst, float((widths - apart).max()))
    return worst


def _camera(rng: np.random.Generator, movement: str, knobs: Knobs) -> tuple[Floats, Floats]:
    course = np.linspace(-0.5, 0.5, knobs.frames) * knobs.camera_speed
    camera = np.zeros((knobs.frames, 3))
    camera[:, 2] = rng.uniform(2.2, 2.8)
    heading = np.zeros(knobs.frames)
    turn, aside = math.radians(rng.uniform(12, 20)), rng.uniform(1.3, 2.0)
    along, rise = rng.uniform(1.4, 2.2), rng.uniform(0.8, 1.2)
    axis, signed = {
        "turn left": (None, -turn),
        "turn right": (None, turn),
        "move left": (0, -aside),
        "move right": (0, aside),
        "move forward": (1, along),
        "move backward": (1, -along),
        "move up": (2, rise),
        "move down": (2, -rise),
        "static": (0, 0.0),
    }[movement]
    if axis is None:
        heading = course * signed
    else:
        camera[:, axis] += course * signed
    return camera, heading


def _mat(rng: np.random.Generator, plan: str, things: tuple[Thing, ...]) -> Mat:
    still = [thing for thing in things if not thing.moves]
    mover = max(things, key=lambda thing: math.hypot(*thing.travel))
    x, y = _spot(rng)
    if plan == "under a still object" and still:
        x, y = still[int(rng.integers(len(still)))].start
    elif plan.endswith("of a path") and mover.moves:
        # A little beyond the end, so that the other end lies well off the mat.
        beyond = 0.35 / math.hypot(*mover.travel)
        share = 1 + beyond if plan == "at the end of a path" else -beyond
        x, y = (at + share * way for at, way in zip(mover.start, mover.travel, strict=True))
    return Mat(
        centre=(float(x + rng.uniform(-0.15, 0.15)), float(y + rng.uniform(-0.15, 0.15))),
        half=(float(rng.uniform(0.8, 1.1)), float(rng.uniform(0.75, 1.0))),
        angle=float(rng.uniform(-0.5, 0.5)),
    )
