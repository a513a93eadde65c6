"""Multiple choice (S11): one scorer per benchmark family, its extractor named by the profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightbench.scorers.aggregate import accuracy, breakdown, set_accuracy
from sightbench.scorers.answer import Grader, ungraded_without_gold, unparsed
from sightbench.scorers.choice import letters, spatial
from sightbench.scorers.choice.options import gold_letter, options_of
from sightbench.scorers.groups import by, chunks, grade_rows, sets, together, value
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer

_CHOICES = "mapping letter -> text, or list of texts (A, B, C... in order)"
_AXES = ("split", "l2-category", "category")
_UNPARSED = {
    "unparsed": '"random" draws an option instead of counting 0',
    "seed": "of that draw",
    "id": "same",
}


def judge(found: letters.Found, gold: str, options: Sequence[str], fields: Fields) -> Grade:
    """The grade of an extracted letter: right if it equals the gold letter, `unparsed` if there is none."""
    letter, rule = found
    if letter is None:
        return unparsed(fields, options, gold, rule=rule)
    return Grade(float(letter == gold), letter, "scored", rule)


def choice(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """S11 by `vlmevalkit` (can_infer), `internvl` (post_process) or `robust` (our own)."""
    options = options_of(fields)
    want = gold_letter(gold, options)
    if profile == "internvl":
        return _as_handed_on(letters.internvl(prediction, options), prediction, want, list(options), fields)
    if profile == "robust":
        return judge(letters.robust(prediction, options), want, list(options), fields)
    return inferred(prediction, want, options, fields)


def inferred(prediction: str, want: str, options: Mapping[str, str], fields: Fields) -> Grade:
    """The grade by can_infer; VLMEvalKit's draw, where one is asked for, is among the letters and Z."""
    return judge(letters.can_infer(prediction, options), want, [*options, "Z"], fields)


def _as_handed_on(
    found: letters.Found, prediction: str, want: str, options: Sequence[str], fields: Fields
) -> Grade:
    """InternVL compares the whole text with the gold where it found no option: kept as `parsed`."""
    text = prediction.strip()
    if found[0] is not None or text == want:
        return judge((found[0] or text, found[1]), want, options, fields)
    return unparsed(fields, options, want, text, found[1])


def choice_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, by split, l2-category and category where the samples name them."""
    return accuracy("accuracy", rows, _AXES)


def circular(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """One rotation; or, with `rows`, a whole set: 1.0 if every rotation that is there is right.

    As in VLMEvalKit, a rotation that was extracted and is wrong settles the set; if none is wrong but
    some were not parsed, the set has no judge to ask and is 0.0, `unparsed`.
    """
    if "rows" not in fields:
        return choice(prediction, gold, fields, profile)
    graded = grade_rows(fields, lambda text, want, own: choice(text, want, own, profile))
    return together(graded, float(all(grade.value == 1.0 for _, grade in graded)))


def circular_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """The share of sets in which every rotation is right, by category, and the first rotation's accuracy."""
    groups = sets(rows)
    headline = set_accuracy("circular accuracy", groups, "category")
    finer = set_accuracy("", groups, "l2-category").parts
    first = replace(accuracy("first rotation", [group[0] for group in groups]), note="no circular evaluation")
    return replace(headline, parts=(*finer, *headline.parts, first))


