"""Multiple choice: one scorer per benchmark family, its extractor named by the profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sightbench.sample import Json
from sightbench.scorers import gold as golds
from sightbench.scorers.aggregate import accuracy, breakdown, set_accuracy
from sightbench.scorers.choice import letters
from sightbench.scorers.choice.extractors import (
    EXTRACTORS,
    ChoiceFields,
    Extract,
    MaybeChoiceFields,
    choice_letter,
    extract_choice,
    handed_on,
    judge_choice,
    judge_letter,
)
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.groups import chunks, sets
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Member, Profile, Scorer, together, unparsed

_AXES = ("split", "l2-category", "category")
OFFICIAL, INTERNVL, VLMEVALKIT = Profile.OFFICIAL, Profile.INTERNVL, Profile.VLMEVALKIT


def choice_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, by split, l2-category and category where the samples name them."""
    return accuracy("accuracy", rows, _AXES)


def _circular_set(members: Sequence[Member[str, str, Any]], profile: Profile) -> Grade:
    """1.0 if every rotation that is there is right.

    As in VLMEvalKit, a rotation that was extracted and is wrong settles the set; if none is wrong but
    some were not parsed, the set has no judge to ask and is 0.0, `unparsed`.
    """
    grades = [member.grade for member in members]
    return together(grades, float(all(grade.value == 1.0 for grade in grades)))


def circular_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """The share of sets in which every rotation is right, by category, and the first rotation's accuracy."""
    groups = sets(rows)
    headline = set_accuracy("circular accuracy", groups, "category")
    finer = set_accuracy("", groups, "l2-category").parts
    first = replace(accuracy("first rotation", [group[0] for group in groups]), note="no circular evaluation")
    return replace(headline, parts=(*finer, *headline.parts, first))


def _mmvp_letter(gold: Json, fields: ChoiceFields, profile: Profile) -> str:
    """The gold letter: "A", or "(a)" as in Questions.csv."""
    if isinstance(gold, str):
        gold = re.sub(r"\(([a-d])\)", lambda letter: letter.group(1).upper(), gold)
    return golds.letter(gold, fields.choices)


def _share_right(members: Sequence[Member[str, str, Any]], size: int) -> Grade:
    """The share of sets of `size` rows in which all are right."""
    grades = [member.grade for member in members]
    groups = chunks(grades, size)
    if len(groups) * size != len(grades):
        raise ValueError(f"rows: {len(grades)} rows do not make sets of {size}")
    right = sum(all(grade.value == 1.0 for grade in group) for group in groups)
    return together(grades, right / len(groups))


def _pairs_right(members: Sequence[Member[str, str, Any]], profile: Profile) -> Grade:
    return _share_right(members, 2)


def mmvp_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """The share of pairs (rows 1-2, 3-4, ...) with both right, and the accuracy over single questions."""
    return replace(set_accuracy("pair accuracy", sets(rows, 2)), parts=(accuracy("single questions", rows),))


def _first_character(prediction: str, options: Options) -> Extraction:
    if not prediction:
        return Extraction(prediction, None, "empty", unparsed=True)
    return Extraction(prediction, prediction[0], "first character")


_SEED_EXTRACTORS: dict[Profile, Extract] = {
    INTERNVL: _first_character,
    VLMEVALKIT: EXTRACTORS[VLMEVALKIT],
    Profile.LMMS_EVAL: lambda prediction, options: _first_character(prediction.strip(), options),
}


def _extract_seed(prediction: str, fields: MaybeChoiceFields, context: Context) -> Extraction:
    """The first character; `lmms_eval` strips and ignores case; `vlmevalkit` is can_infer."""
    return _SEED_EXTRACTORS[context.profile](prediction, fields.choices)


def _seed_letter(gold: Json, fields: MaybeChoiceFields, profile: Profile) -> str:
    return golds.letter(gold, fields.choices if profile is VLMEVALKIT else None)


def _judge_seed(extraction: Extraction, gold: str, fields: MaybeChoiceFields, context: Context) -> Grade:
    if context.profile is Profile.LMMS_EVAL and not extraction.unparsed:
        right = extraction.parsed.lower() == gold.lower()
        return Grade(float(right), extraction.parsed, "scored", extraction.rule)
    return judge_choice(extraction, gold, fields, context)


