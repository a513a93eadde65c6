"""Answers that a reference judge has judged before: what a judge of today is compared with.

Known layouts:
    LLaVA's eval/table: a folder with question.jsonl, rule.json, answer/*.jsonl and review/*.jsonl
    VLMEvalKit's .xlsx, .tsv, .csv or .json after its judge, told apart by their columns
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError, FieldError, UsageError
from sightbench.sample import Sample, Text, Turn
from sightbench.scorers.fields import Options
from sightbench.scorers.judged.form import Case
from sightbench.scorers.judged.judge import score_pair
from sightbench.scorers.judged.marking import LLAVA_BENCH, LLAVA_REVIEW, MMVET, REVIEW_RULE
from sightbench.scorers.judged.reading import CHOICE, MATHVISTA, YES_NO
from sightbench.scorers.judged.row import Judge
from sightbench.scorers.scorer import Context, Profile
from sightbench.scorers.table import SCORERS
from sightbench.tasks.benchmark import load_json
from sightbench.tasks.readers.predictions import records


@dataclass(frozen=True, slots=True)
class Kind:
    """What a set of anchors is about: the judge of the table that it anchors (`family`), and who asks."""

    family: str
    judge: Judge
    scorer: str
    profile: Profile


KINDS = {
    "review": Kind("llava_bench", LLAVA_REVIEW, "llava_bench_judge", Profile.INTERNVL),
    "llava_bench": Kind("llava_bench", LLAVA_BENCH, "llava_bench_judge", Profile.VLMEVALKIT),
    "yes_no": Kind("yes_no", YES_NO, "yes_no", Profile.VLMEVALKIT),
    "mathvista": Kind("mathvista", MATHVISTA, "mathvista", Profile.VLMEVALKIT),
    "choice": Kind("choice", CHOICE, "choice", Profile.VLMEVALKIT),
    "mmvet": Kind("mmvet", MMVET, "mmvet_judge", Profile.VLMEVALKIT),
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """One answer with the verdict of a reference judge: its marks, one or a pair. Anchors of one `cluster`
    (a question) are not independent."""

    case: Case
    marks: tuple[float, ...]
    cluster: str


@dataclass(frozen=True, slots=True)
class Anchors:
    """A set of them; `source` names it and `judge` whose verdicts they are, as far as that is told;
    `decided` were decided by a rule, `unread` have no verdict."""

    kind: Kind
    anchors: tuple[Anchor, ...]
    source: str
    judge: str
    decided: int = 0
    unread: int = 0


def read(path: Path) -> Anchors:
    """The anchors at a path. Raises UsageError or DatasetError for what holds none."""
    found = _reviews(path) if path.is_dir() else _table(path)
    if not found.anchors:
        raise UsageError(f"--equate {path}: no answer there has a judge's verdict that a rule cannot give")
    return found


def _reviews(folder: Path) -> Anchors:
    questions = {str(row["question_id"]): row for row in _lines(folder / "question.jsonl")}
    answers = {
        str(row["answer_id"]): str(row["text"])
        for path in sorted((folder / "answer").glob("*.jsonl"))
        for row in _lines(path)
    }
    rules = load_json(folder / "rule.json")
    anchors, unread, judges = [], 0, set()
    for path in sorted((folder / "review").glob("*.jsonl")):
        for row in _lines(path):
            question = questions.get(str(row.get("question_id")))
            pair = [answers.get(str(row.get(f"answer{number}_id"))) for number in (1, 2)]
            score = row.get("score") or row.get("tuple") or score_pair(str(row.get("text", "")))
            marks = _marks(score, 2)
            if question is None or None in pair or marks is None or min(marks) < 0:
                unread += 1
                continue
            judges.add(str(row.get("reviewer_id", "")))
            name = str(question.get("category", "default"))
            rule = (rules.get(name) or rules["default"])["prompt"]
            id = f"{path.stem}/{row['question_id']}"
            anchors.append(
                Anchor(
                    _case(id, str(question["text"]), pair[0], str(pair[1]), {REVIEW_RULE: rule}),
                    marks,
                    str(row["question_id"]),
                )
            )
    told = ", ".join(sorted(judges - {""})) or "a judge that is not named"
    return Anchors(KINDS["review"], tuple(anchors), folder.name, told, unread=unread)


def _table(path: Path) -> Anchors:
    rows = [(line, dict(row)) for line, row in records(path)]
    if not rows:
        raise UsageError(f"--equate {path}: it is empty")
    kind = KINDS[_kind(rows[0][1], path)]
    scorer, context = SCORERS[kind.scorer], Context(kind.profile)
    anchors, decided, unread = [], 0, 0
    for line, row in rows:
        columns = _columns(row)
        gold = row.get("gpt4_ans", row.get("answer"))
        answer = row.get("prediction")
        try:
            record = scorer.read(gold, columns, kind.profile)
        except FieldError as error:
            raise DatasetError(str(error), path, line) from None
        if answer is None:
            unread += 1
            continue
        if kind.judge.undecided is not None:
            grade = scorer.grade_record(str(answer), record, context)
            if not kind.judge.undecided(grade, record.fields, kind.profile):
                decided += 1
                continue
        marks = _verdict(row, kind, gold, columns, str(answer))
        if marks is None:
            unread += 1
            continue
        options = getattr(record.fields, "choices", None) or {}
        id = str(row.get("index", line))
        anchors.append(
            Anchor(_case(id, str(row.get("question", "")), gold, str(answer), columns, options), marks, id)
        )
    return Anchors(kind, tuple(anchors), path.name, path.stem, decided, unread)


def _kind(row: Mapping[str, Any], path: Path) -> str:
    has = {str(name) for name in row}
    for name, needed in (
        ("llava_bench", {"gpt4_score", "score", "gpt4_ans"}),
        ("yes_no", {"extracted", "answer"}),
        ("mathvista", {"res", "question_type"}),
        ("choice", {"hit", "A"}),
        ("mmvet", {"score", "answer"}),
    ):
        if needed | {"prediction"} <= has:
            return name
    raise UsageError(
        f"--equate {path}: its columns ({', '.join(sorted(has))}) are none of VLMEvalKit's after a judge: "
        "prediction with score, gpt4_score, extracted, hit or res"
    )


def _verdict(
    row: Mapping[str, Any], kind: Kind, gold: Any, columns: Mapping[str, Any], answer: str
) -> tuple[float, ...] | None:
    """What the reference's judge made of a row."""
    if kind.family == "llava_bench":
        return _marks([row.get("gpt4_score"), row.get("score")], 2)
    if kind.family == "mathvista":
        if row.get("res") is None:
            return None
        grade = SCORERS[kind.scorer].grade(
            answer, gold, {**columns, "extraction": str(row["res"])}, kind.profile
        )
        return None if grade.value is None else (grade.value,)
    if kind.family == "yes_no":
        return (float(str(row["extracted"]).lower() == str(gold).lower()),)
    return _marks([row.get("hit", row.get("score"))], 1)


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    columns = {str(name): value for name, value in row.items() if value is not None}
    for name in ("choices", "skills"):
        if isinstance(columns.get(name), str) and name == "skills":
            columns.pop(name)
    if "caption" in columns:
        columns["context"] = columns["caption"]
    return columns


def _case(
    id: str,
    question: str,
    gold: Any,
    answer: str,
    meta: Mapping[str, Any],
    options: Mapping[str, str] = Options(),
) -> Case:
    sample = Sample(
        id=id,
        benchmark="anchors",
        task="",
        category="",
        turns=(Turn("user", (Text(question),)),),
        gold=gold,
        meta={**meta, "question": question},
    )
    return Case(sample, answer, options)


def _marks(values: Any, count: int) -> tuple[float, ...] | None:
    try:
        marks = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return marks if len(marks) == count and all(mark == mark for mark in marks) else None


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot be read ({error})", path) from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DatasetError("not a JSON object", path, number)
        yield row
