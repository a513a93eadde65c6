"""MathVista (S14): an answer extracted by rule, normalised to the type of the gold, compared as text."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.answer import final_answer, ungraded_without_gold
from sightbench.scorers.choice import letters
from sightbench.scorers.choice.options import options_of
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer
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
        found_text = final_answer(response, "final_answer")
        return found_text, "whole response" if found_text == response else "answer line"
    found = re.search(r'The answer is "(.*)"\.', response) if quick else None
    return (found.group(1), "quoted answer") if found else (response, "whole response")


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


def mathvista(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """S14 by `official`, `internvl` or `vlmevalkit`; a judge's `extraction` in the fields goes first."""
    question_type, answer_type = str(fields.get("question_type", "")), str(fields.get("answer_type", ""))
    if question_type not in ("multi_choice", "free_form"):
        raise ValueError(f"question_type: expected multi_choice or free_form, got {question_type!r}")
    if question_type == "free_form" and answer_type not in ("integer", "float", "list", "text"):
        raise ValueError(f"answer_type: expected integer, float, list or text, got {answer_type!r}")
    if profile == "vlmevalkit":
        return _vlmevalkit(prediction, gold, fields, question_type, answer_type)
    options = list(options_of(fields).values()) if question_type == "multi_choice" else []
    if question_type == "free_form" and answer_type == "float" and "precision" not in fields:
        raise ValueError("precision: missing (the number of decimals of a float answer)")
    if fields.get("extraction") is not None:
        extraction, rule = str(fields["extraction"]), "given extraction"
    else:
        quick = bool(fields.get("quick_extract", "cot" not in fields))
        extraction, rule = extract(prediction, options, question_type, answer_type, profile, quick)
    parsed = normalise(extraction, options, question_type, answer_type, fields.get("precision"), profile)
    detail = {"extraction": extraction}
    if parsed is None:
        return Grade(0.0, None, "unparsed", rule, detail)
    return Grade(float(parsed == _gold_text(gold, options)), parsed, "scored", rule, detail)


def _gold_text(gold: Any, options: Sequence[str]) -> str:
    """The gold as text: a letter that is no option's own text stands for its option."""
    text = str(gold)
    if options and text not in options and len(text) == 1:
        index = string.ascii_uppercase.find(text)
        if 0 <= index < len(options):
            return options[index]
    return text


def _vlmevalkit(prediction: str, gold: Any, fields: Fields, question_type: str, answer_type: str) -> Grade:
    """VLMEvalKit's post_check: can_infer on choices, equal numbers without rounding, lists never right.

    There a list, a wrong number and an unparsed choice go to the judge; here they are what they are.
    """
    given = fields.get("extraction")
    text, rule = (prediction, "response") if given is None else (str(given), "given extraction")
    if question_type == "multi_choice":
        options = options_of(fields)
        want = fields.get("answer_option") or next(
            (letter for letter, option in options.items() if option == gold), gold
        )
        letter, rule = letters.can_infer(text, options)
        return Grade(float(letter == want), letter, "unparsed" if letter is None else "scored", rule)
    read = {"integer": int, "float": float}.get(answer_type)
    if read is None:
        return Grade(0.0, None, "unparsed", "needs a judge")
    try:
        wanted = read(str(gold))
    except ValueError:
        raise ValueError(f"gold: expected {answer_type}, got {gold!r}") from None
    try:
        found = read(text)
    except ValueError:
        return Grade(0.0, None, "unparsed", "not a number")
    return Grade(float(found == wanted), found, "scored", rule)


def mathvista_score(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all problems, and along each of the metadata's nine axes (skills: in each it names)."""
    return accuracy("accuracy", rows, ("task", "skills") if profile == "vlmevalkit" else AXES)


MATHVISTA = Scorer(
    "mathvista",
    ungraded_without_gold(mathvista, "0"),
    mathvista_score,
    ("official", "internvl", "vlmevalkit"),
    {
        "question_type": "multi_choice or free_form",
        "answer_type": "text, integer, float or list",
        "choices": "list of texts (multi_choice)",
        "precision": "decimals of a float answer",
        "extraction": "what a judge extracted, if one was asked",
        "quick_extract": "false: no shortcut by phrase where no judge was asked (default true, unless cot)",
        "cot": "how the answer was marked, if it was cut out of its reasons already",
        "answer_option": "the gold letter (vlmevalkit; else found from the gold text)",
    },
    "MathVista: the extracted answer, normalised, equals the gold text.",
)
SCORERS = (MATHVISTA,)
