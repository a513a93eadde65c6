"""How long grading takes: MMMU's validation set, and the scorers that compare long texts.

    python -m perf.choice_scorers

The text comparisons are set beside the textbook tables that the reference implementations fill.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from sightbench.sample import Sample
from sightbench.scorers.choice.mmmu import DOMAINS, MMMU
from sightbench.scorers.choice.multiple_choice import CHOICE
from sightbench.scorers.score import Row, Score
from sightbench.scorers.scorer import Scorer
from sightbench.scorers.text.edit import common_subsequence, levenshtein

TEXT = "the answer is so because of a light blue line on graph therefore 3.5 1,200 kg not yes (A) B"


def main() -> None:
    words = TEXT.split()
    rng = random.Random(0)
    responses = [" ".join(rng.choices(words, k=60)) for _ in range(900)]
    seconds = best(lambda: grade_mmmu(responses))
    print(f"MMMU val, 900 answers of 60 words, graded and summed up: {seconds:.3f} s (target: under 1 s)")

    options = {letter: " ".join(rng.choices(words, k=3)) for letter in "ABCD"}
    for profile in CHOICE.profiles:
        seconds = best(lambda profile=profile: grade_choice(CHOICE, profile, responses, options))  # type: ignore[misc]
        print(f"choice, {profile}: {len(responses) / seconds:,.0f} answers/s")

    for name, fast, table in (
        ("edit distance", levenshtein, distance_table),
        ("common subsequence", common_subsequence, subsequence_table),
    ):
        pairs = [(option, response) for option in options.values() for response in responses[:25]]
        ours = best(lambda fast=fast, pairs=pairs: [fast(*pair) for pair in pairs])  # type: ignore[misc]
        theirs = best(lambda table=table, pairs=pairs: [table(*pair) for pair in pairs])  # type: ignore[misc]
        print(f"{name}, option against answer: {theirs / ours:.0f} times as fast as the table")


def grade_mmmu(responses: list[str]) -> None:
    subjects = [subject for members in DOMAINS.values() for subject in members]
    options = {"A": "light blue", "B": "a line", "C": "1,200 kg", "D": "not so"}
    rows = []
    for index, response in enumerate(responses):
        fields = {"question_type": "open" if index % 17 == 0 else "multiple-choice", "choices": options}
        grade = MMMU.grade(response, "B", fields, "official")
        sample = Sample(str(index), "mmmu", "val", subjects[index % 30], (), gold="B")
        rows.append(Row(sample, Score(sample.id, grade.value, grade.parsed, grade.status)))
    MMMU.aggregate(rows, "official")


def grade_choice(
    scorer: Scorer[Any, Any, Any], profile: str, responses: list[str], options: dict[str, str]
) -> None:
    for response in responses:
        scorer.grade(response, "B", {"choices": options}, profile)


def distance_table(a: str, b: str) -> int:
    line = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        following = [i]
        for j, y in enumerate(b, 1):
            following.append(min(line[j] + 1, following[-1] + 1, line[j - 1] + (x != y)))
        line = following
    return line[-1]


def subsequence_table(a: str, b: str) -> int:
    line = [0] * (len(b) + 1)
    for x in a:
        following = [0]
        for j, y in enumerate(b, 1):
            following.append(line[j - 1] + 1 if x == y else max(line[j], following[-1]))
        line = following
    return line[-1]


def best(work: Callable[[], object], rounds: int = 5) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
