"""What judging yields: a Grade for one answer, a Score for one sample, a tree of Metrics for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sightbench.sample import Sample
from sightbench.scorers.statistics.evidence import Evidence

Fields = Mapping[str, Any]
"""What a scorer needs beside prediction and gold (`choices`, `question_type`, `hw`, ...)."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One answer judged. `value` is what the reference adds to its mean (0-1 unless it says else).

    `unparsed`: the extractor found no answer; `value` is then 0.0, and reports count it apart.
    `ungraded`: there is no gold, or a judge is needed; `value` is None and enters no number.
    `rule` names the step of the extractor that fired.
    """

    value: float | None
    parsed: Any = None
    status: Literal["scored", "unparsed", "ungraded"] = "scored"
    rule: str = ""
    detail: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """One line of scores.jsonl. `status` `error`: no reply, so no value: a failure is never a score."""

    sample: str
    value: float | None
    parsed: Any
    status: Literal["scored", "unparsed", "ungraded", "error"]
    detail: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A sample beside its score: what aggregation sees, in file order."""

    sample: Sample
    score: Score


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a report and the numbers it is made of.

    `value` is in `unit` (already x100 for "%"), None where it cannot be computed (`note` says why).
    `n` is how many items (rows, pairs, objects) stand behind it, `clusters` how many videos (or whatever
    answers share), `effective_n` how many independent items would give the same error (None for what is
    no plain mean). `stderr`, `interval` (95 %) and `bounds` (the ends of the scale, where it has any) are
    in the same unit. `evidence` is what sums of metrics and comparisons of runs are made from; it is not
    part of what the metric says, and no file holds it.
    """

    name: str
    value: float | None
    n: int
    unit: str = "%"
    stderr: float | None = None
    interval: tuple[float, float] | None = None
    parts: tuple[Metric, ...] = ()
    note: str = ""
    clusters: int | None = None
    effective_n: float | None = None
    bounds: tuple[float, float] | None = field(default=None, repr=False)
    evidence: Evidence | None = field(default=None, compare=False, repr=False)

    @property
    def design_effect(self) -> float | None:
        """How many times as many items it takes as independent ones would; above 1 where videos decide."""
        return self.n / self.effective_n if self.effective_n else None


@dataclass(frozen=True, slots=True)
class Scorer:
    """One entry of the table in scorers/table.py: how answers of a kind are judged and summed up.

    `grade(prediction, gold, fields, profile)` judges one answer and never raises on a model's text
    (a malformed gold or a missing field raises ValueError with one line saying which).
    `aggregate(rows, profile)` gets all rows in file order; rows whose value is None enter no number,
    and a group with such a row is left out whole. Without `needs_gold` the prediction is a judge's reply,
    which says by itself how good the answer was, and `gold` may be left out.
    """

    name: str
    grade: Callable[[str, Any, Fields, str], Grade]
    aggregate: Callable[[Sequence[Row], str], Metric]
    profiles: tuple[str, ...] = ("official",)
    fields: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    needs_gold: bool = True
