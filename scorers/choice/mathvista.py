"""MathVista: an answer extracted by rule, normalised to the type of the gold, compared as text."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from sightbench.sample import Json
from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.answer import final_answer
from sightbench.scorers.choice import letters
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.text.edit import levenshtein

AXES = (
    *("question_type", "answer_type", "language", "source", "category"),
    *("task", "context", "grade", "skills"),
)


def extract(
    response: str, options: Sequence[str], question_type: str, answer_type: str, profile: str, quick: bool
) -> tuple[str, str]:
    """The extraction and the rule that made it (evaluation/extract_answer.py, without its judge).

    `quick` is the script's own shortcut: 'The answer is "..."' (`official`), or the rest of the line
    after the first "Final answer:" or "Answer:" (`internvl`). Where nothing applies the reference asks
    a judge; without one the whole response is the extraction.
    """
    if response == "":
        return "", "empty"
    if question_type == "multi_choice" and response in options:
        return response, "an option's text"
    read = {"integer": int, "float": float}.get(answer_type)
    if read is not None:
        try:
            return str(read(response)), answer_type
        except ValueError:
            pass
    if quick and profile == "internvl":
        line = final_answer(response, "final_answer")
        return line, "whole response" if line == response else "answer line"
    # Where nothing on a line ends the first quotation, nothing ends a later one: the line is passed over.
    quotations = re.finditer(r'The answer is "(?:(.*)"\.|.*)', response) if quick else ()
    quoted = next((each.group(1) for each in quotations if each.group(1) is not None), None)
    return (response, "whole response") if quoted is None else (quoted, "quoted answer")


def normalise(
    extraction: str,
    options: Sequence[str],
    question_type: str,
    answer_type: str,
    precision: Any,
    profile: str,
) -> str | None:
    """The extraction in the form of the gold (evaluation/calculate_score.py); None if it has none.

    A choice: "(b)" anywhere, else the letter alone, else the option at the least edit distance, the
    first of several (an empty extraction takes the shortest). A free text raises in the current script,
    and so is None; in InternVL's older copy it stays as it is.
    """
    if question_type == "multi_choice":
        text = extraction.strip()
        marked = re.findall(r"\(([a-zA-Z])\)", text)
        if marked:
            text = marked[0].upper()
        if len(text) == 1 and text in string.ascii_uppercase[: len(options)]:
            return options[string.ascii_uppercase.index(text)]
        return min(options, key=lambda option: levenshtein(text, option))
    try:
        if answer_type == "integer":
            return str(int(float(extraction)))
        if answer_type == "float":
            return str(round(float(extraction), int(precision)))
    except (ValueError, TypeError, OverflowError):
        return None
    return extraction if answer_type == "list" or profile == "internvl" else None


class MathVistaFields(Fields, frozen=True, kw_only=True):
    question_type: Annotated[
        Literal["multi_choice", "free_form"], Meta(description="multi_choice or free_form")
    ]
    answer_type: Annotated[str | None, Meta(description="text, integer, float or list")] = None
    choices: Annotated[Options, Meta(description="list of texts (multi_choice)")] = Options()
    precision: Annotated[
        int | float | str | UnsetType | None, Meta(description="decimals of a float answer")
    ] = UNSET
    extraction: Annotated[Any, Meta(description="what a judge extracted, if one was asked")] = None
    quick_extract: Annotated[
        Any,
        Meta(description="false: no shortcut by phrase where no judge was asked (default true, unless cot)"),
    ] = UNSET
    cot: Annotated[
        Any, Meta(description="how the answer was marked, if it was cut out of its reasons already")
    ] = UNSET
    answer_option: Annotated[
        str | None, Meta(description="the gold letter (vlmevalkit; else found from the gold text)")
    ] = None

    @property
    def texts(self) -> list[str]:
        """The options' texts of a choice."""
        return list(self.choices.values()) if self.question_type == "multi_choice" else []


_READERS: dict[str | None, Callable[[str], int | float]] = {"integer": int, "float": float}


