"""HallusionBench.json with its hallusion_bench/ images; the 951 questions that have one are asked."""

from __future__ import annotations

from collections.abc import Iterator

from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import images, user
from sightbench.tasks.readers.files.layout import Source

IDENTITY = ("category", "subcategory", "visual_input", "set_id", "figure_id", "question_id")


def read(source: Source) -> Iterator[Sample]:
    """Samples `<category>_<subcategory>_<visual>_<set>_<figure>_<question>`, gold Yes or No."""
    bases = (source.path.parent / "hallusion_bench", source.path.parent, source.data)
    for position, row in jsonl.rows(source.path, source.problems, shapes.Hallusion):
        if not row.get("filename"):
            source.problems.skip("questions without an image", source.path)
            continue
        media = images((row["filename"],), bases, source.problems, source.path, position)
        if media is None:
            continue
        identity = {key: str(row[key]) for key in IDENTITY}
        yield Sample(
            id="_".join(identity.values()),
            benchmark="",
            task="",
            category=identity["category"],
            turns=user(media, prompts.yes_no(row["question"], source.profile)),
            gold="Yes" if str(row["gt_answer"]) == "1" else "No",
            meta={
                **identity,
                "l2-category": f"{identity['category']}_{identity['subcategory']}",
                "question": row["question"],
                **({"gt_answer_details": row["gt_answer_details"]} if row.get("gt_answer_details") else {}),
                **prompts.cot(source.profile, "boxed"),
            },
        )
