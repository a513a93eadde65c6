"""One JSON object per line (Qwen-VL and InternVL annotations), or one JSON list of objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError
from sightbench.tasks.benchmark import Problems, load_json, parse_json

NumberedObject = tuple[int, dict[str, Any]]


def rows(path: Path, problems: Problems, needs: Sequence[str] = ()) -> Iterator[NumberedObject]:
    """(line, object) of every good line; a line that is no object or lacks a key of `needs` is broken.

    In a file that is one list, the position (from 1) stands for the line. DatasetError if the file cannot
    be opened.
    """
    source = _listed(path) if path.suffix == ".json" else _lines(path, problems)
    for line, row in source:
        missing = next((key for key in needs if not isinstance(row, dict) or key not in row), None)
        if not isinstance(row, dict):
            problems.broke("is not a JSON object", path, line)
        elif missing is not None:
            problems.broke(f"has no {missing!r}", path, line)
        else:
            yield line, row


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
                yield line, parse_json(text.removeprefix(b"\xef\xbb\xbf"), path, line)
            except DatasetError as error:
                problems.broken.append(error)