def seed_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Image accuracy (question types 1-9) in front, then by type, video accuracy and total."""
    images = [row for row in rows if not _is_video(row)]
    videos = [row for row in rows if _is_video(row)]
    headline = accuracy("image accuracy", images, ("category",))
    if not videos:
        return headline
    extra = (accuracy("video accuracy", videos, ("category",)), accuracy("total accuracy", rows))
    return replace(headline, parts=(*headline.parts, *extra))


def _is_video(row: Row) -> bool:
    kind = row.sample.meta.get("question_type_id")
    return row.sample.meta.get("data_type") == "video" or (kind is not None and int(str(kind)) > 9)


def _extract_crpe(prediction: str, fields: Fields, context: Context) -> Extraction:
    letter, rule = letters.crpe(prediction)
    return Extraction(prediction, letter, rule, unparsed=letter is None)


def _crpe_gold(gold: Json, fields: Fields, profile: Profile) -> str:
    if not isinstance(gold, str) or not gold:
        raise ValueError(f'gold: expected a text such as "A. man", got {gold!r}')
    return gold


def _judge_crpe(extraction: Extraction, gold: str, fields: Fields, context: Context) -> Grade:
    if extraction.answer and extraction.unparsed and letters.crpe_contains(extraction.answer, gold):
        return Grade(1.0, gold[0], "scored", "gold text")
    return judge_letter(extraction, gold[0], "ABCD", fields, context)


def _fours_right(members: Sequence[Member[str, str, Any]], profile: Profile) -> Grade:
    return _share_right(members, 4 if len(members) % 4 == 0 else len(members))


def crpe_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """The share of fours with all rows right: total, then exist, subject, predicate, object."""
    return set_accuracy("total", sets(rows, 4), "category")


def _scienceqa_protocol(prediction: str, options: Options) -> Extraction:
    letter, rule = letters.scienceqa(prediction)
    if letter is not None and options and letter not in options:
        return Extraction(prediction, letter, "no such option", unparsed=True)
    return Extraction(prediction, letter, rule, unparsed=letter is None)


_SCIENCEQA_EXTRACTORS: dict[Profile, Extract] = {
    OFFICIAL: _scienceqa_protocol,
    INTERNVL: handed_on(letters.internvl_scienceqa),
    VLMEVALKIT: EXTRACTORS[VLMEVALKIT],
}


def _extract_scienceqa(prediction: str, fields: MaybeChoiceFields, context: Context) -> Extraction:
    """LLaVA's protocol (`official`), InternVL's, or can_infer."""
    return _SCIENCEQA_EXTRACTORS[context.profile](prediction, fields.choices)


def scienceqa_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy, by subject (NAT, SOC, LAN), context (TXT, IMG, NO) and grades (G1-6, G7-12)."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        for name in _scienceqa_classes(row):
            groups.setdefault(name, []).append(row)
    order = ("NAT", "SOC", "LAN", "TXT", "IMG", "NO", "G1-6", "G7-12")
    return replace(
        accuracy("accuracy", rows),
        parts=tuple(accuracy(name, groups[name]) for name in order if name in groups),
    )


def _scienceqa_classes(row: Row) -> list[str]:
    meta = row.sample.meta
    classes = []
    subject = str(meta.get("subject", ""))[:3].upper()
    if subject in ("NAT", "SOC", "LAN"):
        classes.append(subject)
    if "hint" in meta or "image" in meta:
        contexts = [name for key, name in (("hint", "TXT"), ("image", "IMG")) if meta.get(key)]
        classes.extend(contexts or ["NO"])
    grade = re.search(r"\d+", str(meta.get("grade", "")))
    if grade:
        classes.append("G1-6" if int(grade.group()) <= 6 else "G7-12")
    return classes


def _mmstar_prefix(prediction: str, options: Options) -> Extraction:
    letter, rule = letters.mmstar(prediction)
    return Extraction(prediction, letter, rule, unparsed=letter not in (options or tuple("ABCD")))


_MMSTAR_EXTRACTORS: dict[Profile, Extract] = {
    OFFICIAL: _mmstar_prefix,
    VLMEVALKIT: EXTRACTORS[VLMEVALKIT],
}


def _extract_mmstar(prediction: str, fields: MaybeChoiceFields, context: Context) -> Extraction:
    """MMStar's own prefix rule (`official`) or can_infer (`vlmevalkit`)."""
    return _MMSTAR_EXTRACTORS[context.profile](prediction, fields.choices)


def _mmstar_letter(gold: Json, fields: MaybeChoiceFields, profile: Profile) -> str:
    return golds.letter(gold, fields.choices if profile is VLMEVALKIT else None)


