"""One JSON object per line (Qwen-VL and InternVL annotations), or one JSON list of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sightbench.errors import DatasetError
from sightbench.tasks.benchmark import BOM, Problems, load_json, parse_json

NumberedObject = tuple[int, dict[str, Any]]


def rows(
    path: Path, problems: Problems, shape: type[msgspec.Struct] | None = None
) -> Iterator[NumberedObject]:
    """(line, object) of every good line; a line that is no object, or not of that shape, is broken.

    In a file that is one list, the position (from 1) stands for the line. DatasetError if the file cannot
    be opened.
    """
    source = _listed(path) if path.suffix == ".json" else _lines(path, problems)
    for line, row in source:
        if not isinstance(row, dict):
            problems.broke("is not a JSON object", path, line)
            continue
        try:
            if shape is not None:
                msgspec.convert(row, shape)
        except (msgspec.ValidationError, RecursionError) as error:
            problems.broke(_in_words(str(error)), path, line)
            continue
        yield line, row


def in_order(
    path: Path, problems: Problems, shape: type[msgspec.Struct] | None = None
) -> list[tuple[int, dict[str, Any] | None]]:
    """All lines, for files whose rows are paired by their order: a broken one is None in its place."""
    before = len(problems.broken)
    good = dict(rows(path, problems, shape))
    broken = {error.line for error in problems.broken[before:] if error.line is not None}
    return [(line, good.get(line)) for line in sorted({*good, *broken})]


MISSING = re.compile(r"Object missing required field `(.+?)`")
EXPECTED = re.compile(r"Expected (.+?) - at `\$\.?(.+?)`")


def _in_words(error: str) -> str:
    """What msgspec says of a row, as it follows the row's place."""
    if missing := MISSING.search(error):
        return f"has no {missing[1]!r}"
    if expected := EXPECTED.search(error):
        return f"{expected[2]} is wrong: expected {expected[1].replace('`', '')}"
    return f"is wrong: {error}"


def _listed(path: Path) -> Iterator[tuple[int, Any]]:
    content = load_json(path)
    if not isinstance(content, list):
        raise DatasetError("should be a JSON list of objects", path)
    yield from enumerate(content, start=1)


def _lines(path: Path, problems: Problems) -> Iterator[tuple[int, Any]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    with file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                yield line, parse_json(text.removeprefix(BOM), path, line)
            except DatasetError as error:
                problems.broken.append(error)