def _check(fields: MathVistaFields, profile: Profile) -> None:
    if fields.question_type == "multi_choice":
        if not fields.choices:
            raise ValueError("choices: missing (a mapping of letters to texts, or a list of texts)")
        return
    if fields.answer_type not in ("integer", "float", "list", "text"):
        raise ValueError(f"answer_type: expected integer, float, list or text, got {fields.answer_type!r}")
    if fields.answer_type == "float" and fields.precision is UNSET and profile is not Profile.VLMEVALKIT:
        raise ValueError("precision: missing (the number of decimals of a float answer)")


def _gold(gold: Json, fields: MathVistaFields, profile: Profile) -> str:
    """The right option's text, or under `vlmevalkit` its letter; a free answer's text."""
    if profile is not Profile.VLMEVALKIT:
        return _gold_text(gold, fields.texts)
    if fields.question_type == "multi_choice":
        named = (letter for letter, option in fields.choices.items() if option == gold)
        return fields.answer_option or next(named, str(gold))
    if fields.answer_type in _READERS:
        try:
            _READERS[fields.answer_type](str(gold))
        except ValueError:
            raise ValueError(f"gold: expected {fields.answer_type}, got {gold!r}") from None
    return str(gold)


def _extract(prediction: str, fields: MathVistaFields, context: Context) -> Extraction:
    """`official`, `internvl` or `vlmevalkit`; a judge's `extraction` in the fields goes first."""
    if context.profile is Profile.VLMEVALKIT:
        return _extract_vlmevalkit(prediction, fields)
    answer_type = fields.answer_type or ""
    if fields.extraction is not None:
        extraction, rule = str(fields.extraction), "given extraction"
    else:
        quick = fields.cot is UNSET if fields.quick_extract is UNSET else bool(fields.quick_extract)
        extraction, rule = extract(
            prediction, fields.texts, fields.question_type, answer_type, context.profile, quick
        )
    parsed = normalise(
        extraction, fields.texts, fields.question_type, answer_type, fields.precision, context.profile
    )
    return Extraction(prediction, parsed, rule, parsed is None, {"extraction": extraction})


def _judge(extraction: Extraction, gold: str, fields: MathVistaFields, context: Context) -> Grade:
    if extraction.unparsed:
        return Grade(0.0, extraction.parsed, "unparsed", extraction.rule, extraction.detail)
    read = _READERS.get(fields.answer_type) if fields.question_type == "free_form" else None
    numeric = read is not None and context.profile is Profile.VLMEVALKIT
    want = read(gold) if read is not None and numeric else gold
    right = extraction.parsed == want
    return Grade(float(right), extraction.parsed, "scored", extraction.rule, extraction.detail)


def _gold_text(gold: Json, options: Sequence[str]) -> str:
    """The gold as text: a letter that is no option's own text stands for its option."""
    text = str(gold)
    if options and text not in options and len(text) == 1:
        index = string.ascii_uppercase.find(text)
        if 0 <= index < len(options):
            return options[index]
    return text


def _extract_vlmevalkit(prediction: str, fields: MathVistaFields) -> Extraction:
    """VLMEvalKit's post_check: can_infer on choices, equal numbers without rounding, lists never right.

    There a list, a wrong number and an unparsed choice go to the judge; here they are what they are.
    """
    given = fields.extraction
    text, rule = (prediction, "response") if given is None else (str(given), "given extraction")
    if fields.question_type == "multi_choice":
        letter, rule = letters.can_infer(text, fields.choices)
        return Extraction(prediction, letter, rule, letter is None)
    if fields.answer_type not in _READERS:
        return Extraction(prediction, None, "needs a judge", True)
    try:
        return Extraction(prediction, _READERS[fields.answer_type](text), rule)
    except ValueError:
        return Extraction(prediction, None, "not a number", True)


def mathvista_score(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all problems, and along each of the metadata's nine axes (skills: in each it names)."""
    return accuracy("accuracy", rows, ("task", "skills") if profile == "vlmevalkit" else AXES)


MATHVISTA = Scorer(
    name="mathvista",
    help="MathVista: the extracted answer, normalised, equals the gold text.",
    profiles=(Profile.OFFICIAL, Profile.INTERNVL, Profile.VLMEVALKIT),
    fields=MathVistaFields,
    check=_check,
    gold=_gold,
    gold_help="the right answer's text; of a choice, its option's text or letter",
    extract=_extract,
    judge=_judge,
    aggregate=mathvista_score,
    axes=AXES,
)
SCORERS = (MATHVISTA,)
