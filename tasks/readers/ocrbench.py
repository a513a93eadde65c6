"""OCRBench.json with OCRBench_Images/ beside it: {dataset_name, id, image_path, question, answers, type}."""

from __future__ import annotations

from collections.abc import Iterator

from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import images, user
from sightbench.tasks.readers.files.layout import Source


def read(source: Source) -> Iterator[Sample]:
    """Samples by position in the file (its ids repeat), the question's type as category."""
    folder = source.path.parent
    bases = (folder / "OCRBench_Images", folder, source.data)
    for position, row in jsonl.rows(source.path, source.problems, shapes.Ocr):
        media = images((row["image_path"],), bases, source.problems, source.path, position)
        if media is not None:
            yield Sample(
                id=str(position - 1),
                benchmark="",
                task="",
                category=row["type"],
                turns=user(media, prompts.ocr_bench(row["question"], source.profile)),
                gold=row["answers"],
                meta={"question": row["question"], "dataset_name": row.get("dataset_name")},
            )
