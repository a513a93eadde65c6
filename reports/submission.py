"""What an evaluation server wants of a split whose gold is hidden."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from sightbench.errors import UsageError
from sightbench.sample import Sample


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered sample: the reply's text, reasoning set aside, and what the extractor read in it."""

    sample: Sample
    text: str
    parsed: Any


def submission(format: str, answers: Iterable[Answer]) -> tuple[str, bytes]:
    """(file ending, bytes) in the named format. Raises UsageError for a format nobody knows."""
    if format not in FORMATS:
        raise UsageError(f"there is no submission format {format!r}; known: {', '.join(sorted(FORMATS))}")
    ending, write = FORMATS[format]
    try:
        return ending, write(list(answers))
    except KeyError as error:
        # A form asks for columns that only its own benchmark's rows have.
        raise UsageError(f"{format} is a form of another benchmark: these rows have no {error}") from None


def _json(record: Callable[[Answer], dict[str, Any]]) -> Callable[[list[Answer]], bytes]:
    def write(answers: list[Answer]) -> bytes:
        return json.dumps([record(answer) for answer in answers], ensure_ascii=False).encode()

    return write


def _vqa(answer: Answer) -> dict[str, Any]:
    return {"question_id": _question_id(answer.sample), "answer": answer.text}


def _vizwiz(answer: Answer) -> dict[str, Any]:
    return {"image": PurePath(str(_question_id(answer.sample))).name, "answer": answer.text}


def _docvqa(answer: Answer) -> dict[str, Any]:
    return {"questionId": _question_id(answer.sample), "answer": answer.text}


def _gqa(answer: Answer) -> dict[str, Any]:
    # convert_gqa_for_eval of the LLaVA scripts: no strip, one full stop off the end, lower case.
    return {
        "questionId": str(_question_id(answer.sample)),
        "prediction": answer.text.rstrip(".").lower(),
    }


def _mmmu(answers: list[Answer]) -> bytes:
    def told(answer: Answer) -> str:
        letter = answer.sample.meta.get("question_type") == "multiple-choice"
        return str(answer.parsed) if letter and answer.parsed is not None else answer.text

    records = {_own_id(answer.sample): told(answer) for answer in answers}
    return json.dumps(records, ensure_ascii=False).encode()


def _cmmmu(answers: list[Answer]) -> bytes:
    """The replies, which its eval_script.py reads by itself: {id, type, response}, a line each."""
    rows = (
        {"id": _number(_own_id(each.sample)), "type": each.sample.meta["type"], "response": each.text}
        for each in answers
    )
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _mlvu(answer: Answer) -> dict[str, Any]:
    meta = answer.sample.meta
    option = answer.parsed or answer.text
    return {"question_id": _own_id(answer.sample), "question_type": meta["question_type"], "option": option}


def _mmbench(answers: list[Answer]) -> bytes:
    """One sheet, a row per question: index, question, the options, prediction (the answer as it came)."""
    from openpyxl import Workbook

    letters = sorted({letter for answer in answers for letter in answer.sample.choices})
    rows = []
    for answer in answers:
        meta = answer.sample.meta
        options = [answer.sample.choices.get(letter) for letter in letters]
        rows.append([_number(meta["index"]), meta["question"], *options, answer.text])
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(["index", "question", *letters, "prediction"])
    for row in rows:
        sheet.append([_cell(value) for value in row])
    return _saved(book)


def _vlmevalkit(answers: list[Answer]) -> bytes:
    """VLMEvalKit's prediction file, which its judges read: the table's columns, then the prediction."""
    from openpyxl import Workbook

    rows = [_columns(answer) for answer in answers]
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = ["index", *(name for name in names if name not in ("index", "prediction")), "prediction"]
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(names)
    for row in rows:
        sheet.append([row.get(name) for name in names])
    return _saved(book)


def _columns(answer: Answer) -> dict[str, Any]:
    sample = answer.sample
    plain = {key: value for key, value in sample.meta.items() if isinstance(value, str | int | float)}
    gold = sample.gold if isinstance(sample.gold, str | int | float) else json.dumps(sample.gold)
    index = _number(sample.meta.get("index", _own_id(sample)))
    columns = {**plain, "index": index, **sample.choices, "answer": gold, "prediction": answer.text}
    return {key: _cell(value) for key, value in columns.items()}


def _cell(value: Any) -> Any:
    """A value that a sheet can hold: without control characters, at most 32,767 characters."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    return ILLEGAL_CHARACTERS_RE.sub("", value)[:32767] if isinstance(value, str) else value


def _number(index: Any) -> Any:
    """An index as VLMEvalKit has it: a number where it is one."""
    return int(index) if isinstance(index, str) and index.isdecimal() else index


def _saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _blind(answers: list[Answer]) -> bytes:
    """LEAP's blind10_outputs CSV, which its judge reads; the model's name is left for the user."""
    out = io.StringIO()
    names = ("model_name", "sample_idx", "image_paths", "prompt_text", "model_output", "reference_steps")
    writer = csv.writer(out)
    writer.writerow(names)
    for answer in answers:
        meta, gold = answer.sample.meta, answer.sample.gold
        steps = gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)
        fields = (meta["sample_idx"], meta["image_paths"], meta["question"], answer.text, steps)
        writer.writerow([" ".join(str(field).splitlines()).strip() for field in ("model", *fields)])
    return out.getvalue().encode()


def _by_id(answers: list[Answer]) -> bytes:
    """{id: answer}: what MM-Vet's grader and MathVista's scripts start from."""
    return json.dumps({_own_id(each.sample): each.text for each in answers}, ensure_ascii=False).encode()


def _question_id(sample: Sample) -> Any:
    """The gold file's own id: `question_id` of JSONL files, `index` of TSV ones."""
    meta = sample.meta
    return meta["question_id"] if "question_id" in meta else meta.get("index", _own_id(sample))


def _own_id(sample: Sample) -> str:
    return sample.id.rsplit("/", 1)[-1]


FORMATS: dict[str, tuple[str, Callable[[list[Answer]], bytes]]] = {
    "vqav2": (".json", _json(_vqa)),
    "vizwiz": (".json", _json(_vizwiz)),
    "docvqa": (".json", _json(_docvqa)),
    "gqa": (".json", _json(_gqa)),
    "mmmu": (".json", _mmmu),
    "cmmmu": (".jsonl", _cmmmu),
    "mlvu": (".json", _json(_mlvu)),
    "mmbench": (".xlsx", _mmbench),
    "mmvet": (".json", _by_id),
    "mathvista": (".json", _by_id),
    "vlmevalkit": (".xlsx", _vlmevalkit),
    "blind_10": (".csv", _blind),
}
