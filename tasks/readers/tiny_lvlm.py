"""Tiny LVLM-eHub: updated_datasets/<ability>/dataset.json with the images beside it."""

from __future__ import annotations

from collections.abc import Iterator

from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import images, user
from sightbench.tasks.readers.files.layout import Source


def read(source: Source) -> Iterator[Sample]:
    """Samples `<ability>/<n>`; an ability is a folder with a dataset.json."""
    for path in sorted(source.path.glob("*/dataset.json")):
        ability = path.parent.name
        for position, row in jsonl.rows(path, source.problems, shapes.Ability):
            media = images((row["image_path"],), (path.parent,), source.problems, path, position)
            if media is not None:
                yield Sample(
                    id=f"{ability}/{position - 1}",
                    benchmark="",
                    task=ability,
                    category=ability,
                    turns=user(media, prompts.short(row["question"], source.profile)),
                    gold=row["gt_answers"],
                    meta={"question": row["question"]},
                )
