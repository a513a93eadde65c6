"""What a score on a synthetic set is worth: chance, what the text alone gives away, and broken videos.

A model that sees should be far above `chance` and `text_only_prior`; one that uses motion and order should
fall when the frames are `degrade`d.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightbench.errors import DatasetError, SightbenchError, UsageError
from sightbench.tasks.synthetic.generate import QA
from sightbench.tasks.synthetic.scene import COLOURS, SHAPES, Floats

NAME = re.compile(rf"\b(?:{'|'.join(COLOURS)}) (?:{'|'.join(SHAPES)})\b")
STEPS, RATE, RIDGE = 200, 0.3, 2.0


@dataclass(frozen=True, slots=True)
class Prior:
    """Accuracy in percent of answering from the text alone, beside chance, on `n` questions.

    `stderr` is that of the accuracy of pure guessing on these questions, in percent, as if they were
    independent (twins ask the same question again, so measure a set without them).
    """

    accuracy: float
    chance: float
    stderr: float
    n: int


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    options: tuple[str, ...]
    right: int


def chance(root: Path) -> Mapping[str, float]:
    """Expected accuracy in percent of guessing a letter: per QA task that is there, and over "all" questions.

    DatasetError if `root` holds no questions.
    """
    chances = {task: [100 / len(question.options) for question in _read(root, (task,))] for task in QA}
    everything = [value for values in chances.values() for value in values]
    if not everything:
        raise DatasetError("holds no questions", root / "multi_json")
    return {
        **{task: math.fsum(values) / len(values) for task, values in chances.items() if values},
        "all": math.fsum(everything) / len(everything),
    }


def text_only_prior(train: Path, test: Path) -> Prior:
    """How far the texts alone lead: a model of questions and options fitted on `train`, asked about `test`.

    A conditional logit with a ridge over the letter, the option's text, words and pairs of words, its rank
    among numbers, what it shares with the other options and with the question, each alone and together
    with the question's template (names masked). Both roots are in the Dyn-Bench layout; use other seeds.
    DatasetError if one holds no questions.
    """
    index: dict[str, int] = {}
    fit = list(_read(train, QA))
    exam = list(_read(test, QA))
    for root, questions in ((train, fit), (test, exam)):
        if not questions:
            raise DatasetError("holds no questions", root / "multi_json")
    weights = _fitted(_Design.of(fit, index, grow=True), len(index))
    design = _Design.of(exam, index, grow=False)
    scores = design.scores(weights)
    hits = sum(
        int(scores[start:end].argmax()) == question.right
        for question, start, end in zip(exam, design.starts, (*design.starts[1:], len(scores)), strict=True)
    )
    rates = [1 / len(question.options) for question in exam]
    return Prior(
        accuracy=100 * hits / len(exam),
        chance=100 * math.fsum(rates) / len(exam),
        stderr=100 * math.sqrt(math.fsum(rate * (1 - rate) for rate in rates)) / len(exam),
        n=len(exam),
    )


def degrade(root: Path, out: Path, condition: Literal["one-frame", "shuffled"], seed: int = 0) -> None:
    """Write the QA part of `root` to the new folder `out` with its videos broken.

    "one-frame" repeats the first frame, which takes all motion away; "shuffled" deals the frames in a random
    order (drawn per video from `seed`, never the true one or its reverse), which takes order away. Questions
    and answers stay.
    UsageError if `out` exists, DatasetError if `root` has no frames, SightbenchError if the disk refuses.
    """
    if out.exists():
        raise UsageError(f"{out} exists: choose another folder, or remove it first")
    videos = sorted(path for path in (root / "frames").glob("*/*") if path.is_dir())
    if not videos:
        raise DatasetError("holds no videos", root / "frames")
    try:
        for number, video in enumerate(videos):
            frames = sorted(video.iterdir())
            target = out / video.relative_to(root)
            target.mkdir(parents=True)
            for slot, source in zip(frames, _order(frames, condition, [seed, number]), strict=True):
                shutil.copyfile(source, target / slot.name)
        for path in sorted((root / "multi_json").glob("*/*.json")):
            if path.stem.rpartition("_")[2] in QA:
                target = out / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    except OSError as error:
        raise SightbenchError(f"cannot write the control set to {out}: {error.strerror}") from error


def _order(frames: list[Path], condition: str, key: list[int]) -> list[Path]:
    if condition == "one-frame":
        return [frames[0]] * len(frames)
    if len(frames) < 3:
        return frames
    rng = np.random.default_rng(key)
    while True:
        order = [frames[i] for i in rng.permutation(len(frames))]
        if order not in (frames, frames[::-1]):
            return order


def _read(root: Path, tasks: tuple[str, ...]) -> Iterator[_Question]:
    for path in sorted((root / "multi_json").glob("*/*.json")):
        if path.stem.rpartition("_")[2] not in tasks:
            continue
        try:
            records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
            for record in records:
                options = tuple(str(option) for option in record["options"])
                right = next(
                    i for i, option in enumerate(options) if option.startswith(f"{record['answer']}.")
                )
                yield _Question(
                    record["question"], tuple(option.partition(". ")[2] for option in options), right
                )
        except (OSError, ValueError, TypeError, KeyError, StopIteration) as error:
            raise DatasetError(f"not a list of questions with lettered options: {error!r}", path) from error


@dataclass(frozen=True, slots=True)
class _Design:
    """The features of all options as (row, column) pairs; one row per option, questions in a row."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    right: Floats

    @classmethod
    def of(cls, questions: list[_Question], index: dict[str, int], grow: bool) -> _Design:
        rows: list[int] = []
        columns: list[int] = []
        starts: list[int] = []
        right: list[float] = []
        for question in questions:
            starts.append(len(right))
            for position in range(len(question.options)):
                for feature in _features(question, position):
                    column = index.setdefault(feature, len(index)) if grow else index.get(feature)
                    if column is not None:
                        rows.append(len(right))
                        columns.append(column)
                right.append(float(position == question.right))
        return cls(np.array(rows), np.array(columns), np.array(starts), np.array(right))

    def scores(self, weights: Floats) -> Floats:
        totals = np.bincount(self.rows, weights[self.columns], minlength=len(self.right)).astype(np.float64)
        return totals


