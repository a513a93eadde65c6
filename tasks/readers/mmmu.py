"""MMMU from the hub: a folder per subject with <split>-*.parquet in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any

from sightbench.sample import Image, Media, Part, Sample, Text, Turn
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import parquet
from sightbench.tasks.readers.files.layout import LayoutReader, Source

IMAGES = tuple(f"image_{number}" for number in range(1, 8))
HIDDEN = "?"


def reader(split: str) -> LayoutReader:
    """Samples by id (`validation_Accounting_1`), the subject as category."""

    def read(source: Source) -> Iterator[Sample]:
        paths = sorted(source.path.glob(f"*/{split}-*.parquet"))
        for path, number, row in parquet.rows(paths):
            images = [data for name in IMAGES if (data := parquet.image(row.get(name)))]
            try:
                options = [str(option) for option in ast.literal_eval(row["options"] or "[]")]
                question = str(row["question"])
            except (KeyError, SyntaxError, ValueError, TypeError) as error:
                source.problems.broke(f"row {number} is no MMMU question: {error}", path)
                continue
            if not images:
                source.problems.broke(f"row {number} has no image", path)
                continue
            profile = "official" if source.profile == "official" else "internvl"
            answer = row.get("answer")
            yield Sample(
                id=str(row["id"]),
                benchmark="",
                task=split,
                category=path.parent.name,
                turns=(Turn("user", parts(question, options, images, profile)),),
                gold=None if answer in (None, "", HIDDEN) else gold(answer),
                meta={
                    "question": question,
                    "question_type": "multiple-choice" if options else "open",
                    "choices": dict(zip(ascii_uppercase, options, strict=False)),
                    "subfield": row.get("subfield"),
                    "topic_difficulty": row.get("topic_difficulty"),
                },
            )

    return read


def gold(answer: str) -> Any:
    """The answer; a list where the file writes several acceptable ones as a list."""
    if answer.startswith("[") and answer.endswith("]"):
        try:
            return [str(item) for item in ast.literal_eval(answer)]
        except (SyntaxError, ValueError):
            return answer
    return answer


def parts(question: str, options: Sequence[str], images: Sequence[Media], profile: str) -> tuple[Part, ...]:
    """Every image, then the text as InternVL or the benchmark's own code (`official`) words it.

    "<image 1>" stays in the text, as in both references.
    """
    if profile == "official":
        listed = "".join(
            f"({letter}) {text}\n" for letter, text in zip(ascii_uppercase, options, strict=False)
        )
        wording = f"{question}\n{listed}\n{prompts.LETTER}" if options else f"{question}\n{prompts.SHORT}"
    else:
        stripped = [text.strip() for text in options]
        instruction = prompts.LETTER if options else prompts.SHORT
        lettered = dict(zip(ascii_uppercase, stripped, strict=False))
        wording = prompts.options_then(question.strip(), lettered, None, instruction).strip()
    return (*(Image(image) for image in images), Text(wording))
