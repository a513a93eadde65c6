"""A question and a scene -> an answer: a letter, words, or objects to segment. Rules, no learning.

What cannot be answered is said in words ("I can't tell: ..."), also where options are given: this server
never guesses a letter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.question import Question, parse_question
from sightbench.servers.baseline.sight.perceive import Scene
from sightbench.servers.baseline.sight.shapes import drawn, outline
from sightbench.servers.baseline.sight.solids import Stand

Floats = NDArray[np.float64]

MOVEMENTS = {
    "it turns to the left": ("yaw", 1),
    "it turns to the right": ("yaw", -1),
    "it moves to the left": ("aside", -1),
    "it moves to the right": ("aside", 1),
    "it moves forward": ("along", 1),
    "it moves backward": ("along", -1),
    "it moves up": ("rise", 1),
    "it moves down": ("rise", -1),
}
TYPICAL = {"yaw": np.radians(16.0), "aside": 1.65, "along": 1.8, "rise": 1.0}
"""A usual amount of each movement, so that they can be compared."""
STILL_CAMERA = 0.2
CHANGES_TO_CAMERA, CHANGES_BETWEEN = 0.09, 0.13
"""From which relative change a distance is said to change: between what is asked as change and as none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`objects` are labels of Scene.labels to segment; empty for an answer in words."""

    text: str
    objects: tuple[int, ...] = ()


class _CannotTell(Exception):
    pass


def answer(text: str, scene: Scene) -> Answer:
    """Never raises: whatever is asked gets an answer, if only that it cannot be told."""
    question = parse_question(text)
    if question is None:
        return Answer("I can't tell: this is not a question I know how to read.")
    try:
        if question.wants_mask:
            return Answer("", (1 + _best(_score(question, scene), range(len(scene.things))),))
        if question.family in _STATEMENTS:
            said = _STATEMENTS[question.family](question, scene)
            return Answer(_letter(question, said))
        if question.family == "camera_motion":
            return Answer(_camera_motion(question, scene))
        if question.family in ("count", "count_shape", "count_moving"):
            return Answer(_number(question, _count(question, scene)))
        return Answer(_object(question, scene))
    except _CannotTell as reason:
        return Answer(f"I can't tell: {reason}.")


def _letter(question: Question, said: str) -> str:
    """The letter of the option that says this; the words themselves where there are no options."""
    if not question.options:
        return said
    for letter, option in question.options:
        if option.rstrip(".") == said:
            return letter
    raise _CannotTell(f"I would say that {said}, which is not among the options")


def _number(question: Question, count: int) -> str:
    numbers = [(abs(int(option) - count), letter) for letter, option in question.options if option.isdigit()]
    return min(numbers)[1] if numbers else _letter(question, str(count))


def _object(question: Question, scene: Scene) -> str:
    """The option naming the object that fits best; options that name nothing seen are left out."""
    scores = _score(question, scene)
    if not question.options:
        return f"the {scene.things[_best(scores, range(len(scene.things)))].name}"
    named = {}
    for letter, option in question.options:
        for index, thing in enumerate(scene.things):
            if option.rstrip(".").removeprefix("the ") == thing.name:
                named[index] = letter
    return named[_best(scores, named)]


def _best(scores: Floats, among: range | dict[int, str]) -> int:
    usable = [i for i in among if np.isfinite(scores[i])]
    if not usable:
        raise _CannotTell("I see no object this could be about")
    return max(usable, key=lambda i: scores[i])


def _find(scene: Scene, name: str) -> int:
    """The object of this name; failing that, one of its colour, whose shape may have been misjudged."""
    for index, thing in enumerate(scene.things):
        if thing.name == name:
            return index
    alike = [i for i, thing in enumerate(scene.things) if thing.colour == name.split()[0]]
    if len(alike) == 1:
        return alike[0]
    raise _CannotTell(f"I see no {name}")


def _frame(question: Question, scene: Scene) -> int:
    return len(scene.labels) - 1 if question.names.get("frame") == "last" else 0


def _score(question: Question, scene: Scene) -> Floats:
    """[N]: how well each object fits the description; NaN for one that cannot be meant."""
    frame, things, family = _frame(question, scene), scene.things, question.family
    shown = np.array([thing.area[frame] > 0 for thing in things], bool)
    if family in ("nearest", "farthest"):
        return np.where(shown, scene.distances(frame) * (-1 if family == "nearest" else 1), np.nan)
    if family in ("approaches", "recedes"):
        change = scene.distances(-1) - scene.distances(0)
        return change if family == "recedes" else -change
    if family in ("leftmost", "rightmost"):
        column = np.array([thing.column[frame] for thing in things])
        return column if family == "rightmost" else -column
    if family in ("travel", "which_moves", "only_mover", "only_still"):
        travel = np.array([np.hypot(*thing.path.travel) for thing in things])
        return -travel if family == "only_still" else travel
    if family == "on_mat":
        if scene.mat is None:
            raise _CannotTell("I see no dark mat")
        mat = scene.mat
        return np.where(shown, [mat.depth(thing.path.points[frame]) for thing in things], np.nan)
    if family == "named":
        named = _find(scene, question.names["a"])
        return np.array([1.0 if i == named else np.nan for i in range(len(things))])
    other = _find(scene, question.names["a" if family == "hidden_by" else "b"])
    if family == "closest_to":
        here = things[other].path.points[frame]
        scores = np.array([-np.hypot(*(thing.path.points[frame] - here)) for thing in things])
    elif family == "hides":
        scores = np.array([_hidden(scene, frame, other, i) for i in range(len(things))])
    else:
        scores = np.array([_hidden(scene, frame, i, other) for i in range(len(things))])
    scores[other] = np.nan
    return np.where(shown, scores, np.nan)


def _hidden(scene: Scene, frame: int, back: int, front: int) -> float:
    """The share of the outline of one object that shows another one, standing nearer."""
    thing = scene.things[back]
    distance = scene.distances(frame)
    if distance[front] > distance[back]:
        return 0.0
    camera = scene.camera
    place = camera.local(frame, thing.path.points[frame])
    if place[1] < 1:
        return 0.0
    h, w = scene.labels.shape[1:]
    whole = drawn(outline(camera, frame, Stand(place, thing.radius, 1.0), thing.shape), 0, 0, w, h)
    return float((whole & (scene.labels[frame] == front + 1)).sum() / max(int(whole.sum()), 1))


def _count(question: Question, scene: Scene) -> int:
    if question.family == "count":
        return len(scene.things)
    if question.family == "count_moving":
        return sum(thing.moves for thing in scene.things)
    shape = {"spheres": "sphere", "boxes": "box", "cylinders": "cylinder"}[question.names["shapes"]]
    return sum(thing.shape == shape for thing in scene.things)


def _movement(scene: Scene) -> dict[str, float]:
    """The camera's yaw, way to the right, ahead and up over the video, each in usual amounts."""
    camera = scene.camera
    aside, along = camera.position[-1] - camera.position[0]
    amounts = {
        "yaw": camera.yaw[-1] - camera.yaw[0],
        "aside": aside,
        "along": along,
        "rise": camera.height[-1] - camera.height[0],
    }
    return {name: float(amount / TYPICAL[name]) for name, amount in amounts.items()}