def _features(question: _Question, position: int) -> Iterator[str]:
    option = question.options[position]
    template = NAME.sub("_", question.text)
    others = [other for i, other in enumerate(question.options) if i != position]
    words = option.split()
    plain = [
        f"letter {position} of {len(question.options)}",
        f"text {option}",
        *(f"word {word}" for word in words),
        *(f"words {' '.join(pair)}" for pair in pairwise(words)),
        f"shared with the others {sum(word in other.split() for other in others for word in words)}",
        f"shared with the question {sum(word in question.text.split() for word in words)}",
        f"among {' | '.join(sorted(question.options))} {option}",
    ]
    if all(text.isdigit() for text in question.options):
        plain.append(f"rank {sorted(map(int, question.options)).index(int(option))}")
    for feature in plain:
        yield feature
        yield f"{template} {feature}"
    for word in words:
        for name in set(NAME.findall(question.text)):
            yield f"{name} asked, {word} offered"


def _fitted(design: _Design, width: int) -> Floats:
    """Weights of the conditional logit, by gradient descent with a step per weight (Adagrad)."""
    weights, squares = np.zeros(width), np.full(width, 1e-8)
    counts = np.diff(np.append(design.starts, len(design.right)))
    for _ in range(STEPS):
        scores = design.scores(weights)
        scores = np.exp(scores - np.repeat(np.maximum.reduceat(scores, design.starts), counts))
        shares = scores / np.repeat(np.add.reduceat(scores, design.starts), counts)
        error = (shares - design.right)[design.rows]
        slope = np.bincount(design.columns, error, minlength=width) + RIDGE * weights
        squares += slope**2
        weights -= RATE * slope / np.sqrt(squares)
    return weights
