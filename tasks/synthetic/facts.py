"""What is true in a video, as numbers: all that the questions ask about, and nothing else.

The truth about a video played backwards or seen in a mirror follows from that of the video, so the answers
to its twins are computed by the same functions as its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightbench.tasks.synthetic.knobs import Knobs
from sightbench.tasks.synthetic.render import Frame, focal
from sightbench.tasks.synthetic.scene import Floats, Scene, Thing

CLEAR_PIXELS = 80 / (320 * 240)
CLEAR_SHARE = 0.3
BACKWARDS = {
    "turn left": "turn right",
    "turn right": "turn left",
    "move left": "move right",
    "move right": "move left",
    "move forward": "move backward",
    "move backward": "move forward",
    "move up": "move down",
    "move down": "move up",
    "static": "static",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """T frames, N objects. Lengths in metres, image lengths in pixels, areas in pixels.

    `position` (T, N, 2) on the ground; `camera` (T, 3); `heading` (T,) radians to the right; `distance`
    (T, N) from the camera to the objects' centres; `column` (T, N) centroid of the visible pixels (nan where
    there are none); `outline` (T, N) and `hides` (T, N, N) as in Frame, per frame; `visible` (T, N);
    `seen` (T, N): at least 80 of 76,800 pixels and 30 % of the outline are visible; `mat_area` (T,) visible
    pixels of the mat.
    `on_mat` (T, N): 1 the base's centre is well inside the mat, -1 the base does not touch it, 0 neither.
    """

    things: tuple[Thing, ...]
    knobs: Knobs
    movement: str
    pitch: float
    position: Floats
    camera: Floats
    heading: Floats
    distance: Floats
    column: Floats
    outline: NDArray[np.int64]
    visible: NDArray[np.int64]
    seen: NDArray[np.bool_]
    hides: NDArray[np.int64]
    mat_area: NDArray[np.int64]
    on_mat: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(thing.name for thing in self.things)

    @property
    def pixels(self) -> int:
        return self.knobs.size[0] * self.knobs.size[1]

    @property
    def travelled(self) -> Floats:
        """(N,) metres over the ground between the first and the last frame; exactly 0 for what stands."""
        moves = np.array([thing.moves for thing in self.things])
        return np.where(moves, np.linalg.norm(self.position[-1] - self.position[0], axis=1), 0.0)

    def reversed(self) -> Facts:
        """The truth about the same frames in reverse order."""
        flipped = {
            name: getattr(self, name)[::-1]
            for name in (
                "position",
                "camera",
                "heading",
                "distance",
                "column",
                "outline",
                "visible",
                "seen",
                "hides",
                "mat_area",
                "on_mat",
            )
        }
        schedules = {"first half": "second half", "second half": "first half", "whole": "whole"}
        things = tuple(
            replace(
                thing,
                start=(thing.start[0] + thing.travel[0], thing.start[1] + thing.travel[1]),
                travel=(-thing.travel[0], -thing.travel[1]),
                schedule=schedules[thing.schedule],
            )
            if thing.moves
            else thing
            for thing in self.things
        )
        return replace(self, things=things, movement=BACKWARDS[self.movement], **flipped)

    def mirrored(self) -> Facts:
        """The truth about the same frames with left and right exchanged."""
        aside = self.movement.endswith(("left", "right"))
        things = tuple(
            replace(
                thing,
                yaw=-thing.yaw,
                start=(-thing.start[0], thing.start[1]),
                travel=(-thing.travel[0] if thing.moves else 0.0, thing.travel[1]),
            )
            for thing in self.things
        )
        return replace(
            self,
            things=things,
            movement=BACKWARDS[self.movement] if aside else self.movement,
            position=self.position * (-1, 1),
            camera=self.camera * (-1, 1, 1),
            heading=-self.heading,
            column=self.knobs.size[0] - 1 - self.column,
        )


def observe(scene: Scene, knobs: Knobs, frames: Sequence[Frame]) -> Facts:
    """The facts of a rendered scene."""
    position = scene.paths()
    heights = np.array([thing.height / 2 for thing in scene.things])
    centre = np.concatenate([position, np.broadcast_to(heights[:, None], (*position.shape[:2], 1))], axis=2)
    outline = np.stack([frame.outline for frame in frames])
    hides = np.stack([frame.hides for frame in frames])
    visible = outline - hides.sum(axis=1)
    return Facts(
        things=scene.things,
        knobs=knobs,
        movement=scene.movement,
        pitch=scene.pitch,
        position=position,
        camera=scene.camera,
        heading=scene.heading,
        distance=np.linalg.norm(centre - scene.camera[:, None], axis=2),
        column=np.stack([_columns(frame.ids, len(scene.things)) for frame in frames]),
        outline=outline,
        visible=visible,
        seen=(visible >= CLEAR_PIXELS * knobs.size[0] * knobs.size[1]) & (visible >= CLEAR_SHARE * outline),
        hides=hides,
        mat_area=np.array([frame.mat for frame in frames], np.int64),
        on_mat=_on_mat(scene, position),
    )


def _columns(ids: NDArray[np.int16], count: int) -> Floats:
    places = np.flatnonzero(ids)
    shown = ids.ravel()[places]
    area = np.bincount(shown, minlength=count + 1)[1:]
    total = np.bincount(shown, weights=places % ids.shape[1], minlength=count + 1)[1:]
    with np.errstate(invalid="ignore"):
        return np.asarray(total / area)


def _on_mat(scene: Scene, position: Floats) -> NDArray[np.int64]:
    mat = scene.mat
    offset = position - np.asarray(mat.centre)
    sine, cosine = np.sin(mat.angle), np.cos(mat.angle)
    along = np.abs(offset[..., 0] * cosine + offset[..., 1] * sine)
    beside = np.abs(offset[..., 1] * cosine - offset[..., 0] * sine)
    outside = np.maximum(along - mat.half[0], beside - mat.half[1])
    reach = np.array([thing.footprint for thing in scene.things])
    return np.where(outside < -0.25, 1, np.where(outside > reach + 0.15, -1, 0))


def describe(facts: Facts) -> dict[str, Any]:
    """The poses of a video as JSON: camera matrices in the OpenCV convention, objects frame by frame."""
    width, height = facts.knobs.size
    f = focal(facts.knobs.size)
    sine, cosine = np.sin(facts.pitch), np.cos(facts.pitch)
    rotations = [
        [
            [np.cos(h), -np.sin(h), 0.0],
            [-sine * np.sin(h), -sine * np.cos(h), -cosine],
            [cosine * np.sin(h), cosine * np.cos(h), -sine],
        ]
        for h in facts.heading
    ]
    return {
        "camera": {
            "movement": facts.movement,
            "intrinsics": [[f, 0.0, width / 2], [0.0, f, height / 2], [0.0, 0.0, 1.0]],
            "position": _rounded(facts.camera),
            "world_to_camera": _rounded(np.asarray(rotations)),
        },
        "objects": [
            {
                "id": k + 1,
                "colour": thing.colour,
                "shape": thing.shape,
                "radius": round(thing.radius, 6),
                "yaw": round(thing.yaw, 6),
                "position": _rounded(
                    np.concatenate(
                        [facts.position[:, k], np.full((len(facts.position), 1), thing.height / 2)], axis=1
                    )
                ),
                "visible_pixels": facts.visible[:, k].tolist(),
                "outline_pixels": facts.outline[:, k].tolist(),
            }
            for k, thing in enumerate(facts.things)
        ],
    }


def _rounded(values: Floats) -> Any:
    return (np.round(values, 6) + 0.0).tolist()
