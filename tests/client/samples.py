"""Samples and settings that the client's tests share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sightbench.client.journal import Journal
from sightbench.client.progress import Progress
from sightbench.client.run import Outcome, ask
from sightbench.client.settings import Settings, Target
from sightbench.sample import Image, Reply, Sample, Text, Turn, Video


def text(name: str, question: str = "Which?", **fields: Any) -> Sample:
    return Sample(name, "bench", "task", "category", (Turn("user", (Text(question),)),), **fields)


def texts(count: int) -> Iterator[Sample]:
    for index in range(count):
        yield text(f"q/{index}", f"question {index}", order=index)


def picture(name: str, path: Path, **fields: Any) -> Sample:
    return Sample(name, "b", "t", "c", (Turn("user", (Image(path), Text("What?"))),), **fields)


def about(video: Video, name: str, question: str = "What?", **fields: Any) -> Sample:
    return Sample(name, "b", "t", "c", (Turn("user", (video, Text(question))),), **fields)


def to(*urls: str, **fields: Any) -> Settings:
    given: dict[str, Any] = {"model": "tiny", "concurrency": 16, "patience": 20.0, "timeout": 20.0}
    return Settings(endpoints=tuple(Target(url) for url in urls), **(given | fields))


async def run(
    folder: Path, settings: Settings, samples: Iterable[Sample], seen: list[Progress] | None = None
) -> tuple[Outcome, dict[str, Reply]]:
    """Asks, and reads the newest reply to every sample back from the journal."""
    with Journal.open(folder) as journal:
        outcome = await ask(samples, settings, journal, progress=None if seen is None else seen.append)
        replies = {name: journal.at(place) for name, place in journal.index().items()}
    return outcome, replies
