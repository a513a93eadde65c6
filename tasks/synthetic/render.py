"""Ray casting of one frame: pixels, object ids, depth, and who hides whom. numpy, float32, no sampling.

Everything is computed in the camera's own upright frame (x right, y away, z up, turned with the camera
about the vertical), where the rays of all frames of a video are the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightbench.tasks.synthetic.scene import COLOURS, GROUNDS, Mat, Scene, Thing

Array = NDArray[Any]
Bytes = NDArray[np.uint8]

FIELD_OF_VIEW = math.radians(60)
MAT_COLOUR = (88, 58, 46)
ZENITH, HORIZON = (146, 176, 214), (200, 212, 226)
FOG = 40.0
AMBIENT, DIFFUSE = 0.42, 0.62
CHECKER = 1.5
NOISE = 2.0
MAX_DEPTH = 65.535


@dataclass(frozen=True, slots=True)
class Frame:
    """One rendered frame of H x W pixels and N objects.

    `pixels` uint8 (H, W, 3); `ids` int16 (H, W), 0 where there is no object, else 1 + its index; `depth`
    float32 (H, W) metres along the optical axis, inf in the sky. `outline` int (N,): pixels of each object
    inside the image if nothing stood before it; `hides` int (N, N): pixels of object j's outline that show
    object i.
    `mat` int: visible pixels of the mat.
    """

    pixels: Bytes
    ids: NDArray[np.int16]
    depth: NDArray[np.float32]
    outline: NDArray[np.int64]
    hides: NDArray[np.int64]
    mat: int


def focal(size: tuple[int, int]) -> float:
    """Focal length in pixels for (width, height)."""
    return size[0] / 2 / math.tan(FIELD_OF_VIEW / 2)


@dataclass(frozen=True, slots=True)
class _Solid:
    """A thing in the camera's frame: centre of its volume, bounding radius, angle of its first side."""

    thing: Thing
    centre: tuple[float, float, float]
    bound: float
    yaw: float


@dataclass(frozen=True, slots=True)
class _Hit:
    """`solid` cast inside the window `at`: where it is met, and how far along the ray (= z-depth)."""

    solid: _Solid
    at: tuple[slice, slice]
    met: Array
    distance: Array


def render(scene: Scene, frame: int, size: tuple[int, int]) -> Frame:
    """Frame number `frame` of the scene at (width, height)."""
    width, height = size
    across, away, up = _rays(size, scene.pitch)
    solids = _solids(scene, frame)
    light = _turned(scene.light, float(scene.heading[frame]))
    eye = float(scene.camera[frame, 2])

    sky = int(np.searchsorted(-up[:, 0], 1e-3))
    depth = np.full((height, width), np.inf, np.float32)
    reach = (eye / -up[sky:]).astype(np.float32)
    depth[sky:] = reach
    canvas, on_mat = _ground(scene, frame, across, away[sky:], reach)
    _cast_shadows(canvas, solids, light, scene, sky, across, away, up, reach, eye, on_mat)
    image = np.empty((height, width, 3), np.float32)
    image[:sky] = _sky(sky)[:, None]
    image[sky:] = _fog(canvas, reach)

    ids = np.zeros((height, width), np.int16)
    hits = [_cast(solid, size, scene.pitch, across, away, up) for solid in solids]
    for k, hit in enumerate(hits, 1):
        nearer = hit.met & (hit.distance < depth[hit.at])
        depth[hit.at][nearer] = hit.distance[nearer]
        ids[hit.at][nearer] = k
    for k, hit in enumerate(hits, 1):
        _paint(image, ids, depth, k, hit, solids, light, across, away, up)

    count = len(hits)
    outline = np.array([hit.met.sum() for hit in hits], np.int64)
    hides = np.zeros((count, count), np.int64)
    for j, hit in enumerate(hits):
        hides[:, j] = np.bincount(ids[hit.at][hit.met], minlength=count + 1)[1:]
        hides[j, j] = 0
    visible_mat = int((on_mat & (ids[sky:] == 0)).sum())
    return Frame(_sensor(image, scene.noise + frame), ids, depth, outline, hides, visible_mat)


@lru_cache(maxsize=8)
def _grid(size: tuple[int, int]) -> tuple[Array, Array]:
    width, height = size
    u = (np.arange(width) + 0.5 - width / 2) / focal(size)
    v = (np.arange(height) + 0.5 - height / 2) / focal(size)
    return u.astype(np.float32)[None, :], v.astype(np.float32)[:, None]


