"""Edit distance and common subsequence against the textbook tables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.edit import common_subsequence, levenshtein

words = st.text(alphabet="abcé界İ", max_size=14)


@given(words, words)
def test_levenshtein_agrees_with_the_table(a: str, b: str) -> None:
    line = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        following = [i]
        for j, y in enumerate(b, 1):
            following.append(min(line[j] + 1, following[-1] + 1, line[j - 1] + (x != y)))
        line = following
    assert levenshtein(a, b) == line[-1]


@given(words, words)
def test_common_subsequence_agrees_with_the_table(a: str, b: str) -> None:
    line = [0] * (len(b) + 1)
    for x in a:
        following = [0]
        for j, y in enumerate(b, 1):
            following.append(line[j - 1] + 1 if x == y else max(line[j], following[-1]))
        line = following
    assert common_subsequence(a, b) == line[-1]


def test_long_texts() -> None:
    assert levenshtein("a" * 500, "a" * 300 + "b" * 200) == 200
    assert common_subsequence("ab" * 500, "b" * 400) == 400
