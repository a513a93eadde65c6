"""The grammar: which questions can be asked of a video, and of which objects.

One table per kind of task (docs/synthetic.md has the same tables for those who answer). A `Draft` is a
question without its answer; `ask` puts it to a video and its twins and keeps it where all of them have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np

from sightbench.tasks.synthetic import answers as truth
from sightbench.tasks.synthetic.facts import Facts
from sightbench.tasks.synthetic.scene import SHAPES

FRAMES = {"first": 0, "last": -1}
TRIED = 16
OPTIONS = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """A question. `options` is None where the options are objects, then `others` may be wrong options."""

    task: str
    family: str
    text: str
    answer: Callable[[Facts], str | int | None]
    options: tuple[str, ...] | None = None
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answers: one for the video and one for each twin, in the order of the twins.

    `choices` is unordered, `()` for a mask task; `answers` are option texts, or object indices of masks.
    `kind` is the answer whose share among `classes` is balanced over the set, None where options are
    objects, which are balanced by the random draw of colours and shapes.
    """

    task: str
    family: str
    text: str
    answers: tuple[str | int, ...]
    choices: tuple[str, ...] = ()
    kind: str | None = None
    classes: tuple[str, ...] = ()


def questions(versions: list[Facts], rng: np.random.Generator) -> list[Question]:
    """At most one question of every family. `versions` is the video, then its twins.

    Within a family a rare answer is taken where there is one: first an answer is drawn among those that
    the video allows, then a question that has it.
    """
    candidates: dict[str, dict[str, list[tuple[Draft, tuple[str | int, ...]]]]] = {}
    for draft in _questions(versions[0], rng):
        answers = _answers(draft, versions)
        if answers is not None:
            kind = "" if draft.options is None else str(answers[0])
            candidates.setdefault(draft.family, {}).setdefault(kind, []).append((draft, answers))
    chosen = []
    for by_kind in candidates.values():
        drafts = by_kind[sorted(by_kind)[int(rng.integers(len(by_kind)))]]
        draft, answers = drafts[int(rng.integers(len(drafts)))]
        chosen.append(_with_choices(draft, answers, versions[0], rng))
    return [question for question in chosen if question is not None]


def expressions(versions: list[Facts], rng: np.random.Generator) -> list[Question]:
    """Referring expressions in random order, no object twice in a task (a file has one per object)."""
    drafts = list(_expressions(versions[0]))
    used: set[tuple[str, int, int]] = set()
    families: set[tuple[str, str]] = set()
    chosen = []
    for i in rng.permutation(len(drafts)):
        draft = drafts[i]
        answers = _answers(draft, versions)
        if answers is None or (draft.task, draft.family) in families:
            continue
        targets = {(draft.task, version, int(target)) for version, target in enumerate(answers)}
        if targets & used:
            continue
        used |= targets
        families.add((draft.task, draft.family))
        chosen.append(Question(draft.task, draft.family, draft.text, answers))
    return chosen


def _answers(draft: Draft, versions: list[Facts]) -> tuple[str | int, ...] | None:
    answers = []
    for facts in versions:
        answer = draft.answer(facts)
        if answer is None:
            return None
        answers.append(answer)
    return tuple(answers)


def _with_choices(
    draft: Draft, answers: tuple[str | int, ...], facts: Facts, rng: np.random.Generator
) -> Question | None:
    if draft.options is None:
        right = sorted({int(answer) for answer in answers})
        others = [k for k in draft.others if k not in right]
        extra = [others[i] for i in rng.permutation(len(others))[: max(0, OPTIONS - len(right))]]
        names = facts.names
        choices = tuple(names[k] for k in (*right, *extra))
        if len(choices) < 2:
            return None
        texts = tuple(f"the {names[int(answer)]}" for answer in answers)
        return Question(draft.task, draft.family, draft.text, texts, tuple(f"the {name}" for name in choices))
    choices = draft.options
    if draft.family == "camera_motion":
        choices = _two_pairs(str(answers[0]), rng)
    if not set(answers) <= set(choices):
        return None
    classes = draft.options
    return Question(draft.task, draft.family, draft.text, answers, choices, str(answers[0]), classes)


