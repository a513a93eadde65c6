"""What was counted: steps of each pattern, and of the code around them."""

from __future__ import annotations

from collections import Counter

CODE = "the code"
STEPS: Counter[str] = Counter()
"""Steps so far, by pattern; those of no pattern are the code's."""


def count(number: int) -> None:
    """That many steps were done."""
    STEPS[CODE] += number


def belongs(pattern: str, since: int) -> None:
    """What the code's count grew by since it was at `since` is the pattern's."""
    STEPS[pattern] += STEPS[CODE] - since
    STEPS[CODE] = since