def mmvp(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """One question (gold "A", or "(a)" as in Questions.csv); with `rows`, the share of pairs all right."""
    if "rows" in fields:
        graded = grade_rows(fields, lambda text, want, own: mmvp(text, want, own, profile))
        return together(graded, _share_right(graded, 2))
    if isinstance(gold, str):
        gold = re.sub(r"\(([a-d])\)", lambda found: found.group(1).upper(), gold)
    return choice(prediction, gold, fields, profile)


def _share_right(graded: Sequence[tuple[Fields, Grade]], size: int) -> float:
    groups = chunks(graded, size)
    if len(groups) * size != len(graded):
        raise ValueError(f"rows: {len(graded)} rows do not make sets of {size}")
    return sum(all(grade.value == 1.0 for _, grade in group) for group in groups) / len(groups)


def mmvp_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """The share of pairs (rows 1-2, 3-4, ...) with both right, and the accuracy over single questions."""
    return replace(set_accuracy("pair accuracy", sets(rows, 2)), parts=(accuracy("single questions", rows),))


def seed(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """SEED: the first character; `lmms_eval` strips and ignores case; `vlmevalkit` is can_infer."""
    want = gold_letter(gold)
    if profile == "vlmevalkit":
        return choice(prediction, gold, fields, profile)
    options = list(options_of(fields, required=False))
    text = prediction.strip() if profile == "lmms_eval" else prediction
    if not text:
        return unparsed(fields, options, want, rule="empty")
    right = text[0].lower() == want.lower() if profile == "lmms_eval" else text[0] == want
    return Grade(float(right), text[0], "scored", "first character")


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


def crpe(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """CRPE's rule on a gold "A. text"; with `rows`, the share of fours in which all are right."""
    if "rows" in fields:
        graded = grade_rows(fields, lambda text, want, own: crpe(text, want, own, profile))
        size = 4 if len(graded) % 4 == 0 else len(graded)
        return together(graded, _share_right(graded, size))
    if not isinstance(gold, str) or not gold:
        raise ValueError(f'gold: expected a text such as "A. man", got {gold!r}')
    right, (letter, rule) = letters.crpe(prediction, gold)
    if letter is None:
        return unparsed(fields, "ABCD", gold[0], rule=rule)
    return Grade(float(right), letter, "scored", rule)


def crpe_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """The share of fours with all rows right: total, then exist, subject, predicate, object."""
    return set_accuracy("total", sets(rows, 4), "category")


def scienceqa(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """ScienceQA by LLaVA's protocol (`official`), InternVL's, or can_infer; gold is an index or a letter."""
    options = options_of(fields, required=profile != "official")
    want = gold_letter(gold, options)
    if profile == "vlmevalkit":
        return inferred(prediction, want, options, fields)
    if profile == "internvl":
        found = letters.internvl_scienceqa(prediction, options)
        return _as_handed_on(found, prediction, want, list(options), fields)
    letter, rule = letters.scienceqa(prediction)
    if letter is not None and options and letter not in options:
        return unparsed(fields, list(options), want, letter, "no such option")
    return judge((letter, rule), want, list(options), fields)


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


def mmstar(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """MMStar by its own prefix rule (`official`) or can_infer (`vlmevalkit`)."""
    if profile == "vlmevalkit":
        return choice(prediction, gold, fields, profile)
    options = list(options_of(fields, required=False)) or list("ABCD")
    want = gold_letter(gold)
    letter, rule = letters.mmstar(prediction)
    right = letters.mmstar_right(prediction, want)
    if not right and letter not in options:
        return unparsed(fields, options, want, letter, "no option")
    return Grade(float(right), letter, "scored", rule)


def mmstar_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy, over the six capabilities and their eighteen axes."""
    headline = accuracy("accuracy", rows, ("category",))
    return replace(headline, parts=headline.parts + breakdown(rows, ("l2_category",)))


def mmsi(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """MMSI-Bench: the letter in backticks (`official`), or VLMEvalKit's spatial matcher (`vlmevalkit`)."""
    found = spatial.match_option(prediction) if profile == "vlmevalkit" else letters.mmsi(prediction)
    return judge(found, gold_letter(gold), "ABCD", fields)


def mmsi_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over the eleven types; with rotations in sets, circular accuracy, the plain one beside it."""
    if all(len(group) == 1 for group in by(rows, lambda row: row.sample.group or row.sample.id).values()):
        return accuracy("accuracy", rows, ("category",))
    return circular_accuracy(rows, profile)


def egoexo(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """EgoExo-Bench: the first capital A-D.

    Without one the reference asks a judge; its rule-based fallback finds no options in the question's
    text, so an answer in words ("light blue") is wrong even where it is an option's.
    """
    return judge(letters.egoexo(prediction), gold_letter(gold), "ABCD", fields)


def egoexo_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, and over each of the eleven subtasks."""
    axis = "subtask_type" if any(value(row, "subtask_type") for row in rows) else "category"
    return accuracy("accuracy", rows, (axis,))


def _scorer(
    name: str,
    grade: Grader,
    aggregate: Callable[[Sequence[Row], str], Metric],
    profiles: tuple[str, ...],
    text: str,
    **fields: str,
) -> Scorer:
    graded = ungraded_without_gold(grade, "A")
    return Scorer(name, graded, aggregate, profiles, {**fields, **_UNPARSED}, text)


_ROWS = "a whole set on one line: list of {prediction, gold, choices}"

CHOICE = _scorer(
    "choice",
    choice,
    choice_accuracy,
    ("vlmevalkit", "internvl", "robust"),
    "Multiple choice: the letter an answer names, against the gold letter.",
    choices=_CHOICES,
)
CIRCULAR = _scorer(
    "circular",
    circular,
    circular_accuracy,
    ("vlmevalkit", "internvl", "robust"),
    "Circular evaluation: a question is right if it is right under every rotation of its options.",
    choices=_CHOICES,
    rows=_ROWS,
)
MMVP = _scorer(
    "mmvp",
    mmvp,
    mmvp_accuracy,
    ("internvl", "vlmevalkit"),
    "MMVP: both questions of a pair must be right.",
    choices=_CHOICES,
    rows=_ROWS,
)
SEED = _scorer(
    "seed",
    seed,
    seed_accuracy,
    ("internvl", "vlmevalkit", "lmms_eval"),
    "SEED-Bench: the first character of the answer.",
    choices=_CHOICES + " (vlmevalkit)",
)
CRPE = Scorer(
    "crpe",
    crpe,
    crpe_accuracy,
    ("vlmevalkit",),
    {"rows": _ROWS, **_UNPARSED},
    'CRPE: gold "A. text"; all four rows of an item must be right.',
)
SCIENCEQA = _scorer(
    "scienceqa",
    scienceqa,
    scienceqa_accuracy,
    ("official", "internvl", "vlmevalkit"),
    "ScienceQA: LLaVA's protocol, InternVL's, or VLMEvalKit's.",
    choices=_CHOICES,
)
MMSTAR = _scorer(
    "mmstar",
    mmstar,
    mmstar_accuracy,
    ("official", "vlmevalkit"),
    "MMStar: the first letter, also after '(', 'option ' or 'the answer is '.",
    choices=_CHOICES + " (vlmevalkit)",
)
MMSI = _scorer(
    "mmsi",
    mmsi,
    mmsi_accuracy,
    ("official", "vlmevalkit"),
    "MMSI-Bench: the letter within backticks, else the first lone A-D.",
)
EGOEXO = _scorer(
    "egoexo",
    egoexo,
    egoexo_accuracy,
    ("official", "vlmevalkit"),
    "EgoExo-Bench: the first capital A-D anywhere in the answer.",
)
SCORERS = (CHOICE, CIRCULAR, MMVP, SEED, CRPE, SCIENCEQA, MMSTAR, MMSI, EGOEXO)
