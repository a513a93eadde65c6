"""`re`, with every step of its matching counted: the same results, by the same backtracking in Python.

`re` itself says nothing of how long it tried. Here each pattern is matched twice: by `re`, which gives the
result, and by a matcher that walks the pattern as `re` does and counts. That the two end at the same places
is asserted at every call, so the counter counts what happens.
"""

from __future__ import annotations

import re
import re._compiler as compiler  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tests.scorers.steps.counter import CODE, STEPS, belongs, count

Rest = Callable[[int], int]
"""What follows: the end of the match from a place on, or -1."""
Node = Callable[["_Search", int, Rest], int]

IGNORECASE, DOTALL, MULTILINE, VERBOSE = re.IGNORECASE, re.DOTALL, re.MULTILINE, re.VERBOSE
escape = re.escape
Match = re.Match
_ONE = {"LITERAL", "NOT_LITERAL", "ANY", "IN", "RANGE", "CATEGORY"}


class _Search:
    """One text, and what the groups hold while it is matched."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.groups: dict[int, tuple[int, int]] = {}


class Pattern:
    """A compiled pattern whose methods count their steps."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._real = re.compile(pattern, flags)
        parsed = parser.parse(pattern, flags)
        self._match = _sequence(list(parsed), parsed.state.flags)
        self.pattern, self.flags, self.groups = pattern, self._real.flags, self._real.groups

    def __class_getitem__(cls, item: object) -> type[Pattern]:
        return cls

    def _count(self, text: str, start: int, found: tuple[int, int] | None, moving: bool = True) -> None:
        """Counts the tries from `start` until `found`, which the counter must find as well."""
        before = STEPS[CODE]
        search = _Search(text)
        ended = None
        for at in range(start, len(text) + 1 if moving else start + 1):
            count(1)
            search.groups.clear()
            if (end := self._match(search, at, lambda place: place)) >= 0:
                ended = (at, end)
                break
        belongs(self.pattern, before)
        assert ended == found, (self.pattern, text[:200], ended, found)

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        found = self._real.search(text, start, end)
        self._count(text[:end], start, found.span() if found else None)
        return found

    def match(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        found = self._real.match(text, start, end)
        self._count(text[:end], start, found.span() if found else None, moving=False)
        return found

    def fullmatch(self, text: str, position: int = 0) -> re.Match[str] | None:
        found = self._real.fullmatch(text, position)
        before = STEPS[CODE]
        end = self._match(_Search(text), position, lambda place: place if place == len(text) else -1)
        belongs(self.pattern, before)
        assert (end >= 0) == (found is not None), (self.pattern, text[:200])
        return found

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        at = 0
        for found in self._real.finditer(text):
            # After an empty match the next try must get on; where it begins is then known to `re` alone.
            self._count(text, at if found.end() > found.start() else found.start(), found.span())
            at = found.end() if found.end() > found.start() else found.end() + 1
            yield found
        if at <= len(text):
            self._count(text, at, None)

    def findall(self, text: str) -> list[Any]:
        list(self.finditer(text))
        return self._real.findall(text)

    def sub(self, new: Any, text: str, count: int = 0) -> str:
        list(self.finditer(text))
        return self._real.sub(new, text, count)

    def split(self, text: str, maxsplit: int = 0) -> list[Any]:
        list(self.finditer(text))
        return self._real.split(text, maxsplit)


@cache
def compile(pattern: str, flags: int = 0) -> Pattern:
    return Pattern(pattern, flags)


def search(pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
    return compile(pattern, flags).search(text)


def match(pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
    return compile(pattern, flags).match(text)


def fullmatch(pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
    return compile(pattern, flags).fullmatch(text)


def finditer(pattern: str, text: str, flags: int = 0) -> Iterator[re.Match[str]]:
    return compile(pattern, flags).finditer(text)


def findall(pattern: str, text: str, flags: int = 0) -> list[Any]:
    return compile(pattern, flags).findall(text)


def sub(pattern: str, new: Any, text: str, count: int = 0, flags: int = 0) -> str:
    return compile(pattern, flags).sub(new, text, count)


def split(pattern: str, text: str, maxsplit: int = 0, flags: int = 0) -> list[Any]:
    return compile(pattern, flags).split(text, maxsplit)


# --- the matcher ----------------------------------------------------------------------------------


def _sequence(nodes: list[Any], flags: int) -> Node:
    made = [_node(op, value, flags) for op, value in nodes]
    if len(made) == 1:
        return made[0]

    def run(search: _Search, at: int, rest: Rest, place: int = 0) -> int:
        if place == len(made):
            return rest(at)
        return made[place](search, at, lambda end: run(search, end, rest, place + 1))

    return run


def _one(op: Any, value: Any, flags: int) -> Callable[[str], bool]:
    """Whether a character is what this part of a pattern takes."""
    state = parser.State()
    state.flags = flags
    real = compiler.compile(parser.SubPattern(state, [(op, value)]), flags)
    known: dict[str, bool] = {}

    def takes(character: str) -> bool:
        if character not in known:
            known[character] = real.match(character) is not None
        return known[character]

    return takes


def _node(op: Any, value: Any, flags: int) -> Node:
    name = str(op)
    if name in _ONE:
        return _character(_one(op, value, flags))
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, inner = value
        high = 1 << 60 if high is parser.MAXREPEAT else high
        items = list(inner)
        if len(items) == 1 and str(items[0][0]) in _ONE:
            return _run_of(_one(items[0][0], items[0][1], flags), low, high, name)
        return _repeat(_sequence(items, flags), low, high, name)
    if name == "BRANCH":
        return _branch([_sequence(list(branch), flags) for branch in value[1]])
    if name == "SUBPATTERN":
        group, add, remove, inner = value
        return _group(group, _sequence(list(inner), (flags | add) & ~remove))
    if name == "ATOMIC_GROUP":
        return _atomic(_sequence(list(value), flags))
    if name in ("ASSERT", "ASSERT_NOT"):
        direction, inner = value
        width = inner.getwidth()[0] if direction < 0 else 0
        return _look(_sequence(list(inner), flags), width, name == "ASSERT")
    if name == "AT":
        return _at(op, value, flags)
    if name == "GROUPREF":
        return _back(value)
    raise NotImplementedError(name)


def _character(takes: Callable[[str], bool]) -> Node:
    def run(search: _Search, at: int, rest: Rest) -> int:
        count(1)
        return rest(at + 1) if at < len(search.text) and takes(search.text[at]) else -1

    return run


def _run_of(takes: Callable[[str], bool], low: int, high: int, kind: str) -> Node:
    def run(search: _Search, at: int, rest: Rest) -> int:
        text, end = search.text, at
        last = min(len(text), at + (low if kind == "MIN_REPEAT" else high))
        while end < last and takes(text[end]):
            end += 1
        count(end - at + 1)
        if end - at < low:
            return -1
        if kind == "POSSESSIVE_REPEAT":
            return rest(end)
        if kind == "MAX_REPEAT":
            for place in range(end, at + low - 1, -1):
                count(1)
                if (found := rest(place)) >= 0:
                    return found
            return -1
        while True:
            count(1)
            if (found := rest(end)) >= 0:
                return found
            if end - at >= high or end >= len(text) or not takes(text[end]):
                return -1
            end += 1

    return run


def _repeat(inner: Node, low: int, high: int, kind: str) -> Node:
    def more(search: _Search, at: int, rest: Rest, times: int) -> int:
        count(1)

        def again(end: int) -> int:
            return more(search, end, rest, times + 1) if end > at or times < low else -1

        if times < low:
            return inner(search, at, again)
        if kind == "MIN_REPEAT":
            found = rest(at)
            return found if found >= 0 or times >= high else inner(search, at, again)
        found = inner(search, at, again) if times < high else -1
        return found if found >= 0 else rest(at)

    def greedy(search: _Search, at: int, rest: Rest) -> int:
        return more(search, at, rest, 0)

    if kind != "POSSESSIVE_REPEAT":
        return greedy

    def possessive(search: _Search, at: int, rest: Rest) -> int:
        end = more(search, at, lambda place: place, 0)
        return rest(end) if end >= 0 else -1

    return possessive


def _branch(branches: list[Node]) -> Node:
    def run(search: _Search, at: int, rest: Rest) -> int:
        for branch in branches:
            count(1)
            if (found := branch(search, at, rest)) >= 0:
                return found
        return -1

    return run


def _group(number: int | None, inner: Node) -> Node:
    if number is None:
        return inner

    def run(search: _Search, at: int, rest: Rest) -> int:
        def closed(end: int) -> int:
            before = search.groups.get(number)
            search.groups[number] = (at, end)
            if (found := rest(end)) < 0:
                if before is None:
                    search.groups.pop(number)
                else:
                    search.groups[number] = before
            return found

        return inner(search, at, closed)

    return run


def _atomic(inner: Node) -> Node:
    def run(search: _Search, at: int, rest: Rest) -> int:
        end = inner(search, at, lambda place: place)
        return rest(end) if end >= 0 else -1

    return run


def _look(inner: Node, behind: int, wanted: bool) -> Node:
    def run(search: _Search, at: int, rest: Rest) -> int:
        count(1)
        there = at >= behind and inner(search, at - behind, lambda place: place) >= 0
        return rest(at) if there == wanted else -1

    return run


def _at(op: Any, value: Any, flags: int) -> Node:
    state = parser.State()
    state.flags = flags
    real = compiler.compile(parser.SubPattern(state, [(op, value)]), flags)

    def run(search: _Search, at: int, rest: Rest) -> int:
        count(1)
        return rest(at) if real.match(search.text, at) else -1

    return run


def _back(number: int) -> Node:
    def run(search: _Search, at: int, rest: Rest) -> int:
        start, end = search.groups.get(number, (0, -1))
        word = search.text[start:end]
        count(1 + len(word))
        return rest(at + len(word)) if end >= 0 and search.text.startswith(word, at) else -1

    return run
