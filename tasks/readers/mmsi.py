"""MMSI-Bench: several images and a question with its options written in the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightbench.sample import Media, Sample, Text
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import parquet
from sightbench.tasks.readers.files.disk import user
from sightbench.tasks.readers.files.layout import LayoutReader, Source
from sightbench.tasks.readers.files.options import rotated, written

ROTATIONS = 4


def hub(source: Source) -> Iterator[Sample]:
    """Samples by id from the hub's parquet: {id, images, question_type, question, answer}."""
    paths = sorted(source.path.glob("**/*.parquet")) if source.path.is_dir() else [source.path]
    for path, number, row in parquet.rows(paths):
        media = [data for value in row.get("images") or () if (data := parquet.image(value))]
        if not media or not row.get("question") or not row.get("answer"):
            source.problems.broke(f"row {number} lacks images, question or answer", path)
            continue
        meta = {"category": row.get("question_type"), "question": row["question"]}
        yield sample(str(row["id"]), row["question"], row["answer"], media, meta)


def sample(
    id: str, question: str, answer: str | None, images: Sequence[Media], meta: Mapping[str, Any]
) -> Sample:
    return Sample(
        id=id,
        benchmark="",
        task="",
        category=str(meta.get("category") or ""),
        turns=user(images, f"{question}\n{prompts.BACKTICKS}"),
        gold=answer,
        meta={**meta, "question": question, "choices": written(question)},
    )


def circular(read_once: LayoutReader) -> LayoutReader:
    """Each question four times, its options moved on by one letter each time; a group per question."""

    def read(source: Source) -> Iterator[Sample]:
        for once in read_once(source):
            for turns in range(ROTATIONS):
                try:
                    question, answer = rotated(str(once.meta["question"]), str(once.gold), turns)
                except ValueError as error:
                    source.problems.broke(f"question {once.id} {error}", source.path)
                    break
                parts = (*once.turns[0].parts[:-1], Text(f"{question}\n{prompts.BACKTICKS}"))
                yield replace(
                    once,
                    id=f"{once.id}+{turns}",
                    turns=(replace(once.turns[0], parts=parts),),
                    gold=answer,
                    group=once.id,
                    meta={**once.meta, "question": question, "choices": written(question)},
                )

    return read
