"""A scorer: what it needs, how it reads an answer, how it judges what it read, how grades are summed up."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from sightbench.errors import FieldError
from sightbench.sample import Json, Kind, Sample
from sightbench.scorers.fields import Fields, decode
from sightbench.scorers.masks.truth import TruthOf, truth_of
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scoring_options import ScoringOptions

DEFAULT = ScoringOptions()
P = TypeVar("P")
G = TypeVar("G")
F = TypeVar("F", bound=Fields)


class Profile(StrEnum):
    """Whose rule is reproduced; the second part are whose J and F (masks/definitions.py), the third whose
    reading of referring segmentation."""

    OFFICIAL = "official"
    INTERNVL = "internvl"
    VLMEVALKIT = "vlmevalkit"
    LMMS_EVAL = "lmms_eval"
    ROBUST = "robust"

    DYNBENCH = "dynbench"
    DAVIS = "davis"
    DAVIS_UNSUPERVISED = "davis-unsupervised"
    MEVIS = "mevis"
    REVOS = "revos"
    VOS_BENCHMARK = "vos-benchmark"
    SA_V = "sa-v"
    MOSEV2 = "mosev2"

    SA2VA = "sa2va"
    SA2VA_PAPER = "sa2va-paper"
    UNIPIXEL = "unipixel"
    VISA = "visa"
    LISA = "lisa"

    __hash__ = str.__hash__  # an enumeration's own is Python code, and every answer looks its rule up


Aggregate = Callable[[Sequence[Row], str], Metric]
"""Rows in file order, and whose rule; rows whose value is None enter no number."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all answers of a benchmark: whose rule, which options.

    `draws` is the one generator that random choices for unparsed answers come from, in file order; without
    it each is drawn from the options' seed and the sample's id. `truth` reads the true masks of an object.
    """

    profile: Profile
    options: ScoringOptions = DEFAULT
    draws: random.Random | None = None
    truth: TruthOf = truth_of


@lru_cache(maxsize=32)
def _context(profile: str) -> Context:
    return Context(Profile(profile))


class Extraction(NamedTuple):
    """What an extractor read in an answer, without knowing the gold.

    `answer` is what the judge may look at beside it: the whole text, or the masks of the object that counts.
    `unparsed`: there was nothing to read; `parsed` is then what the reference hands on, if anything.
    """

    answer: Any
    parsed: Any = None
    rule: str = ""
    unparsed: bool = False
    detail: Mapping[str, Any] = MappingProxyType({})


class Record(NamedTuple, Generic[G, F]):
    """What an answer is judged against, in the scorer's own types. `gold` is None where it is hidden."""

    gold: G | None
    fields: F


class Member(NamedTuple, Generic[P, G, F]):
    """One row of a set that is judged as one."""

    prediction: P
    gold: G | None
    fields: F
    grade: Grade


class Together(NamedTuple):
    """One sample of a group whose answers are judged together; `answer` is what was extracted, None where the
    request failed or nothing could be read."""

    sample: Sample
    answer: Any


def whole(prediction: Any, fields: Fields, context: Context) -> Extraction:
    """The extractor of scorers that compare the answer as it is."""
    return Extraction(prediction)


def answered(prediction: Json) -> Json:
    """The prediction; ValueError for null, which is no answer and never scored as one."""
    if prediction is None:
        raise ValueError('prediction: null is no answer; an empty answer is ""')
    return prediction


