"""VLMEvalKit's TSV: a table whose `image` cells are images in base64, read without holding any.

Cells follow pandas' defaults, which VLMEvalKit reads with: a cell in double quotes may hold tabs and line
breaks, `""` in it is a quote, and the words in NO_VALUE are no value at all (so an option "None" vanishes).
Columns of numbers stay as they are written; pandas would turn "1" into "1.0" where a column has gaps.
"""

from __future__ import annotations

import ast
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sightbench.errors import DatasetError
from sightbench.sample import NO_VALUE, Media, Slice
from sightbench.tasks.benchmark import BOM, Problems
from sightbench.tasks.readers.files.disk import Seen
from sightbench.tasks.readers.files.disk import images as images_on_disk

LONGEST_POINTER = 64
RELEASE = 2**25
BASE64 = re.compile(rb"[A-Za-z0-9+/=]{65,}")
QUOTED = re.compile(rb'"((?:[^"]|"")*)"?(.*)', re.DOTALL)
NOT_UTF8 = "not UTF-8 text"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TableRow:
    """`line` is where the row begins (from 1), `place` how many rows with an image are before it, broken ones
    too, `cells` its values without the images, None for NO_VALUE."""

    line: int
    place: int
    cells: Mapping[str, str | None]
    images: tuple[Media, ...]

    def text(self, column: str) -> str:
        """The cell's text, empty if there is none."""
        return self.cells.get(column) or ""


def rows(path: Path, problems: Problems, roots: Sequence[Path]) -> Iterator[TableRow]:
    """The rows that have an image, in file order; a row without any is left out, as VLMEvalKit does.

    An `image` cell of up to 64 characters is another row's index and stands for its image. Without such a
    cell, `image_path` is looked for below `roots`. Memory: one span per image, whatever the file's size.
    """
    with _mapped(path) as data:
        records = _records(data, path, problems)
        try:
            _, header = next(records)
        except StopIteration:
            raise DatasetError("is empty: a header line was expected", path) from None
        columns = _columns(data, header, path)
        if "index" not in columns:
            raise DatasetError(
                f"has no column named index; its first line names {', '.join(columns[:8])}", path, 1
            )
        seen = Seen(path, problems)
        known: dict[str, tuple[Slice, ...]] = {}
        complete = False
        place = -1
        for line, spans in records:
            place += 1
            if len(spans) != len(columns):
                problems.broke(f"has {len(spans)} cells, the header {len(columns)}", path, line)
                continue
            try:
                cells = {
                    column: _value(data, span)
                    for column, span in zip(columns, spans, strict=True)
                    if column != "image" or span[1] - span[0] <= LONGEST_POINTER + 2
                }
            except UnicodeDecodeError:
                problems.broke(NOT_UTF8, path, line)
                continue
            pointer = cells.pop("image", "")
            index = cells["index"]
            if index is None:
                problems.broke("has no index", path, line)
                continue
            if seen.again(index, line):
                continue
            media: tuple[Media, ...] | None
            if "image" in columns:
                span = spans[columns.index("image")]
                if pointer is None:
                    problems.skip("rows without an image", path)
                    place -= 1
                    continue
                if pointer and pointer not in known and not complete:
                    known |= _all_images(data, path, columns)
                    complete = True
                pictures = known.get(pointer, ()) if pointer else _slices(data, span, path)
                if not pictures:
                    what = f"points to the image of {pointer}, which has none" if pointer else "is no image"
                    problems.broke(f"the image cell {what}", path, line)
                    continue
                known[index] = pictures
                media = pictures
            else:
                media = images_on_disk(_names(cells.get("image_path")), roots, problems, path, line)
                if media is None:
                    continue
            yield TableRow(line, place, cells, media)


def header(path: Path) -> list[str]:
    """The names of the columns. DatasetError if the file has no line or its first one is not UTF-8."""
    with _mapped(path) as data:
        _, spans = next(_records(data, path, Problems()), (1, []))
        return _columns(data, spans, path)


