"""What judging yields: a Grade for one answer, a Score for one sample, a tree of Metrics for a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sightbench.sample import Sample
from sightbench.scorers.statistics.evidence import Evidence


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
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """One line of scores.jsonl. `status` `error`: no reply, so no value: a failure is never a score."""

    sample: str
    value: float | None
    parsed: Any
    status: Literal["scored", "unparsed", "ungraded", "error"]
    detail: Mapping[str, Any] = field(default_factory=dict)


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
class Totals:
    """What a benchmark's rows come to: the number people quote, others beside it, and reference points.

    `baselines`: by name (chance, say) the number of each category, in the headline's unit. `columns`: the
    headline's parts form a table of these columns, each part being called `<column> <row>`.
    """

    headline: Metric
    extras: tuple[Metric, ...] = ()
    baselines: Mapping[str, Mapping[str, float]] | None = None
    columns: tuple[str, ...] = ()
