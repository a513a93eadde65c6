"""MathVista: the hub's parquet, or the repository's testmini.json with query.json and images/ beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sightbench.sample import Media, Sample
from sightbench.tasks import prompts
from sightbench.tasks.benchmark import load_json
from sightbench.tasks.readers.files import parquet
from sightbench.tasks.readers.files.disk import find, images, user
from sightbench.tasks.readers.files.layout import LayoutReader, Source


def hub(split: str) -> LayoutReader:
    """Samples by pid from data/<split>-*.parquet."""

    def read(source: Source) -> Iterator[Sample]:
        paths = sorted(source.path.glob(f"{split}-*.parquet"))
        for path, number, row in parquet.rows(paths):
            image = parquet.image(row.get("decoded_image"))
            if image is None or not row.get("query"):
                source.problems.broke(f"row {number} has no image or no query", path)
                continue
            yield _sample(str(row["pid"]), row, row["query"], image, source.profile)

    return read


def repository(source: Source) -> Iterator[Sample]:
    """Samples by pid from the repository's own files; the prompt is query.json's."""
    beside = find(source.path.parent, ("query.json",))
    queries: Mapping[str, str] = load_json(beside) if beside else {}
    for pid, row in load_json(source.path).items():
        query = row.get("query") or queries.get(pid)
        if query is None:
            source.problems.broke(f"problem {pid} has no query, here or in query.json", source.path)
            continue
        bases = (source.path.parent, source.path.parent.parent, source.data)
        media = images((row["image"],), bases, source.problems, source.path, None)
        if media is not None:
            yield _sample(pid, row, query, media[0], source.profile)


def _sample(pid: str, row: Mapping[str, Any], query: str, image: Media, profile: str) -> Sample:
    metadata = row.get("metadata") or {}
    wording = prompts.REASON_FIRST.format(query) if profile == "internvl_cot" else query
    fields = ("question", "choices", "unit", "precision", "question_type", "answer_type")
    return Sample(
        id=pid,
        benchmark="",
        task=str(metadata.get("task", "")),
        category=str(metadata.get("category", "")),
        turns=user((image,), wording),
        gold=row.get("answer") or None,
        meta={**{key: row.get(key) for key in fields}, **metadata, **prompts.cot(profile)},
    )
