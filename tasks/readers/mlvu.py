"""MLVU's multiple choice: a JSON file per task (dev), or one file for all (test), and the videos beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import ascii_uppercase

from sightbench.sample import Sample, Text, Turn, Video
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import locate
from sightbench.tasks.readers.files.layout import Source

SYSTEM = (
    "Carefully watch this video and pay attention to every detail. Based on your observations, select the "
    "best option that accurately addresses the question."
)
CLOSING = "Only give the best option."
DEV_FILES = (
    *("1_plotQA.json", "2_needle.json", "3_ego.json", "4_count.json", "5_order.json"),
    *("6_anomaly_reco.json", "7_topic_reasoning.json"),
)


def dev(source: Source) -> Iterator[Sample]:
    """The questions of the seven files that are there, task by task; ids are `<task>/<row from 1>`."""
    for name in DEV_FILES:
        if (source.path / name).is_file():
            yield from _questions(source, source.path / name, name.removesuffix(".json").partition("_")[2])


def test(source: Source) -> Iterator[Sample]:
    """The questions of one file, with their answers or, in the leaderboard's file, without."""
    yield from _questions(source, source.path, "")


def _questions(source: Source, path: Path, task: str) -> Iterator[Sample]:
    folder = path.parent
    bases = tuple(
        base / place
        for base in (folder, folder.parent, source.data)
        for place in (f"video/{path.stem}", f"video/{task}", "video", "")
    )
    for line, row in jsonl.rows(path, source.problems, shapes.LongVideoQuestion):
        video = locate(row["video"], bases)
        if video is None:
            source.problems.broke(f"the video {row['video']} is not on disk", path, line)
            continue
        options = dict(zip(ascii_uppercase, row["candidates"], strict=False))
        # Of two options with the same text the reference takes the last.
        right = [letter for letter, text in options.items() if text == row.get("answer")]
        if row.get("answer") is not None and not right:
            source.problems.broke("answer: none of the candidates", path, line)
            continue
        lines = "\n".join(f"({letter}) {text}" for letter, text in options.items())
        question = f"Question: {row['question']}\nOptions:\n{lines}".rstrip()
        yield Sample(
            id=str(row.get("question_id") or f"{task}/{line}"),
            benchmark="",
            task="",
            category=row["question_type"],
            turns=(
                Turn("system", (Text(SYSTEM),)),
                Turn("user", (Video(id=row["video"], file=video), Text(f"{question}\n{CLOSING}"))),
            ),
            gold=right[-1] if right else None,
            meta={"question": row["question"], "choices": options, "question_type": row["question_type"]},
        )
