"""The number a reference judge would have given, beside the one today's judge gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sightbench.evaluation.judges.equate import BINARY, Equating
from sightbench.evaluation.judges.verdicts import VERDICT
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics.equating import (
    accuracy,
    prediction_powered,
    ratio_of_means,
    rogan_gladen,
    shift,
)
from sightbench.scorers.statistics.means import mean


def equated(headline: Metric, rows: Sequence[Row], equating: Equating) -> Metric | None:
    """The equated form of a benchmark's headline with its widened interval; None where none can be made:
    a number over sets (circular, figures and questions) is not a mean over the answers that were judged."""
    known = [row for row in rows if row.score.value is not None]
    judged = [row for row in known if row.score.detail.get("judge", {}).get("outcome") == VERDICT]
    if not judged or headline.value is None:
        return None
    if equating.family == "llava_bench":
        return _pairs(headline, judged, equating)
    if equating.family in BINARY:
        values = [row.score.value or 0.0 for row in known]
        if abs(100 * float(np.mean(values)) - headline.value) > 1e-9:
            return None
        raw = mean(headline.name, [row.score.value or 0.0 for row in judged], _clusters(judged))
        share = len(judged) / len(known)
        exact = sum(row.score.value or 0.0 for row in known if row not in judged) / len(known)
        return rogan_gladen(raw, accuracy(*equating.column(0), equating.clusters), share, exact)
    scale = 100.0 if headline.unit == "%" else 1.0
    moved = shift(*equating.column(0), equating.clusters)
    return prediction_powered(headline, _times(moved, scale))


def _pairs(headline: Metric, rows: Sequence[Row], equating: Equating) -> Metric:
    marks = np.array([row.score.parsed for row in rows], dtype=np.float64)
    return ratio_of_means(
        f"{headline.name}, equated",
        marks,
        _clusters(rows),
        np.array(equating.reference),
        np.array(equating.judged),
        equating.clusters,
    )


def _times(metric: Metric, scale: float) -> Metric:
    if metric.value is None:
        return metric
    stderr = None if metric.stderr is None else scale * metric.stderr
    return replace(metric, value=scale * metric.value, stderr=stderr, interval=None)


def _clusters(rows: Sequence[Row]) -> list[str]:
    return [row.sample.affinity for row in rows]
