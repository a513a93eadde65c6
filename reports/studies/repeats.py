"""Several answers to each question, as a person reads it on the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sightbench.reports.summary import metric_json
from sightbench.reports.tables import precision, value
from sightbench.scorers.statistics.repeats import Repeats


def lines(found: Mapping[str, Repeats]) -> Iterator[str]:
    """The benchmarks one after the other, a number a line."""
    for name, one in found.items():
        yield f"{name}: {one.n:,} questions asked {one.tries} times; every question weighs the same here"
        for metric in (one.average, *(at for _, at in one.pass_at), one.majority, one.consistency):
            yield f"  {metric.name:18} {value(metric):>12}  {precision(metric).partition(',')[0]}".rstrip()
        if one.decoding is not None:
            share = 100 * one.decoding
            yield f"  variance of an answer: {100 - share:.0f} % from questions, {share:.0f} % from decoding"


def to_json(found: Mapping[str, Repeats]) -> dict[str, Any]:
    """The same as plain JSON values, by benchmark."""
    return {
        name: {
            "tries": one.tries,
            "n": one.n,
            "mean": metric_json(one.average),
            "variance_from_decoding": one.decoding,
            "pass_at": {str(k): metric_json(metric) for k, metric in one.pass_at},
            "majority": metric_json(one.majority),
            "consistency": metric_json(one.consistency),
        }
        for name, one in found.items()
    }