def text(prediction: Json) -> str:
    """A line's `prediction`; ValueError if it is no string."""
    if not isinstance(prediction, str):
        raise ValueError("prediction must be a string")
    return prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer(Generic[P, G, F]):
    """One entry of the table in table.py.

    `fields` is what it needs beside prediction and gold; `gold` brings a gold to the form `judge` takes and
    `check` refuses fields that do not fit each other or the profile: both raise ValueError that names the
    field. `extract` and `judge` never raise on what a model wrote.
    `judge_set` grades a whole set given on one line as `rows` (circular sets, pairs, a corpus).
    `jointly` sees a group of samples (Sample.group, in a row) with what was extracted from their answers, and
    says what their details hold beside their own grades.
    `aggregate` gets all rows in file order; rows whose value is None enter no number.
    `options` names those of ScoringOptions that change its grades.
    `strict` scorers read a reply as it came, where its family marks answers with a tag.
    `axes` names the columns by which `aggregate` divides rows or puts them together (fields.py, AXES_HELP).
    `whole_set`: what `judge_set` takes is all there is, and not one group of many.
    Without `needs_gold` the prediction is a judge's reply, which says by itself how good the answer was.
    `full_marks` is the value of an answer that could not be better.
    """

    name: str
    help: str
    profiles: tuple[Profile, ...]
    fields: type[F]
    gold: Callable[[Json, F, Profile], G]
    gold_help: str
    judge: Callable[[Extraction, G, F, Context], Grade]
    aggregate: Aggregate
    extract: Callable[[P, F, Context], Extraction] = whole
    check: Callable[[F, Profile], None] | None = None
    judge_set: Callable[[Sequence[Member[P, G, F]], Profile], Grade] | None = None
    jointly: Callable[[Sequence[Together], Context], Sequence[Mapping[str, Any]]] | None = None
    rows_help: str = "a whole set on one line: a list of {prediction, gold, ...}"
    options: tuple[str, ...] = ()
    kind: Kind = "text"
    needs_gold: bool = True
    full_marks: float = 1.0
    strict: bool = False
    axes: tuple[str, ...] = ("category",)
    whole_set: bool = False
    prediction: Callable[[Json], P] = text  # type: ignore[assignment]
    prediction_help: str = "the model's answer (a string)"

    def read(self, gold: object, columns: Mapping[str, object], profile: Profile) -> Record[G, F]:
        """Gold and columns of a sample, or of a line, in this scorer's types.

        Raises FieldError, one line that names what it cannot use.
        """
        fields = decode(columns, self.fields)
        try:
            if self.check is not None:
                self.check(fields, profile)
            hidden = gold is None and self.needs_gold
            return Record(None if hidden else self.gold(gold, fields, profile), fields)  # type: ignore[arg-type]
        except FieldError:
            raise
        except ValueError as error:
            raise FieldError(str(error)) from error

    def grade_record(self, prediction: P, record: Record[G, F], context: Context) -> Grade:
        """The grade of one answer; where the gold is hidden, what was read in it, `ungraded`."""
        extraction = self.extract(prediction, record.fields, context)
        if record.gold is None and self.needs_gold:
            rule = extraction.rule or "no gold"
            return Grade(None, extraction.parsed, "ungraded", rule, extraction.detail)
        return self.judge(extraction, record.gold, record.fields, context)  # type: ignore[arg-type]

    def grade(
        self,
        prediction: P,
        gold: object,
        columns: Mapping[str, object],
        profile: str | Context,
    ) -> Grade:
        """`read` and `grade_record` in one, for one answer or, with `rows` in the columns, for a whole set.

        Raises FieldError for a gold or a field that cannot be used.
        """
        context = profile if isinstance(profile, Context) else _context(profile)
        if self.judge_set is None or columns.get("rows") is None:
            return self.grade_record(prediction, self.read(gold, columns, context.profile), context)
        members = self._members(columns, context)
        try:
            return self.judge_set(members, context.profile)
        except ValueError as error:
            raise FieldError(str(error)) from error

    def _members(self, columns: Mapping[str, object], context: Context) -> list[Member[P, G, F]]:
        rows = columns["rows"]
        if not isinstance(rows, (list, tuple)) or not rows:
            raise FieldError("rows: expected a list of objects with prediction and gold")
        shared = {key: value for key, value in columns.items() if key != "rows"}
        members = []
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping) or "prediction" not in row:
                raise FieldError(f"rows[{index}]: expected an object with prediction and gold")
            try:
                prediction = self.prediction(answered(row["prediction"]))
                record = self.read(row.get("gold", row.get("answer")), {**shared, **row}, context.profile)
            except ValueError as error:
                raise FieldError(f"rows[{index}]: {error}") from None
            if record.gold is None and self.needs_gold:
                raise FieldError(f"rows[{index}]: gold: missing")
            grade = self.grade_record(prediction, record, context)
            members.append(Member(prediction, record.gold, record.fields, grade))
        return members


def together(grades: Sequence[Grade], score: float, **detail: Any) -> Grade:
    """The grade of a set: `score`, what was parsed from each row, `unparsed` if that is why it failed."""
    wrong = any(grade.status == "scored" and grade.value == 0.0 for grade in grades)
    lost = not wrong and any(grade.status == "unparsed" for grade in grades)
    return Grade(
        score,
        [grade.parsed for grade in grades],
        "unparsed" if lost and score == 0.0 else "scored",
        "set",
        {"rows": [grade.value for grade in grades], **detail},
    )


def unparsed(
    extraction: Extraction, options: Sequence[Any], gold: Any, fields: Fields, context: Context
) -> Grade:
    """The grade of an answer in which nothing was found: 0.0, or a draw among `options` if that is asked for.

    `gold` is the right option, or a tuple of them. References draw from one generator shared by the whole
    run: the context's, which replays that: MMMU's stored outputs come out draw by draw from
    random.Random(42). Without it, a draw depends on the seed and the sample's id only.
    """
    if context.options.unparsed == "random" and options:
        if context.draws is not None:
            drawn = context.draws.choice(options)
        else:
            drawn = random.Random(f"{context.options.seed}:{fields.id}").choice(options)
        right = drawn in gold if isinstance(gold, tuple) else drawn == gold
        return Grade(float(right), drawn, "unparsed", "random")
    return Grade(0.0, extraction.parsed, "unparsed", extraction.rule)