def _rays(size: tuple[int, int], pitch: float) -> tuple[Array, Array, Array]:
    """Ray directions of unit z-depth: x (1, W), y (H, 1), z (H, 1)."""
    u, v = _grid(size)
    sine, cosine = np.float32(math.sin(pitch)), np.float32(math.cos(pitch))
    return u, cosine - v * sine, -sine - v * cosine


def _turned(vector: tuple[float, float, float], heading: float) -> tuple[float, float, float]:
    x, y, z = vector
    sine, cosine = math.sin(heading), math.cos(heading)
    return x * cosine - y * sine, x * sine + y * cosine, z


def _solids(scene: Scene, frame: int) -> list[_Solid]:
    camera, heading = scene.camera[frame], float(scene.heading[frame])
    solids = []
    for thing, (x, y) in zip(scene.things, scene.paths()[frame], strict=True):
        middle = thing.height / 2
        centre = _turned((x - camera[0], y - camera[1], middle - camera[2]), heading)
        bound = thing.radius if thing.shape == "sphere" else math.hypot(thing.footprint, middle)
        solids.append(_Solid(thing, centre, bound, thing.yaw + heading))
    return solids


def _sky(rows: int) -> Array:
    blend = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    return np.asarray(ZENITH, np.float32) * (1 - blend) + np.asarray(HORIZON, np.float32) * blend


def _ground(scene: Scene, frame: int, across: Array, away: Array, reach: Array) -> tuple[Array, Array]:
    """Lit colour of the ground below the horizon (h, W, 3), and where it is the mat (h, W).

    The checker is a product of sines cut off sharply near by and softly far away, so it never flickers.
    """
    camera, heading = scene.camera[frame], float(scene.heading[frame])
    sine, cosine = np.float32(math.sin(heading)), np.float32(math.cos(heading))
    x, y = reach * across, reach * away
    east = x * cosine + (y * sine + np.float32(camera[0]))
    north = (y * cosine + np.float32(camera[1])) - x * sine
    wave = np.sin(east * np.float32(math.pi / CHECKER)) * np.sin(north * np.float32(math.pi / CHECKER))
    eye = float(camera[2])
    footprint = reach * reach / np.float32(focal((across.shape[1], 0)) * eye)
    tone = np.clip(wave * (CHECKER / (2 * footprint)), -1, 1)
    light, dark = (np.asarray(colour, np.float32) for colour in GROUNDS[scene.ground])
    brightness = np.float32(AMBIENT + DIFFUSE * scene.light[2])
    canvas = tone[..., None] * ((light - dark) * (brightness / 2)) + (light + dark) * (brightness / 2)
    on_mat = _in_mat(scene.mat, east, north)
    canvas[on_mat] = np.asarray(MAT_COLOUR, np.float32) * brightness
    return canvas, on_mat


def _in_mat(mat: Mat, east: Array, north: Array) -> Array:
    sine, cosine = np.float32(math.sin(mat.angle)), np.float32(math.cos(mat.angle))
    dx, dy = east - np.float32(mat.centre[0]), north - np.float32(mat.centre[1])
    inside: Array = (np.abs(dx * cosine + dy * sine) < mat.half[0]) & (
        np.abs(dy * cosine - dx * sine) < mat.half[1]
    )
    return inside


def _fog(colour: Array, distance: Array) -> Array:
    share = 1 - np.exp(-np.square(distance / np.float32(FOG)))[..., None]
    fogged: Array = colour + (np.asarray(HORIZON, np.float32) - colour) * share
    return fogged


def _window(points: Array, size: tuple[int, int], pitch: float) -> tuple[slice, slice]:
    """The pixels that the projections of `points` (N, 3) span; all of them if one is beside the camera."""
    width, height = size
    sine, cosine = math.sin(pitch), math.cos(pitch)
    z = points[:, 1] * cosine - points[:, 2] * sine
    if z.min() < 0.2:
        return slice(0, height), slice(0, width)
    u = points[:, 0] / z * focal(size) + width / 2
    v = -(points[:, 1] * sine + points[:, 2] * cosine) / z * focal(size) + height / 2
    left, right = max(0, int(u.min()) - 1), min(width, int(u.max()) + 2)
    top, bottom = max(0, int(v.min()) - 1), min(height, int(v.max()) + 2)
    return slice(top, max(top, bottom)), slice(left, max(left, right))


