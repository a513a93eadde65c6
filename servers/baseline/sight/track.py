"""Blobs of all frames -> tracks: one object each, followed over the ground."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.blobs import Blob
from sightbench.servers.baseline.sight.camera import Camera
from sightbench.servers.baseline.sight.palette import SHAPES
from sightbench.servers.baseline.sight.shapes import fit_shapes
from sightbench.servers.baseline.sight.solids import Stand, stand

Floats = NDArray[np.float64]

LONGEST_STEP_M = 1.5
"""How far an object may be from where it was last seen and still be the same."""
LOOKS = 3
"""Frames in which the shape of an object is examined."""


@dataclass(frozen=True, slots=True)
class Track:
    """`blobs` by frame; `fits` [3] is how well each of SHAPES fitted, summed over the frames examined."""

    kind: int
    blobs: dict[int, Blob]
    fits: Floats
    shape: str = ""

    @property
    def area(self) -> int:
        return sum(blob.area for blob in self.blobs.values())


def follow(camera: Camera, frames: list[list[Blob]], labels: list[NDArray[np.int32]]) -> list[Track]:
    """The objects of a video: of each colour at most one of each shape."""
    tracks = []
    for kind in sorted({blob.kind for blobs in frames for blob in blobs}):
        chains = _chains(camera, [[b for b in blobs if b.kind == kind] for blobs in frames])
        alike = [Track(kind, chain, _examine(camera, chain, labels)) for chain in chains]
        tracks += _distinct([t for t in alike if len(t.blobs) > 1 or len(frames) < 3])
    return tracks


def _chains(camera: Camera, frames: list[list[Blob]]) -> list[dict[int, Blob]]:
    chains: list[dict[int, Blob]] = []
    last: list[tuple[Floats, float]] = []
    for t, blobs in enumerate(frames):
        found = [_place(camera, blob) for blob in blobs]
        pairs = sorted(
            (cost, i, j)
            for i, (place, size) in enumerate(last)
            for j, (here, area) in enumerate(found)
            if (cost := float(np.hypot(*(place - here))) + 0.3 * abs(np.log(size / area))) < LONGEST_STEP_M
        )
        taken: set[int] = set()
        busy: set[int] = set()
        for _, i, j in pairs:
            if i not in busy and j not in taken:
                busy.add(i)
                taken.add(j)
                chains[i][t] = blobs[j]
                last[i] = found[j]
        for j, blob in enumerate(blobs):
            if j not in taken:
                chains.append({t: blob})
                last.append(found[j])
    return chains


def _place(camera: Camera, blob: Blob) -> tuple[Floats, float]:
    """Roughly where on the ground (its shape is not known yet), and how large."""
    at = stand(camera, blob, "cylinder")
    if at is not None:
        return camera.world(blob.frame, at.local), float(blob.area)
    column = np.array((blob.box.left + blob.box.right) / 2)
    place = camera.ground(blob.frame, column, np.array(float(blob.box.bottom)))
    return np.nan_to_num(place, nan=50.0), float(blob.area)


def _examine(camera: Camera, chain: dict[int, Blob], labels: list[NDArray[np.int32]]) -> Floats:
    best = sorted(chain.values(), key=lambda b: (not b.whole, -b.area))[:LOOKS]
    return np.asarray(sum((fit_shapes(camera, blob, labels[blob.frame]) for blob in best), np.zeros(3)))


def _distinct(alike: list[Track]) -> list[Track]:
    """Give tracks of one colour their shapes: joined where they are one object that was out of sight."""
    joined: list[Track] = []
    for track in sorted(alike, key=lambda t: -t.area):
        for i, other in enumerate(joined):
            same = int(np.argmax(track.fits)) == int(np.argmax(other.fits)) or not track.fits.any()
            if same and not track.blobs.keys() & other.blobs.keys():
                joined[i] = replace(other, blobs={**other.blobs, **track.blobs}, fits=other.fits + track.fits)
                break
        else:
            joined.append(track)
    joined = joined[: len(SHAPES)]
    choices = permutations(range(len(SHAPES)), len(joined))
    best = max(
        choices,
        key=lambda c: sum(t.fits[s] / max(t.fits.max(), 1e-6) for t, s in zip(joined, c, strict=True)),
    )
    return [replace(t, shape=SHAPES[s]) for t, s in zip(joined, best, strict=True)]


def stands(camera: Camera, track: Track) -> tuple[float, dict[int, Stand]]:
    """The radius of a track's object, and where it stands in the frames that show enough of it."""
    free = {t: stand(camera, blob, track.shape) for t, blob in track.blobs.items()}
    radii = [
        (s.radius, s.weight * (2 if track.blobs[t].whole else 1)) for t, s in free.items() if s is not None
    ]
    radius = _weighted_median(radii) if radii else 0.55
    radius = float(np.clip(radius, 0.3, 0.9))
    found = {t: stand(camera, blob, track.shape, radius) for t, blob in track.blobs.items()}
    return radius, {t: s for t, s in found.items() if s is not None}


def _weighted_median(values: list[tuple[float, float]]) -> float:
    values = sorted(values)
    total = np.cumsum([weight for _, weight in values])
    return values[int(np.searchsorted(total, total[-1] / 2))][0]
