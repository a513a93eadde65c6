"""Reading an answer takes time in proportion to its length, whatever is in it: no shape makes it quadratic.

Growth is asserted, not speed: the CPU time at four times the length against that at once the length, and only
of shapes that a quadratic reader would be slow at.
"""

from __future__ import annotations

import time

import pytest

from sightbench.scorers.table import SCORERS
from tests.scorers.test_hostile_lines import line

PIECES = (
    *("\u200b", "``a", "1e+", "[1", "[", "(", "{", "<", "<box>", "\\boxed{", "\\frac{", "A", "A ", "(A", "1"),
    *("1,", "-", " ", "\n", ".", "a ", "Answer:", "<think>", "</think>", "yes", "对", "$", '"', "&amp;"),
    *("x=1 ", "```json\n", '{"', "/", "=", "9" * 50 + " ", "not ", "[[1, 2", "(1,", "İ", "the answer is "),
)  # fmt: skip
QUICK = 5e-6
"""Seconds of CPU for a character that need no second look."""


def spent(metric: str, profile: str, answer: str) -> float:
    record = line(metric)
    columns = {key: value for key, value in record.items() if key not in ("prediction", "gold")}
    if "rows" in columns:
        columns["rows"] = [{**row, "prediction": answer} for row in columns["rows"]]
    before = time.process_time()
    SCORERS[metric].grade(answer, record["gold"], columns, profile)
    return time.process_time() - before


@pytest.mark.parametrize("metric", sorted(name for name, scorer in SCORERS.items() if scorer.kind == "text"))
def test_the_work_grows_with_the_length_and_no_faster(metric: str) -> None:
    # CIDEr and its kin count n-grams: ten times the work of any reader, and as linear.
    length = 1_000 if metric == "caption" else 10_000
    for profile in SCORERS[metric].profiles:
        for piece in PIECES:
            answer = piece * (length // len(piece)) + "B"
            if spent(metric, profile, answer) > QUICK * length:
                once, four = (min(spent(metric, profile, answer * n) for _ in range(2)) for n in (1, 4))
                assert four < 10 * once or four < QUICK * length, (profile, piece, once, four)
