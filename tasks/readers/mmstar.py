"""Multiple choice from the hub's parquet, the options written in the question (MMStar)."""

from __future__ import annotations

from collections.abc import Iterator

from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import parquet
from sightbench.tasks.readers.files.disk import user
from sightbench.tasks.readers.files.layout import Source
from sightbench.tasks.readers.files.options import written


def read(source: Source) -> Iterator[Sample]:
    """Samples by `index` from {index, question, image, answer, category, l2_category}."""
    paths = sorted(source.path.glob("**/*.parquet")) if source.path.is_dir() else [source.path]
    for path, number, row in parquet.rows(paths):
        image = parquet.image(row.get("image"))
        question, answer = row.get("question"), row.get("answer")
        if image is None or not question or not answer:
            source.problems.broke(f"row {number} lacks image, question or answer", path)
            continue
        meta = {key: row[key] for key in ("index", "category", "l2_category") if row.get(key) is not None}
        yield Sample(
            id=str(row.get("index", number - 1)),
            benchmark="",
            task="",
            category=str(row.get("category") or ""),
            turns=user((image,), f"{question}\n{prompts.LETTER}"),
            gold=answer,
            meta={**meta, "question": question, "choices": written(question)},
        )
