"""How much of a benchmark its texts give away: a classifier that never sees an image, in folds by video."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sightbench.sample import Gold, Sample, StoredMasks, Text
from sightbench.tasks.conditional_logit import Design, Options, fitted

FOLDS = 5
ANSWERS = 50
"""Of questions without options: so many of the most common answers are what is chosen from."""

_LONGEST = 24
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Guess:
    """One question answered without looking. `chance` is what guessing an option is worth, `letter` whether
    the most common place of the right option (or the most common answer) of the other videos was right."""

    sample: str
    cluster: str
    category: str
    right: bool
    letter: bool
    chance: float


@dataclass(frozen=True, slots=True)
class _Question:
    sample: Sample
    words: tuple[str, ...]
    options: tuple[str, ...]
    gold: str


def guesses(samples: Iterable[Sample], folds: int = FOLDS) -> tuple[Guess, ...]:
    """Every question whose answer is one text, answered by what the questions about other videos teach.

    Options (or the most common answers, where a question has none) are chosen by a conditional logit over
    their letter, words and length, what they share with the others, and pairs of a word of the question
    and an option. All questions that share a video are in one fold, so no video teaches about itself.
    """
    questions = [question for sample in samples if (question := _question(sample)) is not None]
    dealt = _dealt(questions, folds)
    found: dict[str, Guess] = {}
    for fold in range(folds):
        exam = [question for question in questions if dealt[question.sample.affinity] == fold]
        taught = [question for question in questions if dealt[question.sample.affinity] != fold]
        if not exam or not taught:
            continue
        common = [
            gold for gold, _ in Counter(one.gold for one in taught if not one.options).most_common(ANSWERS)
        ]
        index: dict[str, int] = {}
        weights = fitted(Design.of((_asked(one, common) for one in taught), index, grow=True), len(index))
        exam = [one for one in exam if one.options or common]
        asked = [_asked(one, common) for one in exam]
        design = Design.of(asked, index, grow=False)
        places = Counter(_right(one, common) for one in taught if one.options)
        place = places.most_common(1)[0][0] if places else 0
        for question, options, chosen in zip(exam, asked, design.chosen(weights), strict=True):
            usual = (place if question.options else 0) == options.right
            found[question.sample.id] = Guess(
                question.sample.id,
                question.sample.affinity,
                question.sample.category,
                chosen == options.right,
                usual and options.right is not None,
                1 / len(question.options) if question.options else 1 / max(1, len(common)),
            )
    return tuple(found[one.sample.id] for one in questions if one.sample.id in found)


def _question(sample: Sample) -> _Question | None:
    gold = _gold(sample.gold)
    if gold is None:
        return None
    text = " ".join(part.text for turn in sample.turns for part in turn.parts if isinstance(part, Text))
    options = tuple(sample.choices.values())
    letters = tuple(sample.choices)
    if gold in letters:
        gold = options[letters.index(gold)]
    return _Question(sample, tuple(word.lower() for word in _WORD.findall(text)), options, gold)


def _gold(gold: Gold) -> str | None:
    if isinstance(gold, StoredMasks | Mapping):
        return None
    if isinstance(gold, list | tuple):
        texts = [str(one) for one in gold if isinstance(one, str | int | float)]
        return Counter(texts).most_common(1)[0][0] if texts else None
    return None if gold is None else str(gold)


def _asked(question: _Question, common: Sequence[str]) -> Options:
    options = question.options or tuple(common)
    return Options(
        [tuple(_features(question, options, at)) for at in range(len(options))], _right(question, common)
    )


def _right(question: _Question, common: Sequence[str]) -> int | None:
    options = question.options or tuple(common)
    return options.index(question.gold) if question.gold in options else None


def _features(question: _Question, options: Sequence[str], at: int) -> Iterator[str]:
    option = options[at].lower()
    words = [word.lower() for word in _WORD.findall(option)][:_LONGEST]
    if question.options:
        yield f"letter {at} of {len(options)}"
        lengths = sorted(len(other) for other in options)
        yield f"length {lengths.index(len(option))} of {len(options)}"
        others = Counter(
            word for other in options for word in {word.lower() for word in _WORD.findall(other)}
        )
        yield f"shared {sum(others[word] > 1 for word in set(words))}"
        yield f"asked {sum(word in question.words for word in set(words))}"
        numbers = sorted(int(text) for text in options if text.isdecimal())
        if option.isdecimal() and len(numbers) == len(options):
            yield f"rank {numbers.index(int(option))} of {len(numbers)}"
    yield f"text {option}"
    for word in words:
        yield f"word {word}"
    start = " ".join(question.words[:3])
    yield f"{start}: {option}"
    for word in dict.fromkeys(question.words[:_LONGEST]):
        yield f"{word} > {option}"


def _dealt(questions: Sequence[_Question], folds: int) -> dict[str, int]:
    """The fold of each video: in an order that hangs on the names alone, always the emptiest fold next."""
    sizes = Counter(question.sample.affinity for question in questions)
    filled = [0] * folds
    dealt = {}
    for name in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        dealt[name] = filled.index(min(filled))
        filled[dealt[name]] += sizes[name]
    return dealt