def _judge_mmstar(extraction: Extraction, gold: str, fields: MaybeChoiceFields, context: Context) -> Grade:
    if context.profile is VLMEVALKIT:
        return judge_choice(extraction, gold, fields, context)
    right = letters.mmstar_right(extraction.answer, gold)
    if not right and extraction.unparsed:
        options = list(fields.choices) or list("ABCD")
        return unparsed(extraction._replace(rule="no option"), options, gold, fields, context)
    return Grade(float(right), extraction.parsed, "scored", extraction.rule)


def mmstar_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy, over the six capabilities and their eighteen axes."""
    headline = accuracy("accuracy", rows, ("category",))
    return replace(headline, parts=headline.parts + breakdown(rows, ("l2_category",)))


def _needs_choices(fields: MaybeChoiceFields, profile: Profile, *, in_profiles: frozenset[Profile]) -> None:
    if profile in in_profiles and not fields.choices:
        raise ValueError("choices: missing (a mapping of letters to texts, or a list of texts)")


def _choices_in(*profiles: Profile) -> Callable[[MaybeChoiceFields, Profile], None]:
    return partial(_needs_choices, in_profiles=frozenset(profiles))


_LETTER = "the right letter, an index from 0, or the right option's text"
_ROWS = "a whole set on one line: list of {prediction, gold, choices}"
_DRAWN = ("unparsed", "seed")

CHOICE = Scorer(
    name="choice",
    help="Multiple choice: the letter an answer names, against the gold letter.",
    profiles=tuple(EXTRACTORS),
    fields=ChoiceFields,
    gold=choice_letter,
    gold_help=_LETTER,
    extract=extract_choice,
    judge=judge_choice,
    aggregate=choice_accuracy,
    options=_DRAWN,
    axes=_AXES,
)
CIRCULAR = replace(
    CHOICE,
    name="circular",
    help="Circular evaluation: a question is right if it is right under every rotation of its options.",
    aggregate=circular_accuracy,
    judge_set=_circular_set,
    rows_help=_ROWS,
    axes=("group", "category", "l2-category"),
)
MMVP = replace(
    CHOICE,
    name="mmvp",
    help="MMVP: both questions of a pair must be right.",
    profiles=(INTERNVL, VLMEVALKIT),
    gold=_mmvp_letter,
    aggregate=mmvp_accuracy,
    judge_set=_pairs_right,
    rows_help=_ROWS,
    axes=("group",),
)
SEED = Scorer(
    name="seed",
    help="SEED-Bench: the first character of the answer.",
    profiles=tuple(_SEED_EXTRACTORS),
    fields=MaybeChoiceFields,
    check=_choices_in(VLMEVALKIT),
    gold=_seed_letter,
    gold_help=_LETTER,
    extract=_extract_seed,
    judge=_judge_seed,
    aggregate=seed_accuracy,
    options=_DRAWN,
    axes=("category", "data_type"),
)
CRPE = Scorer(
    name="crpe",
    help='CRPE: gold "A. text"; all four rows of an item must be right.',
    profiles=(VLMEVALKIT,),
    fields=Fields,
    gold=_crpe_gold,
    gold_help='the right option, as "A. text"',
    extract=_extract_crpe,
    judge=_judge_crpe,
    judge_set=_fours_right,
    rows_help=_ROWS,
    aggregate=crpe_accuracy,
    options=_DRAWN,
    axes=("group", "category"),
)
SCIENCEQA = Scorer(
    name="scienceqa",
    help="ScienceQA: LLaVA's protocol, InternVL's, or VLMEvalKit's.",
    profiles=tuple(_SCIENCEQA_EXTRACTORS),
    fields=MaybeChoiceFields,
    check=_choices_in(INTERNVL, VLMEVALKIT),
    gold=choice_letter,
    gold_help=_LETTER,
    extract=_extract_scienceqa,
    judge=judge_choice,
    aggregate=scienceqa_accuracy,
    options=_DRAWN,
    axes=("subject", "hint", "image", "grade"),
)
MMSTAR = Scorer(
    name="mmstar",
    help="MMStar: the first letter, also after '(', 'option ' or 'the answer is '.",
    profiles=tuple(_MMSTAR_EXTRACTORS),
    fields=MaybeChoiceFields,
    check=_choices_in(VLMEVALKIT),
    gold=_mmstar_letter,
    gold_help=_LETTER,
    extract=_extract_mmstar,
    judge=_judge_mmstar,
    aggregate=mmstar_accuracy,
    options=_DRAWN,
    axes=("category", "l2_category"),
)
SCORERS: tuple[Scorer[str, str, Any], ...] = (
    CHOICE,
    CIRCULAR,
    MMVP,
    SEED,
    CRPE,
    SCIENCEQA,
    MMSTAR,
)
