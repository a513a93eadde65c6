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

from sightbench.errors import DatasetError, SightbenchError, UsageError
from sightbench.tasks.conditional_logit import Design, Options, fitted
from sightbench.tasks.synthetic.generate import QA
from sightbench.tasks.synthetic.scene import COLOURS, SHAPES

NAME = re.compile(rf"\b(?:{'|'.join(COLOURS)}) (?:{'|'.join(SHAPES)})\b")


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
    weights = fitted(Design.of(map(_options, fit), index, grow=True), len(index))
    chosen = Design.of(map(_options, exam), index, grow=False).chosen(weights)
    hits = sum(found == question.right for found, question in zip(chosen, exam, strict=True))
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


def _options(question: _Question) -> Options:
    return Options([_features(question, at) for at in range(len(question.options))], question.right)


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
