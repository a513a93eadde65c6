"""MMSI-Bench: several images and a question with its options written in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightbench.sample import Image, Media, Sample, Turn
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import parquet
from sightbench.tasks.readers.files.disk import numbered, user
from sightbench.tasks.readers.files.layout import LayoutReader, Source

LETTERS = "ABCD"
OPTION = re.compile(r"([A-D])\s*:\s*(.*?)(?=\s+[A-D]\s*:|,\s*[A-D]\s*:|$)")


def hub(source: Source) -> Iterator[Sample]:
    """Samples by id from the hub's parquet: {id, images, question_type, question, answer}."""
    paths = sorted(source.path.glob("**/*.parquet")) if source.path.is_dir() else [source.path]
    for path, number, row in parquet.rows(paths):
        media = [data for value in row.get("images") or () if (data := parquet.image(value))]
        if not media or not row.get("question") or not row.get("answer"):
            source.problems.broke(f"row {number} lacks images, question or answer", path)
            continue
        meta = {"category": row.get("question_type"), "question": row["question"]}
        yield sample(str(row["id"]), row["question"], row["answer"], media, meta, source.profile)


def sample(
    id: str,
    question: str,
    answer: str | None,
    images: Sequence[Media],
    meta: Mapping[str, Any],
    profile: str,
) -> Sample:
    return Sample(
        id=id,
        benchmark="",
        task="",
        category=str(meta.get("category") or ""),
        turns=_turns(question, images, profile),
        gold=answer,
        meta={**meta, "question": question, "choices": options(question)},
    )


def _turns(question: str, images: Sequence[Media], profile: str) -> tuple[Turn, ...]:
    if profile == "internvl":
        # The wrapper looks for options in columns, which the table has not.
        return numbered(images, f"{question}\n{prompts.DIRECT}")
    return user(images, f"{question}\n{prompts.BACKTICKS}")


def options(question: str) -> dict[str, str]:
    """Letter -> text of the options at the end of `question`, as the reference reads them: with or without a
    space after the colon, apart by commas or by space. Empty if there are none."""
    _, _, listed = question.partition("Options:")
    return {letter: text.strip() for letter, text in OPTION.findall(listed.strip())}


def rotated(question: str, answer: str, order: str) -> tuple[str, str]:
    """`question` with its options in `order` ("BCDA": what was B comes first), and the answer's new letter.

    ValueError if the options cannot be read or the answer is none of them.
    """
    texts = options(question)
    if answer not in texts:
        raise ValueError("has no options A, B, ... written in its text, so they cannot be re-ordered")
    moved = {letter: texts[old] for letter, old in zip(LETTERS, order, strict=True) if old in texts}
    listed = ", ".join(f"{letter}: {text}" for letter, text in moved.items())
    return f"{question.partition('Options:')[0].strip()}\nOptions: {listed}", LETTERS[order.index(answer)]


def circular(read_once: LayoutReader) -> LayoutReader:
    """Each question four times, its options moved on by one letter each time; a group per question.

    A question whose options cannot be read is left out, as in the reference.
    """

    def read(source: Source) -> Iterator[Sample]:
        for once in read_once(source):
            media = [part.media for part in once.turns[0].parts if isinstance(part, Image)]
            for turns in range(len(LETTERS)):
                order = LETTERS[turns:] + LETTERS[:turns]
                try:
                    question, answer = rotated(str(once.meta["question"]), str(once.gold), order)
                except ValueError:
                    source.problems.skip("questions whose options cannot be read", source.path)
                    break
                yield replace(
                    once,
                    id=f"{once.id}+{turns}",
                    turns=_turns(question, media, source.profile),
                    gold=answer,
                    group=once.id,
                    meta={**once.meta, "question": question, "choices": options(question)},
                )

    return read
