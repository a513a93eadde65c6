"""A judge set beside a reference judge on the same answers, and what follows for a run's numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

from sightbench.client.journal import JUDGEMENTS, Journal
from sightbench.errors import UsageError
from sightbench.evaluation.judges.anchors import Anchor, Anchors
from sightbench.evaluation.judges.ask import Judged, Note, OnProgress, OpenJudge, ask_judge
from sightbench.evaluation.judges.grader import judged
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.judges.verdicts import Verdicts
from sightbench.files import replace_file
from sightbench.scorers.judged.form import Form
from sightbench.scorers.judged.row import OURS
from sightbench.scorers.score import Metric
from sightbench.scorers.scorer import Context
from sightbench.scorers.statistics.agreement import agreement, cohens_kappa, krippendorffs_alpha
from sightbench.scorers.statistics.equating import accuracy, shift
from sightbench.scorers.table import SCORERS

EQUATING = "equating.json"

BINARY = ("yes_no", "choice", "mathvista")
"""Families whose verdicts come to right or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equating:
    """One judge against another over anchors: `reference` and `judged` are the two judges' marks of each,
    `clusters` what anchors share. `family` is the judge of the table it holds for, `judge` the identity it
    holds for; `without` of the anchors have no verdict today."""

    family: str
    form: str
    judge: Mapping[str, Any]
    source: str
    reference_judge: str
    reference: tuple[tuple[float, ...], ...]
    judged: tuple[tuple[float, ...], ...]
    clusters: tuple[str, ...]
    without: int = 0

    def column(self, at: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The two judges' marks at one place of their verdicts."""
        return tuple(marks[at] for marks in self.reference), tuple(marks[at] for marks in self.judged)

    @property
    def width(self) -> int:
        return len(self.reference[0]) if self.reference else 0

    def lines(self) -> list[str]:
        """What a person reads of it."""
        told = f"{len(self.reference)} answers that {self.reference_judge} judged ({self.source})"
        lost = f", {self.without} more without a verdict now" if self.without else ""
        lines = [f"{self.form} against {told}{lost}"]
        names = ("reference answers", "model's answers") if self.width == 2 else ("marks",)
        for at, name in enumerate(names[: self.width]):
            reference, now = self.column(at)
            lines.append(f"  {name}: {', '.join(_figures(reference, now, self.clusters))}")
        if self.family in BINARY and self.reference:
            known = accuracy(*self.column(0), self.clusters)
            lines.append(f"  sensitivity {_of(known.sensitivity)}, specificity {_of(known.specificity)}")
        return lines


def equate(
    opened: OpenJudge,
    anchors: Anchors,
    folder: Path,
    options: JudgeOptions,
    *,
    note: Note,
    progress: OnProgress | None = None,
) -> tuple[Equating, Judged]:
    """Asks the judge about the anchors (its replies go into the folder's judgements) and compares.

    Raises UsageError for a form that their judge does not have.
    """
    wanted = opened.record.profile
    form = anchors.kind.judge.forms.get(wanted)
    if form is None and wanted != OURS:
        form = anchors.kind.judge.form("reference", anchors.kind.profile)
    if form is None:
        raise UsageError(
            f"--judge-profile {wanted}: the anchors' judge has {', '.join(anchors.kind.judge.forms)}"
        )
    asked = [(anchors.source, form, anchor.case) for anchor in anchors.anchors]
    outcome = asyncio.run(ask_judge(folder, opened, asked, options, note=note, progress=progress))
    with Journal.open(folder, write=False, name=JUDGEMENTS) as journal:
        verdicts = Verdicts(opened.record, journal.read)
        now = [_marks(verdicts, form, anchor, anchors) for anchor in anchors.anchors]
    both = [(anchor, marks) for anchor, marks in zip(anchors.anchors, now, strict=True) if marks is not None]
    found = Equating(
        family=anchors.kind.family,
        form=form.name,
        judge=opened.record.identity,
        source=anchors.source,
        reference_judge=anchors.judge,
        reference=tuple(anchor.marks for anchor, _ in both),
        judged=tuple(marks for _, marks in both),
        clusters=tuple(anchor.cluster for anchor, _ in both),
        without=len(now) - len(both),
    )
    return found, outcome


def keep(folder: Path, found: Equating) -> None:
    """Puts it into a run's folder, in place of an earlier one of the same family and judge."""
    others = [each for each in read(folder) if (each.family, each.judge) != (found.family, found.judge)]
    content = [msgspec.to_builtins(each) for each in (*others, found)]
    replace_file(folder / EQUATING, orjson.dumps(content) + b"\n")


def read(folder: Path) -> tuple[Equating, ...]:
    """What a run's folder holds; nothing where there is none or it cannot be read."""
    try:
        return msgspec.json.decode((folder / EQUATING).read_bytes(), type=tuple[Equating, ...])
    except (OSError, msgspec.MsgspecError):
        return ()


def holding(found: Sequence[Equating], form: str, judge: Mapping[str, Any]) -> Equating | None:
    """The one that holds for a form of this judge: asked in our words or the reference's, as it was."""
    family, _, profile = form.partition("/")
    for each in found:
        same_words = (each.form.partition("/")[2] == OURS) == (profile == OURS)
        if each.family == family and dict(each.judge) == dict(judge) and same_words and each.reference:
            return each
    return None


def _marks(verdicts: Verdicts, form: Form, anchor: Anchor, anchors: Anchors) -> tuple[float, ...] | None:
    """The judge's marks of an anchor, as its scorer reads them; None without a verdict."""
    scorer, context = SCORERS[anchors.kind.scorer], Context(anchors.kind.profile)
    grade = judged(verdicts.of(form, anchor.case), form, anchor.case, scorer, context)
    if grade.value is None:
        return None
    if len(anchor.marks) == 2:
        pair = grade.parsed
        usable = isinstance(pair, list) and len(pair) == 2 and min(pair) >= 0
        return (float(pair[0]), float(pair[1])) if usable else None
    return (grade.value,)


def _figures(reference: Sequence[float], now: Sequence[float], clusters: Sequence[str]) -> list[str]:
    if not reference:
        return ["nothing to compare"]
    moved = shift(reference, now, clusters)
    kappa, alpha = cohens_kappa(reference, now), krippendorffs_alpha(np.array([reference, now]))
    weighted = cohens_kappa(reference, now, weights="quadratic")
    same = agreement(reference, now)
    figures = [
        f"agreement {100 * (same or 0):.1f} %",
        f"Cohen's kappa {_number(kappa)} (quadratic weights {_number(weighted)})",
        f"Krippendorff's alpha {_number(alpha)}",
    ]
    return [*figures, f"mean shift {_of(moved, sign='+')}"]


def _of(metric: Metric, sign: str = "") -> str:
    if metric.value is None:
        return "not known"
    told = f"{metric.value:{sign}.3f}"
    if metric.interval is None:
        return told
    low, high = metric.interval
    return f"{told} (95 % interval {low:{sign}.3f} to {high:{sign}.3f})"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