_CUBE = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_SQUARE = np.array([(x, y, 0) for x in (-1, 1) for y in (-1, 1)], float)


def _cast(solid: _Solid, size: tuple[int, int], pitch: float, across: Array, away: Array, up: Array) -> _Hit:
    thing = solid.thing
    reach = np.array([thing.footprint, thing.footprint, thing.height / 2])
    at = _window(np.asarray(solid.centre) + _CUBE * reach, size, pitch)
    rows, columns = at
    start = tuple(-c for c in solid.centre)
    met, distance = _meet(solid, start, (across[:, columns], away[rows], up[rows]))
    return _Hit(solid, at, met, distance)


def _meet(solid: _Solid, start: tuple[Any, ...], ray: tuple[Any, ...]) -> tuple[Array, Array]:
    """Where rays from `start` (against the solid's centre) along `ray` enter the solid, and how far on.

    A ray that starts inside does not enter.
    """
    thing = solid.thing
    with np.errstate(divide="ignore", invalid="ignore"):
        if thing.shape == "box":
            return _meet_box(thing, *_spun(start, ray, -solid.yaw))
        if thing.shape == "sphere":
            a = ray[0] * ray[0] + (ray[1] * ray[1] + ray[2] * ray[2])
            b = ray[0] * start[0] + (ray[1] * start[1] + ray[2] * start[2])
            c = start[0] * start[0] + (start[1] * start[1] + start[2] * start[2]) - thing.radius**2
            root = b * b - a * c
            distance = (-b - np.sqrt(np.maximum(root, 0))) / a
            return (root > 0) & (distance > 0), distance
        return _meet_cylinder(thing, start, ray)


def _spun(
    start: tuple[Any, ...], ray: tuple[Any, ...], yaw: float
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    sine, cosine = np.float32(math.sin(yaw)), np.float32(math.cos(yaw))
    return (
        (start[0] * cosine - start[1] * sine, start[0] * sine + start[1] * cosine, start[2]),
        (ray[0] * cosine - ray[1] * sine, ray[0] * sine + ray[1] * cosine, ray[2]),
    )


def _meet_box(thing: Thing, start: tuple[Any, ...], ray: tuple[Any, ...]) -> tuple[Array, Array]:
    enter: Any = -np.inf
    leave: Any = np.inf
    for at, along, half in zip(start, ray, (thing.half, thing.half, thing.height / 2), strict=True):
        inverse = 1 / along
        low, high = (-half - at) * inverse, (half - at) * inverse
        enter, leave = np.maximum(enter, np.minimum(low, high)), np.minimum(leave, np.maximum(low, high))
    return (enter < leave) & (enter > 0), enter


def _meet_cylinder(thing: Thing, start: tuple[Any, ...], ray: tuple[Any, ...]) -> tuple[Array, Array]:
    top = thing.height / 2
    a = ray[0] * ray[0] + ray[1] * ray[1]
    b = ray[0] * start[0] + ray[1] * start[1]
    c = start[0] * start[0] + start[1] * start[1] - thing.half**2
    root = b * b - a * c
    spread = np.sqrt(np.maximum(root, 0))
    inverse = 1 / ray[2]
    low, high = (-top - start[2]) * inverse, (top - start[2]) * inverse
    enter = np.maximum((-b - spread) / a, np.minimum(low, high))
    leave = np.minimum((-b + spread) / a, np.maximum(low, high))
    return (root > 0) & (enter < leave) & (enter > 0), enter


def _cast_shadows(
    canvas: Array,
    solids: list[_Solid],
    light: tuple[float, float, float],
    scene: Scene,
    sky: int,
    across: Array,
    away: Array,
    up: Array,
    reach: Array,
    eye: float,
    on_mat: Array,
) -> None:
    """Take the direct light off the ground, in place, where a solid stands between it and the light."""
    size = (across.shape[1], away.shape[0])
    shade = np.float32(AMBIENT / (AMBIENT + DIFFUSE * scene.light[2]))
    shadow = np.zeros(canvas.shape[:2], bool)
    for solid in solids:
        centre = np.asarray(solid.centre)
        drop = (centre[2] + eye) / light[2]
        middle = centre - np.asarray(light) * drop
        slope = math.hypot(light[0], light[1]) / light[2]
        wide = solid.bound * (1 + slope)
        rows, columns = _window(middle + _SQUARE * wide, size, scene.pitch)
        rows = slice(max(rows.start, sky), max(rows.stop, sky))
        distance = reach[rows.start - sky : rows.stop - sky]
        start = (
            distance * across[:, columns] - np.float32(centre[0]),
            distance * away[rows] - np.float32(centre[1]),
            np.float32(-eye - centre[2]),
        )
        met, _ = _meet(solid, start, tuple(np.float32(part) for part in light))
        shadow[rows.start - sky : rows.stop - sky, columns] |= met
    canvas[shadow] *= shade


def _paint(
    image: Array,
    ids: Array,
    depth: Array,
    k: int,
    hit: _Hit,
    solids: list[_Solid],
    light: tuple[float, float, float],
    across: Array,
    away: Array,
    up: Array,
) -> None:
    rows, columns = np.nonzero(ids[hit.at] == k)
    if not len(rows):
        return
    rows, columns = rows + hit.at[0].start, columns + hit.at[1].start
    distance = depth[rows, columns]
    ray = (across[0, columns], away[rows, 0], up[rows, 0])
    point = tuple(distance * part for part in ray)
    normal = _normal(hit.solid, point)
    facing = normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]
    lit = np.maximum(facing, 0)
    for other in solids:
        if other is not hit.solid and _may_shade(other, hit.solid, light):
            start = tuple(p - np.float32(c) for p, c in zip(point, other.centre, strict=True))
            met, _ = _meet(other, start, tuple(np.float32(part) for part in light))
            lit[met] = 0
    colour = np.asarray(COLOURS[hit.solid.thing.colour], np.float32)
    shaded = colour * (np.float32(AMBIENT) + np.float32(DIFFUSE) * lit)[:, None]
    if hit.solid.thing.shape != "box":
        shaded += _highlight(ray, normal, facing, light, lit)[:, None]
    image[rows, columns] = _fog(shaded, distance)