def _camera_motion(question: Question, scene: Scene) -> str:
    moved = _movement(scene)
    fits = {said: sign * moved[name] for said, (name, sign) in MOVEMENTS.items()}
    if not question.options:
        return max(fits, key=lambda said: fits[said])
    known = [
        (fits[option.rstrip(".")], letter)
        for letter, option in question.options
        if option.rstrip(".") in fits
    ]
    if not known:
        raise _CannotTell("none of the options is a movement I know")
    return max(known)[1]


def _camera_still(_: Question, scene: Scene) -> str:
    return "yes" if max(map(abs, _movement(scene).values())) > STILL_CAMERA else "no"


def _approach(question: Question, scene: Scene) -> str:
    index = _find(scene, question.names["a"])
    change = scene.distances(-1)[index] / scene.distances(0)[index] - 1
    if abs(change) < CHANGES_TO_CAMERA:
        return "it stays about the same"
    return "it becomes larger" if change > 0 else "it becomes smaller"


def _pair_distance(question: Question, scene: Scene) -> str:
    a, b = (scene.things[_find(scene, question.names[name])].path.points for name in "ab")
    first, last = (float(np.hypot(*(a[t] - b[t]))) for t in (0, -1))
    if abs(last - first) < CHANGES_BETWEEN * first:
        return "it stays the same"
    return "they move apart" if last > first else "they come closer to each other"


def _relation(question: Question, scene: Scene) -> str:
    frame = _frame(question, scene)
    a, b = (_find(scene, question.names[name]) for name in "ab")
    left = scene.things[a].column[frame] < scene.things[b].column[frame]
    nearer = scene.distances(frame)[a] < scene.distances(frame)[b]
    side = "left" if left else "right"
    return f"to the {side} and {'nearer to' if nearer else 'farther from'} the camera"


def _facing(question: Question, scene: Scene) -> str:
    frame = _frame(question, scene)
    a, b, c = (scene.things[_find(scene, question.names[name])].path.points[frame] for name in "abc")
    ahead, to_c = b - a, c - a
    front = float(ahead @ to_c) > 0
    left = ahead[0] * to_c[1] - ahead[1] * to_c[0] > 0
    return f"{'in front' if front else 'behind'}, to the {'left' if left else 'right'}"


def _direction(question: Question, scene: Scene) -> str:
    x, y = scene.things[_find(scene, question.names["a"])].path.travel
    if abs(x) > abs(y):
        return "to the left" if x < 0 else "to the right"
    return "away from the camera" if y > 0 else "toward the camera"


def _when(question: Question, scene: Scene) -> str:
    thing = scene.things[_find(scene, question.names["a"])]
    return {
        "never": "never",
        "whole": "during the whole video",
        "first": "only in the first half",
        "second": "only in the second half",
    }[thing.path.when]


def _mat_event(question: Question, scene: Scene) -> str:
    thing = scene.things[_find(scene, question.names["a"])]
    if scene.mat is None:
        raise _CannotTell("I see no dark mat")
    first, last = (scene.mat.depth(thing.path.points[t]) > 0 for t in (0, -1))
    return {
        (False, True): "it moves onto the mat",
        (True, False): "it leaves the mat",
        (True, True): "it is on the mat at both times",
        (False, False): "it is off the mat at both times",
    }[first, last]


_STATEMENTS: dict[str, Callable[[Question, Scene], str]] = {
    "camera_still": _camera_still,
    "approach": _approach,
    "pair_distance": _pair_distance,
    "relation": _relation,
    "facing": _facing,
    "direction": _direction,
    "when": _when,
    "mat_event": _mat_event,
}
