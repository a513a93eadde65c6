"""MMVP's release: Questions.csv and a folder "MMVP Images"; two rows in a row are a pair."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from sightbench.errors import DatasetError
from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files.disk import Seen, images, user
from sightbench.tasks.readers.files.layout import Source

LETTERS = {"(a)": "A", "(b)": "B"}


def read(source: Source) -> Iterator[Sample]:
    """Samples by the file's index, whose column is called Index or, in the release, lndex."""
    folder = source.path.parent
    seen = Seen(source.path, source.problems)
    with source.path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        names = rows.fieldnames or ()
        index = next((name for name in ("lndex", "Index") if name in names), None)
        if index is None or not {"Question", "Options", "Correct Answer"} <= set(names):
            raise DatasetError("needs the columns Index, Question, Options, Correct Answer", source.path, 1)
        for position, row in enumerate(rows):
            line = rows.line_num
            if seen.again(row[index], line):
                continue
            media = images(
                (f"{row[index]}.jpg",), (folder / "MMVP Images", folder), source.problems, source.path, line
            )
            if media is None:
                continue
            first, mark, second = (row["Options"] or "").partition("(b)")
            answer = LETTERS.get((row["Correct Answer"] or "").strip())
            if not mark or answer is None:
                source.problems.broke("has no options (a) and (b), or no answer", source.path, line)
                continue
            options = {"A": first.replace("(a)", "").strip(), "B": second.strip()}
            yield Sample(
                id=row[index],
                benchmark="",
                task="",
                category="",
                turns=user(media, prompts.options_then(row["Question"], options, None, prompts.LETTER)),
                gold=answer,
                group=str(position // 2),
                meta={"question": row["Question"], "choices": options},
            )