def _columns(data: mmap.mmap, spans: Sequence[Span], path: Path) -> list[str]:
    try:
        return [_text(data, span) for span in spans]
    except UnicodeDecodeError:
        raise DatasetError(NOT_UTF8, path, 1) from None


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    except ValueError:
        raise DatasetError("is empty: a header line was expected", path) from None


def _records(data: mmap.mmap, path: Path, problems: Problems) -> Iterator[tuple[int, list[Span]]]:
    size = len(data)
    released = 0
    at = len(BOM) if data[: len(BOM)] == BOM else 0
    line = 1
    while at < size:
        if at - released > RELEASE:
            released = _release(data, released, at)
        start, spans = line, []
        while True:
            begin, after = at, at
            if data[at : at + 1] == b'"':
                after = _closing(data, at)
                if after < 0:
                    problems.broke("a quoted cell that begins in this row never ends", path, start)
                    return
                line += data[at:after].count(b"\n")
            tab = data.find(b"\t", after)
            newline = data.find(b"\n", after, tab if tab >= 0 else size)
            if newline < 0 and tab >= 0:
                spans.append((begin, tab))
                at = tab + 1
                continue
            end = size if newline < 0 else newline
            at = end + 1
            line += 1
            spans.append((begin, end - 1 if data[end - 1 : end] == b"\r" and end > begin else end))
            break
        if len(spans) > 1 or data[slice(*spans[0])].strip():
            yield start, spans


def _release(data: mmap.mmap, start: int, end: int) -> int:
    """Give the pages that were read back to the system; returns the offset up to which it was done."""
    end -= end % mmap.ALLOCATIONGRANULARITY
    if hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED, start, end - start)
    return end


def _closing(data: mmap.mmap, quote: int) -> int:
    """The offset after the quote that ends the cell which `quote` begins; -1 if none does."""
    at = quote + 1
    while True:
        at = data.find(b'"', at)
        if at < 0:
            return -1
        if data[at + 1 : at + 2] != b'"':
            return at + 1
        at += 2


def _text(data: mmap.mmap, span: Span) -> str:
    raw = data[span[0] : span[1]]
    if raw.startswith(b'"') and (match := QUOTED.fullmatch(raw)):
        raw = match[1].replace(b'""', b'"') + match[2]
    return raw.decode()


def _value(data: mmap.mmap, span: Span) -> str | None:
    text = _text(data, span)
    return None if text in NO_VALUE else text


def _slices(data: mmap.mmap, span: Span, path: Path) -> tuple[Slice, ...]:
    """The images of a cell: one base64 text, or a Python or JSON list of them."""
    start, end = span
    if data[start : start + 1] == b'"':
        start, end = start + 1, end - 1
    if data[start : start + 1] != b"[":
        return (Slice(path, start, end - start, "base64"),) if BASE64.match(data, start, end) else ()
    return tuple(
        Slice(path, match.start(), match.end() - match.start(), "base64")
        for match in BASE64.finditer(data, start, end)
    )


def _all_images(data: mmap.mmap, path: Path, columns: Sequence[str]) -> dict[str, tuple[Slice, ...]]:
    """index -> images of every row that holds its own: for the row that points ahead."""
    images: dict[str, tuple[Slice, ...]] = {}
    records = _records(data, path, Problems())
    next(records)
    for _, spans in records:
        if len(spans) == len(columns):
            slices = _slices(data, spans[columns.index("image")], path)
            if slices:
                with suppress(UnicodeDecodeError):
                    images[_text(data, spans[columns.index("index")])] = slices
    return images


def _names(cell: str | None) -> tuple[str, ...]:
    """The image paths of a cell: a list literal, or one path."""
    if not cell:
        return ()
    if cell.startswith("[") and cell.endswith("]"):
        try:
            return tuple(str(name) for name in ast.literal_eval(cell))
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            return (cell,)
    return (cell,)
