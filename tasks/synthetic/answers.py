"""The truth behind each question: facts -> the answer, or None where a viewer could argue.

Every function takes the facts first, so that the same question is put to a video and to its twins. Those
that name an object return its index, the others one of their option texts. `frame` is 0 or -1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sightbench.tasks.synthetic.facts import Facts
from sightbench.tasks.synthetic.scene import Floats

Flags = NDArray[np.bool_]

AHEAD = 1.15
CLOSEST = 1.25
TRAVEL = 1.3
COLUMNS = 20 / 320
CHANGE_TO_CAMERA = 1.15
CHANGE_BETWEEN = 1.25
UNCHANGED = 1.05
DIRECTION = math.radians(30)
BEARING = math.radians(20)
HIDDEN, HIDDEN_BY_OTHERS = 0.12, 0.02
MAT_PIXELS = 200 / (320 * 240)
MOVED = 0.8

MOTIONS = {
    "turn left": "it turns to the left",
    "turn right": "it turns to the right",
    "move left": "it moves to the left",
    "move right": "it moves to the right",
    "move forward": "it moves forward",
    "move backward": "it moves backward",
    "move up": "it moves up",
    "move down": "it moves down",
}
APPROACH = ("it becomes smaller", "it becomes larger", "it stays about the same")
PAIR = ("they come closer to each other", "they move apart", "it stays the same")
DIRECTIONS = ("to the left", "to the right", "away from the camera", "toward the camera")
WHEN = ("during the whole video", "only in the first half", "only in the second half", "never")
MAT = (
    "it moves onto the mat",
    "it leaves the mat",
    "it is on the mat at both times",
    "it is off the mat at both times",
)


def _smallest(facts: Facts, frame: int, values: Floats, ratio: float, besides: int = -1) -> int | None:
    """The object in view with the smallest value, if the next is at least `ratio` times as large.

    Hidden and cut-off objects compete, and the winner must be clearly seen: so no answer hangs on them.
    """
    order = [int(k) for k in np.argsort(values, kind="stable") if facts.outline[frame, k] and k != besides]
    if len(order) < 2 or values[order[1]] < ratio * values[order[0]]:
        return None
    return order[0] if facts.seen[frame, order[0]] else None


def camera_motion(facts: Facts) -> str | None:
    return MOTIONS.get(facts.movement)


def camera_still(facts: Facts) -> str:
    return "no" if facts.movement == "static" else "yes"


def nearest(facts: Facts, frame: int) -> int | None:
    return _smallest(facts, frame, facts.distance[frame], AHEAD)


def farthest(facts: Facts, frame: int) -> int | None:
    return _smallest(facts, frame, 1 / facts.distance[frame], AHEAD)


def _changed(ratio: float, change: float, answers: tuple[str, str, str]) -> str | None:
    if ratio <= 1 / change:
        return answers[0]
    if ratio >= change:
        return answers[1]
    return answers[2] if 1 / UNCHANGED <= ratio <= UNCHANGED else None


def _seen_at_ends(facts: Facts, *objects: int) -> bool:
    return all(bool(facts.seen[frame, k]) for frame in (0, -1) for k in objects)


def approach(facts: Facts, a: int) -> str | None:
    if not _seen_at_ends(facts, a):
        return None
    return _changed(facts.distance[-1, a] / facts.distance[0, a], CHANGE_TO_CAMERA, APPROACH)


def distance_change(facts: Facts, sign: int) -> int | None:
    """The object whose distance to the camera shrinks (sign -1) or grows (+1) most."""
    change = sign * (facts.distance[-1] - facts.distance[0])
    best, second = (int(k) for k in np.argsort(-change, kind="stable")[:2])
    if change[best] < 0.6 or change[best] < change[second] + 0.5:
        return None
    return best if _seen_at_ends(facts, best) else None


def _beside(facts: Facts, frame: int, a: int, b: int) -> str | None:
    apart = facts.column[frame, a] - facts.column[frame, b]
    if abs(apart) < COLUMNS * facts.knobs.size[0]:
        return None
    return "left" if apart < 0 else "right"


def relation(facts: Facts, frame: int, a: int, b: int) -> str | None:
    if not (facts.seen[frame, a] and facts.seen[frame, b]):
        return None
    side = _beside(facts, frame, a, b)
    ratio = facts.distance[frame, a] / facts.distance[frame, b]
    if side is None or 1 / AHEAD < ratio < AHEAD:
        return None
    return f"to the {side} and {'nearer to' if ratio < 1 else 'farther from'} the camera"


def pair_distance(facts: Facts, a: int, b: int) -> str | None:
    if not _seen_at_ends(facts, a, b):
        return None
    before, after = (float(np.linalg.norm(facts.position[t, a] - facts.position[t, b])) for t in (0, -1))
    return _changed(after / before, CHANGE_BETWEEN, PAIR)


def travel(facts: Facts) -> int | None:
    moved = facts.travelled
    if (moved > 0).sum() < 2:
        return None
    order = np.argsort(-moved, kind="stable")
    best = int(order[0])
    if moved[best] < MOVED or moved[best] < TRAVEL * moved[order[1]]:
        return None
    return best if _seen_at_ends(facts, *(int(k) for k in np.nonzero(moved)[0])) else None


def outermost(facts: Facts, side: str, frame: int) -> int | None:
    shown = [int(k) for k in np.nonzero(facts.visible[frame])[0]]
    ordered = sorted(shown, key=lambda k: float(facts.column[frame, k]), reverse=side == "right")
    if len(ordered) < 2 or _beside(facts, frame, ordered[0], ordered[1]) != side:
        return None
    return ordered[0] if facts.seen[frame, ordered[0]] else None


def closest_to(facts: Facts, frame: int, b: int) -> int | None:
    if not facts.seen[frame, b]:
        return None
    apart = np.linalg.norm(facts.position[frame] - facts.position[frame, b], axis=1)
    return _smallest(facts, frame, apart, CLOSEST, besides=b)


def hides(facts: Facts, frame: int, b: int) -> int | None:
    """The one object that partly hides b."""
    if not facts.seen[frame, b]:
        return None
    share = facts.hides[frame, :, b] / facts.outline[frame, b]
    front = int(share.argmax())
    rest = share.sum() - share[front]
    if share[front] < HIDDEN or rest > HIDDEN_BY_OTHERS or not facts.seen[frame, front]:
        return None
    return front


def hidden_by(facts: Facts, frame: int, a: int) -> int | None:
    """The one object that a partly hides: none other is hidden by a at all."""
    touched = [int(k) for k in np.nonzero(facts.hides[frame, a])[0]]
    return touched[0] if len(touched) == 1 and hides(facts, frame, touched[0]) == a else None


def facing(facts: Facts, frame: int, a: int, b: int, c: int) -> str | None:
    if not all(facts.seen[frame, k] for k in (a, b, c)):
        return None
    at = facts.position[frame]
    to_b, to_c = at[b] - at[a], at[c] - at[a]
    bearing = math.atan2(to_b[0] * to_c[1] - to_b[1] * to_c[0], float(to_b @ to_c))
    quarter = math.pi / 2
    if abs(bearing / quarter - round(bearing / quarter)) * quarter < BEARING:
        return None
    ahead = "in front" if abs(bearing) < quarter else "behind"
    return f"{ahead}, to the {'left' if bearing > 0 else 'right'}"


def _appearing(facts: Facts, wanted: list[int]) -> int | None:
    """How many of the objects are clearly seen at some time; None if one only ever shows a sliver."""
    seen: Flags = np.logical_or.reduce(facts.seen)
    shown: Flags = np.logical_or.reduce(facts.visible > 0)
    if (shown & ~seen).any():
        return None
    return int(seen[wanted].sum())


def count(facts: Facts) -> str | None:
    count = _appearing(facts, list(range(len(facts.things))))
    return None if count is None else str(count)


def count_shape(facts: Facts, shape: str) -> str | None:
    count = _appearing(facts, [k for k, thing in enumerate(facts.things) if thing.shape == shape])
    return None if count is None or count > 3 else str(count)


def _movers(facts: Facts) -> list[int] | None:
    """Indices of what moves; None unless every object is seen and all movers at the ends of their way."""
    moved = facts.travelled
    movers = [int(k) for k in np.nonzero(moved)[0]]
    if any(moved[k] < MOVED for k in movers) or not facts.seen.any(axis=0).all():
        return None
    return movers if _seen_at_ends(facts, *movers) else None


def count_moving(facts: Facts) -> str | None:
    movers = _movers(facts)
    return None if movers is None else str(len(movers))


def only_mover(facts: Facts) -> int | None:
    movers = _movers(facts)
    return movers[0] if movers is not None and len(movers) == 1 else None


def only_still(facts: Facts) -> int | None:
    movers = _movers(facts)
    if movers is None or len(movers) != len(facts.things) - 1 or not movers:
        return None
    still = next(k for k in range(len(facts.things)) if k not in movers)
    return still if _seen_at_ends(facts, still) else None


def moves(facts: Facts, a: int) -> int | None:
    """`a` itself if it visibly moves."""
    return a if facts.travelled[a] >= MOVED and _seen_at_ends(facts, a) else None


def direction(facts: Facts, a: int) -> str | None:
    if moves(facts, a) is None:
        return None
    dx, dy = facts.position[-1, a] - facts.position[0, a]
    heading = float(facts.heading[0])
    right = dx * math.cos(heading) - dy * math.sin(heading)
    away = dx * math.sin(heading) + dy * math.cos(heading)
    angle = math.atan2(away, right)
    quarter = math.pi / 2
    nearest_axis = round(angle / quarter)
    if abs(angle - nearest_axis * quarter) > DIRECTION:
        return None
    return ("to the right", "away from the camera", "to the left", "toward the camera")[nearest_axis % 4]


def when(facts: Facts, a: int) -> str | None:
    if facts.knobs.frames < 6 or not facts.seen[:, a].all():
        return None
    if not facts.things[a].moves:
        return "never"
    if moves(facts, a) is None:
        return None
    schedule = facts.things[a].schedule
    return "during the whole video" if schedule == "whole" else f"only in the {schedule}"


def _mat_shown(facts: Facts, frame: int) -> bool:
    return bool(facts.mat_area[frame] >= MAT_PIXELS * facts.pixels)


def on_mat(facts: Facts, frame: int) -> int | None:
    place = np.where(facts.outline[frame] > 0, facts.on_mat[frame], -1)
    if not _mat_shown(facts, frame) or (place == 0).any():
        return None
    there = [int(k) for k in np.nonzero(place == 1)[0]]
    return there[0] if len(there) == 1 and facts.seen[frame, there[0]] else None


def mat_event(facts: Facts, a: int) -> str | None:
    before, after = int(facts.on_mat[0, a]), int(facts.on_mat[-1, a])
    if not (_seen_at_ends(facts, a) and _mat_shown(facts, 0) and _mat_shown(facts, -1)):
        return None
    return {(-1, 1): MAT[0], (1, -1): MAT[1], (1, 1): MAT[2], (-1, -1): MAT[3]}.get((before, after))


def named(facts: Facts, a: int) -> int | None:
    return a if facts.seen[:, a].mean() >= 0.5 else None
