"""What the report page is made of: a few facts on each run, and a stream of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sightbench.reports.summary import Summary
from sightbench.rle import Rle
from sightbench.sample import Reply, Sample, Turn
from sightbench.scorers.score import Score
from sightbench.scorers.statistics.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Masks:
    """One object's masks, a mask per frame: as predicted (None: no mask) and the ground truth.

    `j` and `f` are 0..1 for the frames that count, in order; `first` is the frame that `j[0]` is of.
    `definition` is whose they are, `f_within` F at each tolerance of its curve; empty where there is none.
    """

    predicted: tuple[Rle | None, ...]
    truth: tuple[Rle, ...]
    j: tuple[float, ...] = ()
    f: tuple[float, ...] = ()
    first: int = 0
    definition: str = ""
    f_within: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of one answer: `outcome` is "verdict" or why there is none, `text` its last reply,
    `prompt` the texts it was asked with, `tries` how many replies that took."""

    judge: str
    form: str
    outcome: str
    tries: int
    text: str | None
    prompt: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample of one run. `turns` is the prompt as it was sent; `reply` is None if it was never asked.

    `full_marks` is the value of a score that could not be better.
    """

    sample: Sample
    turns: tuple[Turn, ...]
    reply: Reply | None
    score: Score
    masks: Masks | None = None
    verdict: Verdict | None = None
    full_marks: float = 1.0


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of how a run was made: `model: Qwen/Qwen3-VL-8B`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the page shows it.

    `entries` gives its samples in file order, and may be called once. `command` repeats the run, where
    that is known.
    """

    label: str
    folder: Path
    state: Literal["complete", "incomplete", "running"]
    summary: Summary
    entries: Callable[[], Iterator[Entry]]
    command: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Ballot:
    """Makes the page one for people to compare the answers of its two runs on; `id` is what their ratings
    are kept under."""

    id: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """The run at position `run` of the page against the first one, on one benchmark."""

    run: int
    comparison: Comparison
