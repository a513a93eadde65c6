"""A run as every export takes it, and what all of them say in the same way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sightbench.reports.summary import Summary
from sightbench.sample import Gold, Image, LabelTruth, MaskTruth, Reply, RleTruth, Sample, Text, Video
from sightbench.scorers.score import Metric, Score

Entry = tuple[Sample, Reply | None, Score]


@dataclass(frozen=True, slots=True)
class Exporting:
    """What is exported: the numbers, who answered, and by benchmark's name every sample with its reply.

    `engine` is what served the model, None where it did not say; `service` a hosted one's name. `request` is
    what shaped the requests beside the samples. `started` has a time zone. `full_marks` is the value of the
    best answer to a sample.
    """

    summary: Summary
    model: str
    engine: str | None
    engine_version: str | None
    service: str | None
    request: Mapping[str, Any]
    started: datetime
    version: str
    entries: Callable[[str], Iterator[Entry]]
    full_marks: Callable[[Sample], float]


def question(sample: Sample) -> str:
    """What was asked as one text; media as <image> and <video: 8 frames>."""
    pieces = []
    for turn in sample.turns:
        for part in turn.parts:
            if isinstance(part, Text):
                pieces.append(part.text)
            elif isinstance(part, Image):
                pieces.append("<image>\n")
            elif isinstance(part, Video):
                frames = f"{len(part.frames)} frames" if part.frames else "a file"
                pieces.append(f"<video {part.id}: {frames}>\n")
    return "".join(pieces)


def golds(gold: Gold) -> list[str]:
    """What is right, as texts; nothing where it is hidden."""
    if gold is None:
        return []
    match gold:
        case MaskTruth():
            return [f"masks of {gold.object} in {gold.folder}"]
        case RleTruth():
            return [f"masks of {', '.join(gold.annotations) or 'nothing'} in {gold.file}"]
        case LabelTruth():
            return [f"masks of {', '.join(map(str, gold.labels)) or 'everything'} in {gold.folder}"]
    if isinstance(gold, str):
        return [gold]
    if isinstance(gold, list | tuple) and all(isinstance(one, str | int | float) for one in gold):
        return [str(one) for one in gold]
    return [json.dumps(gold, ensure_ascii=False)]


def said(reply: Reply) -> str:
    """The answer as text; of one in masks how many objects it draws."""
    if reply.masks and not reply.text:
        return "<masks>"
    return reply.text or ""


def slug(name: str) -> str:
    """`qa_accuracy` of "QA accuracy"."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "score"


def as_share(metric: Metric) -> tuple[float | None, float | None]:
    """(value, standard error): percentages as shares of 1, as most tools keep them; others as they are."""
    scale = 100.0 if metric.unit == "%" else 1.0
    error = None if metric.stderr is None else metric.stderr / scale
    return (None if metric.value is None else metric.value / scale), error