def _normal(solid: _Solid, point: tuple[Any, ...]) -> tuple[Any, ...]:
    thing = solid.thing
    x, y, z = (p - np.float32(c) for p, c in zip(point, solid.centre, strict=True))
    if thing.shape == "sphere":
        return x / thing.radius, y / thing.radius, z / thing.radius
    if thing.shape == "cylinder":
        lid = z > thing.height / 2 - 1e-3 * thing.radius
        return np.where(lid, 0, x / thing.half), np.where(lid, 0, y / thing.half), lid.astype(np.float32)
    (x, y, z), _ = _spun((x, y, z), (x, y, z), -solid.yaw)
    shares = np.stack([x / thing.half, y / thing.half, z / (thing.height / 2)])
    face = np.abs(shares).argmax(axis=0)
    signs = np.sign(np.take_along_axis(shares, face[None], 0)[0])
    along, beside = np.where(face == 0, signs, 0), np.where(face == 1, signs, 0)
    sine, cosine = math.sin(solid.yaw), math.cos(solid.yaw)
    return along * cosine - beside * sine, beside * cosine + along * sine, np.where(face == 2, signs, 0)


def _may_shade(caster: _Solid, receiver: _Solid, light: tuple[float, float, float]) -> bool:
    gap = np.asarray(caster.centre) - np.asarray(receiver.centre)
    ahead = float(gap @ np.asarray(light))
    aside = float(np.linalg.norm(gap - ahead * np.asarray(light)))
    return ahead > 0 and aside < caster.bound + receiver.bound


def _highlight(
    ray: tuple[Any, ...],
    normal: tuple[Any, ...],
    facing: Array,
    light: tuple[float, float, float],
    lit: Array,
) -> Array:
    length = np.sqrt(ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2)
    mirrored = [2 * facing * n - part for n, part in zip(normal, light, strict=True)]
    seen = -(ray[0] * mirrored[0] + ray[1] * mirrored[1] + ray[2] * mirrored[2]) / length
    glint: Array = 70 * np.maximum(seen, 0) ** 24 * (lit > 0)
    return glint


@lru_cache(maxsize=4)
def _grain(size: tuple[int, int]) -> Array:
    width, height = size
    rng = np.random.default_rng(20)
    return rng.standard_normal((height + 64, width + 64, 3), np.float32) * np.float32(NOISE)


def _sensor(image: Array, key: int) -> Bytes:
    """Noise and rounding. One field of noise per size, shifted by `key`: drawing it anew takes 2 ms."""
    height, width = image.shape[:2]
    top, left = np.random.default_rng(key).integers(64, size=2)
    image += _grain((width, height))[top : top + height, left : left + width]
    image += 0.5
    return np.clip(image, 0, 255).astype(np.uint8)
