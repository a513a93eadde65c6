"""Frames -> the Scene they show: the camera's movement, the objects and their paths, the mat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.frames import LookedAt
from sightbench.servers.baseline.sight.blobs import find_blobs
from sightbench.servers.baseline.sight.camera import Camera, locate
from sightbench.servers.baseline.sight.mat import Mat, find_mat
from sightbench.servers.baseline.sight.palette import COLOURS, GROUND, classify
from sightbench.servers.baseline.sight.paths import Course, fit_path
from sightbench.servers.baseline.sight.segment import ground_kind, whiten
from sightbench.servers.baseline.sight.solids import TALL
from sightbench.servers.baseline.sight.track import follow, stands

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Thing:
    """One object. `column` and `area` are [T]: its centroid (NaN where unseen) and its pixels."""

    colour: str
    shape: str
    radius: float
    path: Course
    column: Floats
    area: NDArray[np.int64]

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def moves(self) -> bool:
        return self.path.when != "never"

    @property
    def tall(self) -> float:
        return TALL[self.shape] * self.radius


@dataclass(frozen=True, slots=True)
class Scene:
    """`labels` is [T, h, w] uint8, 1 + the index into `things`; `size` is (H, W) of the frames as sent."""

    size: tuple[int, int]
    camera: Camera
    things: tuple[Thing, ...]
    mat: Mat | None
    labels: NDArray[np.uint8]

    def distances(self, frame: int) -> Floats:
        """[N] metres from the camera to the centre of every object."""
        return np.array(
            [
                np.hypot(
                    np.hypot(*(thing.path.points[frame] - self.camera.position[frame])),
                    self.camera.height[frame] - thing.tall / 2,
                )
                for thing in self.things
            ]
        )


def perceive(frames: LookedAt) -> Scene:
    """Never raises on pixels, whatever they show; on real pictures there is little to find."""
    pixels = frames.pixels
    kind = ground_kind(pixels)
    classes = classify(pixels, kind)
    camera = locate(pixels, classes == GROUND)
    classes = whiten(pixels, classes, camera, kind)
    pieces = [find_blobs(t, shown) for t, shown in enumerate(classes)]
    labels = [found for found, _ in pieces]
    count = len(pixels)
    things: list[Thing] = []
    owners = np.zeros(pixels.shape[:3], np.uint8)
    for track in follow(camera, [blobs for _, blobs in pieces], labels):
        radius, places = stands(camera, track)
        if not places or len(things) == 255:
            continue
        seen = sorted(places)
        world = np.array([camera.world(t, places[t].local) for t in seen])
        weights = np.array([max(places[t].weight, 0.05) for t in seen])
        column = np.full(count, np.nan)
        area = np.zeros(count, np.int64)
        for t, blob in track.blobs.items():
            column[t], area[t] = blob.column, blob.area
            owners[t][np.isin(labels[t], blob.pieces)] = len(things) + 1
        colour = list(COLOURS)[track.kind - 1]
        path = fit_path(count, seen, world, weights)
        things.append(Thing(colour, track.shape, radius, path, column, area))
    return Scene(frames.size, camera, tuple(things), find_mat(camera, classes), owners)