def _two_pairs(answer: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Two pairs of opposites with the answer in one: no option is the odd one out."""
    motions = tuple(truth.MOTIONS.values())
    pairs = [motions[i : i + 2] for i in range(0, len(motions), 2)]
    own = next(i for i, pair in enumerate(pairs) if answer in pair)
    other = [i for i in range(len(pairs)) if i != own][int(rng.integers(len(pairs) - 1))]
    return pairs[own] + pairs[other]


def _block(value: int, span: tuple[int, int]) -> tuple[str, ...]:
    """The options of a count: the four consecutive values of `span` that hold it (cut at the end)."""
    start = span[0] + (value - span[0]) // OPTIONS * OPTIONS
    return tuple(str(n) for n in range(start, min(start + OPTIONS, span[1] + 1)))


def _some(rng: np.random.Generator, count: int, size: int, limit: int = TRIED) -> Iterator[tuple[int, ...]]:
    """Ordered tuples of `size` different objects, at most `limit`, in random order."""
    tuples = list(permutations(range(count), size))
    for i in rng.permutation(len(tuples))[:limit]:
        yield tuples[i]


def _questions(facts: Facts, rng: np.random.Generator) -> Iterator[Draft]:
    yield from _camera_questions(facts)
    yield from _object_questions(facts, rng)
    yield from _scene_questions(facts)


def _camera_questions(facts: Facts) -> Iterator[Draft]:
    n, names = len(facts.things), facts.names
    ask = partial(Draft, "cameraqa")
    yield ask(
        "camera_motion",
        "How does the camera move during the video?",
        truth.camera_motion,
        tuple(truth.MOTIONS.values()),
    )
    yield ask("camera_still", "Does the camera move during the video?", truth.camera_still, ("yes", "no"))
    for word, frame in FRAMES.items():
        for family, text, answer in (
            ("nearest", f"Which object is nearest to the camera in the {word} frame?", truth.nearest),
            ("farthest", f"Which object is farthest from the camera in the {word} frame?", truth.farthest),
        ):
            yield ask(family, text, partial(answer, frame=frame), others=tuple(range(n)))
    for a in range(n):
        yield ask(
            "approach",
            f"How does the distance between the camera and the {names[a]} "
            "change from the first to the last frame?",
            partial(truth.approach, a=a),
            truth.APPROACH,
        )


def _object_questions(facts: Facts, rng: np.random.Generator) -> Iterator[Draft]:
    n, names = len(facts.things), facts.names
    everything = tuple(range(n))
    ask = partial(Draft, "qa")
    sides = tuple(
        f"to the {side} and {depth} the camera"
        for side in ("left", "right")
        for depth in ("nearer to", "farther from")
    )
    bearings = tuple(
        f"{ahead}, to the {side}" for ahead in ("in front", "behind") for side in ("left", "right")
    )
    for a, b in _some(rng, n, 2):
        yield ask(
            "pair_distance",
            f"How does the distance between the {names[a]} and the {names[b]} "
            "change from the first to the last frame?",
            partial(truth.pair_distance, a=a, b=b),
            truth.PAIR,
        )
    yield ask(
        "travel",
        "Which object moves the farthest over the ground from the first to the last frame?",
        truth.travel,
        others=everything,
    )
    for word, frame in FRAMES.items():
        for a, b in _some(rng, n, 2):
            yield ask(
                "relation",
                f"In the {word} frame, where is the {names[a]} relative to the {names[b]}, "
                "as the camera sees it?",
                partial(truth.relation, frame=frame, a=a, b=b),
                sides,
            )
        for side in ("left", "right"):
            yield ask(
                f"{side}most",
                f"Which object is the {side}most one in the {word} frame?",
                partial(truth.outermost, side=side, frame=frame),
                others=everything,
            )
        for b in range(n):
            rest = tuple(k for k in range(n) if k != b)
            yield ask(
                "closest_to",
                f"Which object is closest to the {names[b]} in the {word} frame?",
                partial(truth.closest_to, frame=frame, b=b),
                others=rest,
            )
            yield ask(
                "hides",
                f"Which object partly hides the {names[b]} in the {word} frame?",
                partial(truth.hides, frame=frame, b=b),
                others=rest,
            )
        for a, b, c in _some(rng, n, 3, limit=40):
            yield ask(
                "facing",
                f"Imagine standing at the {names[a]} and facing the {names[b]} in the {word} frame. "
                f"Where is the {names[c]}?",
                partial(truth.facing, frame=frame, a=a, b=b, c=c),
                bearings,
            )


def _scene_questions(facts: Facts) -> Iterator[Draft]:
    n, names, knobs = len(facts.things), facts.names, facts.knobs
    ask = partial(Draft, "sceneqa")
    yield ask(
        "count",
        "How many different objects appear in the video?",
        truth.count,
        _block(n, knobs.objects),
    )
    for shape in SHAPES:
        plural = "boxes" if shape == "box" else f"{shape}s"
        yield ask(
            "count_shape",
            f"How many {plural} appear in the video?",
            partial(truth.count_shape, shape=shape),
            ("0", "1", "2", "3"),
        )
    moving = [k for k, thing in enumerate(facts.things) if thing.moves]
    still = tuple(k for k in range(n) if k not in moving)
    yield ask(
        "count_moving",
        "How many objects move over the ground during the video?",
        truth.count_moving,
        _block(len(moving), knobs.movers),
    )
    for a in moving:
        yield ask(
            "which_moves",
            "Which of these objects moves over the ground during the video?",
            partial(truth.moves, a=a),
            others=still,
        )
        yield ask(
            "direction",
            f"In which direction does the {names[a]} move over the ground, "
            "as the camera sees it in the first frame?",
            partial(truth.direction, a=a),
            truth.DIRECTIONS,
        )
    for a in range(n):
        yield ask(
            "when",
            f"When does the {names[a]} move over the ground?",
            partial(truth.when, a=a),
            truth.WHEN,
        )
        yield ask(
            "mat_event",
            f"How does the {names[a]} stand to the dark mat from the first to the last frame?",
            partial(truth.mat_event, a=a),
            truth.MAT,
        )
    for word, frame in FRAMES.items():
        yield ask(
            "on_mat",
            f"Which object stands on the dark mat in the {word} frame?",
            partial(truth.on_mat, frame=frame),
            others=tuple(range(n)),
        )


def _expressions(facts: Facts) -> Iterator[Draft]:
    names = facts.names
    ends = "from the first to the last frame"
    camera, pair, place = (partial(Draft, task) for task in ("cameramask", "objmask", "scenemask"))
    for word, sign in (("shrinks", -1), ("grows", 1)):
        yield camera(
            "approaches" if sign < 0 else "recedes",
            f"the object whose distance to the camera {word} the most {ends}",
            partial(truth.distance_change, sign=sign),
        )
    yield pair("travel", f"the object that moves the farthest over the ground {ends}", truth.travel)
    yield place("only_mover", "the only object that moves over the ground", truth.only_mover)
    yield place("only_still", "the only object that does not move over the ground", truth.only_still)
    for word, frame in FRAMES.items():
        when = f"in the {word} frame"
        yield camera(
            "nearest", f"the object nearest to the camera {when}", partial(truth.nearest, frame=frame)
        )
        yield camera(
            "farthest", f"the object farthest from the camera {when}", partial(truth.farthest, frame=frame)
        )
        for side in ("left", "right"):
            yield pair(
                f"{side}most",
                f"the {side}most object {when}",
                partial(truth.outermost, side=side, frame=frame),
            )
        yield place("on_mat", f"the object on the dark mat {when}", partial(truth.on_mat, frame=frame))
        for k, name in enumerate(names):
            yield pair(
                "closest_to",
                f"the object closest to the {name} {when}",
                partial(truth.closest_to, frame=frame, b=k),
            )
            yield pair(
                "hidden_by",
                f"the object partly hidden by the {name} {when}",
                partial(truth.hidden_by, frame=frame, a=k),
            )
    for k, name in enumerate(names):
        yield place("named", f"the {name}", partial(truth.named, a=k))
