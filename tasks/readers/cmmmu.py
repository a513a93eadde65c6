"""CMMMU: JSON lines of Chinese questions, `<img="q_1.png">` in their text where an image belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import Seen, images, user
from sightbench.tasks.readers.files.layout import Source

COLUMNS = {"A": "option1", "B": "option2", "C": "option3", "D": "option4"}


def read(source: Source) -> Iterator[Sample]:
    """Samples by id from a .jsonl, or from every .jsonl of a folder; category is the domain."""
    return _read(source, shapes.Exam)


def hidden(source: Source) -> Iterator[Sample]:
    """The same of a split whose answers are hidden."""
    return _read(source, shapes.HiddenExam)


def _read(source: Source, shape: type[msgspec.Struct]) -> Iterator[Sample]:
    paths = sorted(source.path.glob("**/*.jsonl")) if source.path.is_dir() else [source.path]
    for path in paths:
        seen = Seen(path, source.problems)
        bases = (path.parent, path.parent / "images", path.parent.parent / "images", source.path, source.data)
        for line, row in jsonl.rows(path, source.problems, shape):
            if seen.again(str(row["id"]), line):
                continue
            names = row.get("img_list") or re.findall(r'<img="([^"]*)">', row["question"])
            media = images(names, bases, source.problems, path, line)
            if media is None:
                continue
            try:
                wording = prompt(row, row["question"])
            except ValueError as error:
                source.problems.broke(str(error), path, line)
                continue
            yield Sample(
                id=str(row["id"]),
                benchmark="",
                task="",
                category=str(row.get("category", "")),
                turns=user(media, wording),
                gold=row.get("answer"),
                meta={**row, "choices": options_of(row)},
            )


def options_of(row: Mapping[str, Any]) -> dict[str, str]:
    return {letter: str(row[column]) for letter, column in COLUMNS.items() if row.get(column)}


def prompt(row: Mapping[str, Any], question: str) -> str:
    """The question with the instruction for its type; ValueError if the type is none of the three."""
    kind = row.get("type")
    if kind not in prompts.CMMMU:
        raise ValueError(f"has the type {kind!r}, not one of {', '.join(prompts.CMMMU)}")
    if kind == "选择":
        return f"问题: {question}\nOptions:\n{prompts.lettered(options_of(row))}\n{prompts.CMMMU[kind]}"
    return f"{question}\n{prompts.CMMMU[kind]}"
