"""Edit distance and longest common subsequence, bit-parallel on Python's integers."""

from __future__ import annotations


def levenshtein(a: str, b: str) -> int:
    """The number of one-character insertions, deletions and substitutions between `a` and `b`.

    Hyyrö's form of Myers' algorithm ("A Bit-Vector Algorithm for Computing Levenshtein and Damerau
    Edit Distances", 2003): one integer holds a whole column of the table.
    """
    if len(a) > len(b):
        a, b = b, a
    if not a:
        return len(b)
    where = _positions(a)
    mask = (1 << len(a)) - 1
    last = 1 << (len(a) - 1)
    plus, minus, distance = mask, 0, len(a)
    for char in b:
        match = where.get(char, 0)
        zero = (((match & plus) + plus) ^ plus) | match | minus
        up = minus | ~(zero | plus) & mask
        down = plus & zero
        if up & last:
            distance += 1
        elif down & last:
            distance -= 1
        up = (up << 1 | 1) & mask
        down = down << 1 & mask
        plus = down | ~(zero | up) & mask
        minus = up & zero
    return distance


def common_subsequence(a: str, b: str) -> int:
    """The length of the longest (not necessarily contiguous) subsequence of both.

    Hyyrö, "Bit-Parallel LCS-length Computation Revisited", 2004.
    """
    if len(a) > len(b):
        a, b = b, a
    where = _positions(a)
    mask = (1 << len(a)) - 1
    row = mask
    for char in b:
        match = row & where.get(char, 0)
        row = (row + match | row - match) & mask
    return len(a) - row.bit_count()


def _positions(text: str) -> dict[str, int]:
    where: dict[str, int] = {}
    for index, char in enumerate(text):
        where[char] = where.get(char, 0) | 1 << index
    return where
