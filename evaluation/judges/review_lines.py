"""A blind review in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sightbench.evaluation.judges.review import Review
from sightbench.reports.summary import metric_json
from sightbench.scorers.score import Metric


def lines(review: Review) -> Iterator[str]:
    """What a person reads, in order of importance."""
    jury = ", ".join(review.judges)
    yield f"{review.items:,} questions, answers without names, judged by {jury}"
    for warning in review.warnings:
        yield f"warning: {warning}"
    for pairing in review.pairings:
        yield f"{pairing.rate.name}: preferred {_told(pairing.rate)}"
        even = pairing.at_equal_length
        yield f"  at equal length of the answers: {_told(even) if even.value is not None else even.note}"
        bias = f"{pairing.biased} judged otherwise in the other order (ties)"
        if pairing.biased:
            bias += f", {pairing.first_place} of them for whichever stood first"
        lost = f"; {pairing.without} without a verdict" if pairing.without else ""
        yield f"  {pairing.ties} ties; {bias}{lost}"
    if review.strengths:
        yield "strengths (Bradley and Terry's, on Elo's scale, mean 0):"
        for strength in review.strengths:
            ends = strength.interval
            span = f" (95 % interval {ends[0]:+.0f} to {ends[1]:+.0f})" if ends else ""
            yield f"  {review.labels[strength.model]}: {strength.value:+.0f}{span}"
    if review.marks:
        yield "marks from 1 to 10, each answer by itself:"
        for mark in review.marks:
            yield f"  {mark.name}: {_told(mark)}"
        if review.marks_without:
            yield f"  {review.marks_without} without a verdict"
    for name, alpha in (("preferences", review.pair_alpha), ("marks", review.mark_alpha)):
        if alpha is not None:
            yield f"the judges' agreement on {name}: Krippendorff's alpha {alpha:.3f}"
    if review.stopped is not None:
        yield f"stopped: {review.stopped}; the same command continues it"


def to_json(review: Review) -> dict[str, Any]:
    """Everything, as review.json holds it."""
    return {
        "labels": review.labels,
        "judges": review.judges,
        "items": review.items,
        "warnings": review.warnings,
        "pairings": [
            {
                **asdict(pairing),
                "rate": metric_json(pairing.rate),
                "at_equal_length": metric_json(pairing.at_equal_length),
            }
            for pairing in review.pairings
        ],
        "strengths": [asdict(strength) for strength in review.strengths],
        "marks": [metric_json(mark) for mark in review.marks],
        "marks_without": review.marks_without,
        "agreement": {"preferences": review.pair_alpha, "marks": review.mark_alpha},
        "verdicts": list(review.verdicts),
    }


def _told(metric: Metric) -> str:
    if metric.value is None:
        return metric.note or "not known"
    digits = 1 if metric.unit == "%" else 2
    unit = " %" if metric.unit == "%" else ""
    told = f"{metric.value:.{digits}f}{unit}"
    if metric.interval is None:
        return f"{told} (n {metric.n:,})"
    low, high = metric.interval
    return f"{told} (95 % interval {low:.{digits}f} to {high:.{digits}f}, n {metric.n:,})"
