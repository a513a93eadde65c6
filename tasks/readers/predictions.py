"""Answers that somebody already has on disk, by sample: the result files of this and other tools.

Known layouts, told apart by their ending and keys:
    replies.jsonl   ours: {"sample", "status", "text", ...}
    .jsonl          lmms-eval samples ({"doc_id", "filtered_resps"}), or {"id", "prediction"} and kin
    .json           InternVL result list ({"question_id", "answer"}), VLMEvalKit rows, or {id: answer}
    .xlsx .tsv .csv VLMEvalKit rows: columns index and prediction
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError
from sightbench.sample import Sample
from sightbench.tasks.benchmark import load_json, parse_json

KEYS = ("sample", "id", "question_id", "questionId", "questionid", "index", "ID", "image_id", "data_id")
TEXTS = ("prediction", "text", "answer", "response", "caption", "output", "model_output")
FAILURES = ("Failed to obtain answer via API", "[LMMS_EVAL_REQUEST_FAILED")


@dataclass(frozen=True, slots=True)
class Predictions:
    """`by_id`: the file's own id -> answer; `by_position`: the sample's place in its file -> answer.

    An answer is None where the other tool wrote down a failed request instead of an answer.
    """

    by_id: Mapping[str, str | None]
    by_position: Mapping[int, str | None]

    def find(self, sample: Sample) -> tuple[bool, str | None]:
        """(is there an entry, its answer), by the id, the id without the benchmark, or the gold file's id."""
        names = [sample.id, sample.id.removeprefix(f"{sample.benchmark}/")]
        names += [str(sample.meta[key]) for key in KEYS if sample.meta.get(key) is not None]
        for name in names:
            if name in self.by_id:
                return True, self.by_id[name]
        if sample.order in self.by_position:
            return True, self.by_position[sample.order]
        return False, None


def read(path: Path) -> Predictions:
    """Raises DatasetError for a missing file, an unknown form, or an id answered twice differently."""
    by_id: dict[str, str | None] = {}
    by_position: dict[int, str | None] = {}
    for line, record in _records(path):
        if record.get("status") == "error":
            continue
        text = _text(record)
        if text is None:
            raise DatasetError(f"no answer in this record (looked for {', '.join(TEXTS)})", path, line)
        answer = None if text.startswith(FAILURES) else text
        if "doc_id" in record:
            by_position[int(record["doc_id"])] = answer
            continue
        name = next((str(record[key]) for key in KEYS if record.get(key) is not None), None)
        if name is None:
            raise DatasetError(f"no id in this record (looked for {', '.join(KEYS)})", path, line)
        if name in by_id and by_id[name] != answer:
            raise DatasetError(f"id {name!r} is answered twice, differently", path, line)
        by_id[name] = answer
    if not by_id and not by_position:
        raise DatasetError("holds no answers", path)
    return Predictions(by_id, by_position)


def _text(record: Mapping[str, Any]) -> str | None:
    for key in ("filtered_resps", "resps"):
        value = record.get(key)
        while isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str):
            return value
    for key in TEXTS:
        if key in record:
            value = record[key]
            return "" if value is None else str(value)
    return None


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not path.is_file():
        raise DatasetError("there is no such file of predictions", path)
    match path.suffix.lower():
        case ".jsonl":
            yield from _jsonl(path)
        case ".json":
            yield from _json(path)
        case ".xlsx":
            yield from _xlsx(path)
        case ".tsv" | ".csv":
            yield from _delimited(path, "\t" if path.suffix.lower() == ".tsv" else ",")
        case other:
            raise DatasetError(f"predictions end in .jsonl, .json, .xlsx, .tsv or .csv, not {other!r}", path)


def _jsonl(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                yield line, _mapping(parse_json(text, path, line), path, line)


def _json(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    content = load_json(path)
    if isinstance(content, dict) and not any(isinstance(value, dict | list) for value in content.values()):
        content = [{"id": key, "prediction": value} for key, value in content.items()]
    elif isinstance(content, dict):
        content = [{"id": key, **_mapping(value, path, 1)} for key, value in content.items()]
    for number, record in enumerate(content, 1):
        yield number, _mapping(record, path, number)


def _xlsx(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise DatasetError(f"not a readable xlsx file ({error})", path) from None
    with closing(book):
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = [str(cell) for cell in next(rows, ())]
        for line, row in enumerate(rows, 2):
            yield line, dict(zip(header, row, strict=False))


def _delimited(path: Path, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        for record in reader:
            yield reader.line_num, record


def _mapping(value: Any, path: Path, line: int) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError("not an object with an id and an answer", path, line)
    return value
