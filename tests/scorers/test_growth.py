"""Reading an answer takes steps in proportion to its length, whatever is in it: no shape makes it quadratic.

Steps are counted, not seconds (tests/scorers/steps), of each pattern and of the code around them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.table import SCORERS
from tests.hostile import generator
from tests.scorers.steps import counted_re
from tests.scorers.steps.counted_code import counted_scorers
from tests.scorers.steps.counter import STEPS
from tests.scorers.test_hostile_lines import line

Reader = Callable[[str], object]
PIECES = (
    *("\u200b", "``a", "1e+", "[1", "[", "(", "{", "<", "<box>", "\\boxed{", "\\frac{", "A", "A ", "(A", "1"),
    *("1,", "-", " ", "\n", ".", "a ", "Answer:", "<think>", "</think>", "yes", "对", "$", '"', "&amp;"),
    *("x=1 ", "```json\n", '{"', "/", "=", "9" * 50 + " ", "not ", "[[1, 2", "(1,", "İ", "the answer is "),
    *("a.", "a@", "a,", "<!a", "<answer>", 'The answer is "', "x\\boxed{", "Final answer: "),
)  # fmt: skip
METRICS = sorted(name for name, scorer in SCORERS.items() if scorer.kind == "text")
BEFORE = ("set_aside_reasoning", "boxed_or_rest", "tagged_or_rest", "classify", "is_refusal")
LENGTH, AHEAD = 120, 16
"""Characters of the shortest answer (a quarter of them for captions, whose 70 rules see each), and what a
rule of a caption's tokens may look ahead: less than that."""


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, list[Reader]]]:
    """What reads an answer, by metric, a reader a profile; `answer` is what stands before all of them."""
    with counted_scorers() as modules:
        vars(modules["text.ptb"])["AHEAD"] = AHEAD
        scorers = modules["table"].SCORERS
        of = {
            metric: [_reader(scorers, metric, profile) for profile in _profiles(metric)] for metric in METRICS
        }
        answer = modules["answer"]
        finals = [lambda text, how=how: answer.final_answer(text, how) for how in ("boxed", "final_answer")]
        yield {**of, "answer": [*(getattr(answer, name) for name in BEFORE), *finals]}


def _profiles(metric: str) -> list[str]:
    return [str(profile) for profile in SCORERS[metric].profiles]


def _reader(scorers: Mapping[str, Any], metric: str, profile: str) -> Reader:
    record = line(metric)
    columns = {key: value for key, value in record.items() if key not in ("prediction", "gold")}

    def read(answer: str) -> object:
        given = dict(columns)
        if "rows" in given:
            given["rows"] = [{**row, "prediction": answer} for row in given["rows"]]
        return scorers[metric].grade(answer, record["gold"], given, profile)

    return read


def steps(read: Reader, answer: str) -> Counter[str]:
    STEPS.clear()
    # Patterns are counted by calls within calls, many to a character; hypothesis sets a limit of its own.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(80_000)
    try:
        read(answer)
    finally:
        sys.setrecursionlimit(limit)
    return STEPS.copy()


def grows(read: Reader, piece: str, length: int = LENGTH) -> None:
    """Fails if from the second to the fourth length a pattern, or the code, does more than twice as many more
    steps as from the first to the second, and once more on answers four times as long: a rule may begin to
    fit only at some length."""
    times = max(4, -(-length // len(piece)))
    if _faster(read, piece, times):
        assert not (found := _faster(read, piece, 4 * times)), (piece, found)


def _faster(read: Reader, piece: str, times: int) -> list[tuple[str, int, int, int]]:
    """What grows faster than the answer, with its steps at the three lengths."""
    one, two, four = (steps(read, piece * times * n + "B") for n in (1, 2, 4))
    return [
        (part, one[part], two[part], four[part])
        for part in four
        if four[part] - two[part] > 2.2 * (two[part] - one[part]) + 0.1 * four[part] + 30
    ]


@pytest.mark.parametrize("metric", ["answer", *METRICS])
def test_the_steps_grow_with_the_length_and_no_faster(metric: str, readers: dict[str, list[Reader]]) -> None:
    for read in readers[metric]:
        read("B")  # tables that are made once
        for piece in PIECES:
            grows(read, piece, LENGTH // 4 if metric == "caption" else LENGTH)


@given(st.sampled_from(["answer", *METRICS]), st.lists(st.sampled_from(PIECES), min_size=2, max_size=3))
@generator(30)
def test_nor_do_they_for_pieces_together(
    readers: dict[str, list[Reader]], metric: str, pieces: list[str]
) -> None:
    for read in readers[metric]:
        read("B")
        grows(read, "".join(pieces), LENGTH // 4 if metric == "caption" else LENGTH)


@pytest.mark.parametrize("pattern", ["a+b", "a*a*b", "a.*b"])
def test_what_goes_back_over_its_text_is_counted(pattern: str) -> None:
    search = counted_re.compile(pattern).search
    with pytest.raises(AssertionError):
        grows(search, "a", 12)
    grows(counted_re.compile("ba").search, "a", 12)
