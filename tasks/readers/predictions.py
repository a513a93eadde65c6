"""Answers that somebody already has on disk, by sample: the result files of this and other tools.

Known layouts, told apart by their ending and keys:
    replies.jsonl   ours: {"sample", "status", "text", ...}
    .jsonl          lmms-eval samples ({"doc_id", "filtered_resps"}), or {"id", "prediction"} and kin
    .json           InternVL result list ({"question_id", "answer"}), VLMEvalKit rows, or {id: answer}
    .json           VLABench's and LEAP's output.json: task -> example -> {origin_output, skill_sequence};
                    named final_score.json, the output.json beside it
    <dimension>/    a folder with such files, a folder for each dimension (and below it for each model)
    .xlsx .tsv .csv VLMEvalKit rows: columns index and prediction
    qa_details/     the folder Dyn-Bench writes: <dataset>/<scene>_<task>_details.json
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError
from sightbench.sample import Sample
from sightbench.tasks.benchmark import BOM, load_json, parse_json
from sightbench.tasks.readers.vlabench import DIMENSIONS
from sightbench.tasks.sound import unicode
from sightbench.terminal import plain

KEYS = ("sample", "id", "question_id", "questionId", "questionid", "ID", "index", "image_id", "data_id")
TEXTS = ("prediction", "model_predict", "text", "answer", "response", "caption", "output", "model_output")
VLABENCH = "benchmeatinfo"
"""The key by which VLABench's output.json is known, spelled as it is there."""
LARGEST_BOOK = 2**30
INFERENCE_ERROR = "inference_error"
"""LEAP's `format_error` of a question that the model could not be asked."""
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
        # VLABench's files name an example by its task, without the dimension.
        names.append(names[-1].partition("/")[2])
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
    for line, record in records(path):
        if record.get("status") == "error":
            continue
        if _is_question(record):
            raise DatasetError(
                "holds a question with its right answer, and no prediction of a model", path, line
            )
        text = _text(record)
        if text is None:
            raise DatasetError(f"no answer in this record (looked for {', '.join(TEXTS)})", path, line)
        if not unicode(text):
            raise DatasetError("the answer holds half a surrogate pair: it is no Unicode", path, line)
        answer = None if text.startswith(FAILURES) else text
        if "doc_id" in record:
            if not isinstance(record["doc_id"], int):
                raise DatasetError(f"the doc_id {plain(record['doc_id'], 40)} is no number", path, line)
            by_position[record["doc_id"]] = answer
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


def _is_question(record: Mapping[str, Any]) -> bool:
    """Whether it is a row of VLMEvalKit's table of questions, whose `answer` is the gold."""
    told = next((key for key in TEXTS if key in record), None)
    return told == "answer" and {"index", "question"} <= record.keys()


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


def records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line or row, what it holds) of a file in one of these layouts. Raises DatasetError."""
    if path.is_dir():
        yield from _details(path) if any(path.glob("**/*_details.json")) else _dimensions(path)
        return
    if path.name == "final_score.json":
        # It holds the scores; the answers are where LEAP and VLABench put them.
        path = path.with_name("output.json")
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
                yield line, _mapping(parse_json(text.removeprefix(BOM), path, line), path, line)


def _json(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    content = load_json(path)
    if isinstance(content, dict) and VLABENCH in content:
        yield from _plans(content, path)
        return
    if isinstance(content, dict) and not any(isinstance(value, dict | list) for value in content.values()):
        content = [{"id": key, "prediction": value} for key, value in content.items()]
    elif isinstance(content, dict):
        content = [{"id": key, **_mapping(value, path, 1)} for key, value in content.items()]
    if not isinstance(content, list):
        raise DatasetError("is neither a list nor an object of answers", path)
    for number, record in enumerate(content, 1):
        yield number, _mapping(record, path, number)


def _details(folder: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Dyn-Bench's qa_details: the n-th record of a file answers the n-th question of <scene>_<task>.json."""
    for path in sorted(folder.glob("**/*_details.json")):
        scene, _, task = path.stem.removesuffix("_details").rpartition("_")
        content = load_json(path)
        for number, record in enumerate(content if isinstance(content, list) else ()):
            id = f"{path.parent.name}/{scene}/{task}/{number}"
            yield number + 1, {"id": id, **_mapping(record, path, number + 1)}


def _dimensions(folder: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """LEAP's results of one model: <dimension>/<model>/output.json."""
    names = {name: dimension for dimension, every in DIMENSIONS.items() for name in every}
    for path in sorted(folder.glob("**/output.json")):
        dimension = next((names[part] for part in reversed(path.parts) if part in names), None)
        for line, record in _json(path):
            yield line, record if dimension is None else {**record, "id": f"{dimension}/{record['id']}"}


def _plans(content: Mapping[str, Any], path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """VLABench's output.json: what the model said, else the plan that was read in it."""
    for task, examples in content.items():
        if task == VLABENCH:
            continue
        for number, output in _mapping(examples, path, 1).items():
            record = _mapping(output, path, 1)
            said = record.get("origin_output")
            if record.get("format_error") == INFERENCE_ERROR:
                said = FAILURES[0]
            if not isinstance(said, str):
                plan = json.dumps(record.get("skill_sequence"), ensure_ascii=False)
                said = (
                    f"```json\n{plan}\n```"
                    if "skill_sequence" in record
                    else str(record.get("format_error", ""))
                )
            yield 1, {"id": f"{task}/example{number}", "prediction": said}


def _xlsx(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from zipfile import BadZipFile, ZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > LARGEST_BOOK:
                raise DatasetError(f"unpacks to more than {LARGEST_BOOK:,} bytes", path)
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
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        try:
            for record in reader:
                if None in record:
                    raise DatasetError("has more cells than the header", path, reader.line_num)
                # A cell that is not there, in a line that was cut, is no empty answer.
                yield reader.line_num, {name: cell for name, cell in record.items() if cell is not None}
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"not a readable table ({error})", path, reader.line_num + 1) from None


def _mapping(value: Any, path: Path, line: int) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError("not an object with an id and an answer", path, line)
    return value
