"""Which questions are kept, and under which letters: so that text alone predicts nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import permutations
from string import ascii_uppercase

import numpy as np

from sightbench.tasks.synthetic.questions import Question

Place = tuple[int, int]
"""(scene, position in its list)."""


def select(scenes: list[list[Question]], rng: np.random.Generator) -> list[list[Question]]:
    """The questions that stay, scene by scene and in the order they were in.

    Among the questions with the same set of possible answers every answer stays equally often: as often as
    the rarest one does, but at least once (in a set so small that one never occurs). A family whose answer
    is always the same in the whole set is left out. Questions whose options are objects all stay.
    """
    groups: dict[tuple[str, tuple[str, ...]], dict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
    keep: set[Place] = set()
    for scene, questions in enumerate(scenes):
        for position, question in enumerate(questions):
            if question.kind is None:
                keep.add((scene, position))
            else:
                groups[question.family, question.classes][question.kind].append((scene, position))
    for (_, classes), by_kind in sorted(groups.items()):
        if len(by_kind) < 2:
            continue
        level = max(1, min(len(by_kind.get(kind, ())) for kind in classes))
        for _, places in sorted(by_kind.items()):
            keep.update(places[i] for i in rng.permutation(len(places))[:level])
    return [
        [question for position, question in enumerate(questions) if (scene, position) in keep]
        for scene, questions in enumerate(scenes)
    ]


def arrange(questions: list[Question], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """The order of the options of each question, the same for a video and its twins.

    Drawn among the orders that keep the right letters (of the twins too) level within each family and
    number of options.
    """
    used: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    orders = []
    for question in questions:
        count = used[question.family, len(question.choices)]
        possible = list(permutations(question.choices))
        costs = [sum(count[order.index(str(answer))] for answer in question.answers) for order in possible]
        level = [i for i, cost in enumerate(costs) if cost == min(costs)]
        order = possible[level[int(rng.integers(len(level)))]]
        count.update(order.index(str(answer)) for answer in question.answers)
        orders.append(order)
    return orders


def lettered(options: tuple[str, ...]) -> list[str]:
    """The options as Dyn-Bench writes them: "A. the red box"."""
    return [f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False)]
