"""Yes or no: MME, POPE, and VLMEvalKit's rule for both and for HallusionBench."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from sightbench.sample import Gold, Json
from sightbench.scorers.aggregate import accuracy, total
from sightbench.scorers.fields import Fields
from sightbench.scorers.groups import by, chunks, valued
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Member, Profile, Scorer, together, unparsed
from sightbench.scorers.statistics.means import bootstrap, mean

PERCEPTION = (
    *("existence", "count", "position", "color", "posters"),
    *("celebrity", "scene", "landmark", "artwork", "OCR"),
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")


def gold_yes(gold: Gold) -> bool:
    """True for a gold yes, in any case; 1, 0, "1", "0" (HallusionBench) and booleans also do."""
    word = str(gold).strip().rstrip(".").lower()
    if word in ("yes", "1", "true"):
        return True
    if word in ("no", "0", "false"):
        return False
    raise ValueError(f"gold: expected yes or no, got {gold!r}")


_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'


def punctuation_removed(text: str) -> str:
    """VLMEvalKit's process_punctuation: a mark goes, or becomes a space, by what stands in the whole text.

    A mark next to a space anywhere, or any comma between digits, makes every such mark vanish without a
    space; at most 32 full stops that touch no digit go (a flag is passed where a count is expected).
    """
    glued = re.search(r"\d,\d", text) is not None
    kept = text
    for mark in _PUNCTUATION:
        if mark in kept:
            alone = glued or mark + " " in text or " " + mark in text
            kept = kept.replace(mark, "" if alone else " ")
    return re.sub(r"(?<!\d)\.(?!\d)", "", kept, count=32)


def vlmevalkit(text: str) -> Literal["Yes", "No", "Unknown"]:
    """VLMEvalKit's rule: Yes or No if the answer has exactly one of the words, else Unknown."""
    words = punctuation_removed(text.lower()).split()
    if ("yes" in words) == ("no" in words):
        return "Unknown"
    return "Yes" if "yes" in words else "No"


def yes_gold(gold: Json, fields: Fields, profile: Profile) -> bool:
    """True for a gold yes; ValueError if it is neither yes nor no."""
    return gold_yes(gold)


def extract_yes_no(prediction: str, fields: Fields, context: Context) -> Extraction:
    """Yes, No, or Unknown (where the reference would ask a judge)."""
    said = vlmevalkit(prediction)
    if said == "Unknown":
        return Extraction(prediction, said, "neither, or both", unparsed=True)
    return Extraction(prediction, said, "word")


def judge_yes_no(extraction: Extraction, gold: bool, fields: Fields, context: Context) -> Grade:
    """One question; Unknown is wrong."""
    return _judge_word(extraction, "Yes" if gold else "No", ("Yes", "No"), fields, context)


def _judge_word(
    extraction: Extraction, want: str, options: tuple[str, str], fields: Fields, context: Context
) -> Grade:
    if extraction.unparsed:
        return unparsed(extraction, options, want, fields, context)
    right = extraction.parsed.lower() == want.lower()
    return Grade(float(right), extraction.parsed, "scored", extraction.rule)


def yes_no_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    return accuracy("accuracy", rows, ("l2-category", "category"))


# MME


def mme_label(text: str, profile: str) -> Literal["yes", "no", "other"]:
    """MME's reading of an answer: the first four characters decide, so that "nothing" is no.

    `official` is the benchmark's own calculation.py; `internvl` translates and deletes Chinese first;
    `lmms_eval` strips white space and full stops and knows y and n.
    """
    return _MME_LABELS[Profile(profile)](text)


def _mme_opening(text: str) -> Literal["yes", "no", "other"]:
    opening = text.lower()[:4]
    if "yes" in opening:
        return "yes"
    return "no" if "no" in opening else "other"


def _mme_internvl(text: str) -> Literal["yes", "no", "other"]:
    for word, english in (("\n", ""), ("不是", "No"), ("是", "Yes"), ("否", "No")):
        text = text.replace(word, english)
    text = text.lower().replace("true", "yes").replace("false", "no")
    return _mme_opening(re.sub(r"[\u4e00-\u9fa5]", "", text))


def _mme_lmms_eval(text: str) -> Literal["yes", "no", "other"]:
    text = text.lower().strip().replace(".", "")
    if text in ("y", "n"):
        return "yes" if text == "y" else "no"
    return _mme_opening(text)


_MME_LABELS: dict[Profile, Callable[[str], Literal["yes", "no", "other"]]] = {
    Profile.INTERNVL: _mme_internvl,
    Profile.OFFICIAL: _mme_opening,
    Profile.LMMS_EVAL: _mme_lmms_eval,
}


class CategoryFields(Fields, frozen=True, kw_only=True):
    category: Annotated[str | None, Meta(description="the question's category")] = None


def _extract_mme(prediction: str, fields: CategoryFields, context: Context) -> Extraction:
    if context.profile is Profile.VLMEVALKIT:
        return extract_yes_no(prediction, fields, context)
    said = _MME_LABELS[context.profile](prediction)
    if said == "other":
        return Extraction(prediction, said, "neither", unparsed=True)
    return Extraction(prediction, said, "first four characters")


def _judge_mme(extraction: Extraction, gold: bool, fields: CategoryFields, context: Context) -> Grade:
    """One question, 0 or 1."""
    if context.profile is Profile.VLMEVALKIT:
        return judge_yes_no(extraction, gold, fields, context)
    return _judge_word(extraction, "yes" if gold else "no", ("yes", "no"), fields, context)


def _mme_set(members: Sequence[Member[str, bool, CategoryFields]], profile: Profile) -> Grade:
    """The points of these lines: accuracy plus pair accuracy, x100.

    Consecutive lines make a pair; lines that name different categories are summed by category.
    """
    categories = by(members, lambda member: member.fields.category or "")
    if any(len(group) % 2 for group in categories.values()):
        raise ValueError("rows: an odd number of lines does not make pairs")
    points = {
        category: _mme_points([member.grade.value or 0.0 for member in group])
        for category, group in categories.items()
    }
    return together([member.grade for member in members], sum(points.values()), categories=points)


def _mme_points(values: Sequence[float]) -> float:
    pairs = chunks(values, 2)
    single = sum(values) / len(values)
    both = sum(first == second == 1.0 for first, second in pairs) / len(pairs)
    return single * 100 + both * 100


def mme_score(rows: Sequence[Row], profile: str) -> Metric:
    """Perception plus cognition, in points (2000 + 800 at most), each the sum of its categories."""
    categories = by(rows, lambda row: row.sample.category or str(row.sample.meta.get("category", "")))
    scored = {str(name): _mme_category(str(name), members) for name, members in categories.items()}

    def half(name: str, members: Sequence[str]) -> Metric:
        missing = [member for member in members if member not in scored]
        return total(name, [scored[member] for member in members if member in scored], missing)

    halves = (half("perception", PERCEPTION), half("cognition", COGNITION))
    return total("perception + cognition", halves)


def _mme_category(name: str, rows: Sequence[Row]) -> Metric:
    whole = [group for group in _pairs(rows) if len(valued(group)) == len(group) == 2]
    pairs = [[number for _, number in valued(group)] for group in whole]
    images = [group[0].sample.affinity for group in whole]
    each = [_mme_points(values) for values in pairs]
    points = mean(name, each, images, scale=1.0, unit="points", bounds=(0.0, 200.0))
    if not pairs:
        return points
    return replace(points, value=_mme_points([number for values in pairs for number in values]))


def _pairs(rows: Sequence[Row]) -> Sequence[Sequence[Row]]:
    if all(row.sample.group is None for row in rows):
        return chunks(rows, 2)
    return list(by(rows, lambda row: row.sample.group or row.sample.id).values())


# POPE


def pope_word(text: str, profile: str) -> str:
    """What POPE takes an answer for: "yes" or "no"; VLMEvalKit's word, or under lmms_eval the text itself."""
    return _POPE_WORDS[Profile(profile)](text)


def _pope_original(text: str) -> str:
    """In the original, everything in the first sentence that is not No, no or not means yes: an empty
    answer, "NO" and "nope" too."""
    words = text.split(".")[0].replace(",", "").split(" ")
    return "no" if any(word in words for word in ("No", "not", "no")) else "yes"


_POPE_WORDS: dict[Profile, Callable[[str], str]] = {
    Profile.INTERNVL: _pope_original,
    Profile.OFFICIAL: _pope_original,
    Profile.VLMEVALKIT: vlmevalkit,
    Profile.LMMS_EVAL: lambda text: text.lower().strip(),
}


def _extract_pope(prediction: str, fields: CategoryFields, context: Context) -> Extraction:
    word = _POPE_WORDS[context.profile](prediction)
    if word.lower() not in ("yes", "no"):
        return Extraction(prediction, word, "neither, or both", unparsed=True)
    return Extraction(prediction, word, "word")


def _judge_pope(extraction: Extraction, gold: bool, fields: CategoryFields, context: Context) -> Grade:
    """One question, 0 or 1."""
    return _judge_word(extraction, "yes" if gold else "no", ("yes", "no"), fields, context)


def _pope_set(members: Sequence[Member[str, bool, CategoryFields]], profile: Profile) -> Grade:
    """The F1 (0-1), accuracy and the rest in `detail`: F1 is the mean over the categories where the lines
    name several; under `vlmevalkit` and `lmms_eval` it is of all lines at once."""
    if any(member.gold is None for member in members):
        raise ValueError("rows: each needs a `gold`, yes or no")
    grades = [member.grade for member in members]
    said = [str(grade.parsed).lower() for grade in grades]
    numbers = _binary([bool(member.gold) for member in members], said, profile)
    categories: dict[str, list[int]] = {}
    for index, member in enumerate(members):
        for name in (member.fields.category or "").split(","):
            categories.setdefault(name.strip(), []).append(index)
    if len(categories) > 1 and profile not in (Profile.VLMEVALKIT, Profile.LMMS_EVAL):
        parts = {
            name: _binary([bool(members[i].gold) for i in places], [said[i] for i in places], profile)["F1"]
            for name, places in categories.items()
        }
        numbers = {**numbers, "F1": sum(parts.values()) / len(parts)}
    return together(grades, numbers["F1"], **numbers)


def _binary(truth: Sequence[bool], said: Sequence[str], profile: str) -> dict[str, float]:
    """Precision, recall, F1, accuracy and the share of yes, each 0-1; 0.0 where a denominator is 0.

    lmms_eval leaves answers that are neither out of recall, and reports the share of yes in the gold.
    """
    pairs = list(zip(truth, said, strict=True))
    hits = sum(want and word == "yes" for want, word in pairs)
    false_alarms = sum(not want and word == "yes" for want, word in pairs)
    lost = [word for want, word in pairs if want and word != "yes"]
    misses = sum(word == "no" for word in lost) if profile == "lmms_eval" else len(lost)
    right = sum(word == ("yes" if want else "no") for want, word in pairs)
    precision = hits / (hits + false_alarms) if hits + false_alarms else 0.0
    recall = hits / (hits + misses) if hits + misses else 0.0
    yes = sum(truth) if profile == "lmms_eval" else hits + false_alarms
    return {
        "F1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "accuracy": right / len(pairs),
        "precision": precision,
        "recall": recall,
        "yes ratio": yes / len(pairs),
    }


def pope_score(rows: Sequence[Row], profile: str) -> Metric:
    """F1 in %: the mean over the categories; under `vlmevalkit` and `lmms_eval`, over all rows at once.

    A row of several categories ("random,popular") counts in each, as VLMEvalKit explodes it. Intervals
    are bootstrapped over images, which the categories share.
    """
    members: dict[str, list[Row]] = {}
    for row, _ in valued(rows):
        names = row.sample.category or str(row.sample.meta.get("category", ""))
        for name in names.split(","):
            members.setdefault(name.strip(), []).append(row)
    if not members:
        return Metric("F1", None, 0, note="no answers")
    parts = [_pope_f1(name, {name: group}, profile) for name, group in members.items()]
    if profile in ("vlmevalkit", "lmms_eval"):
        exploded = {"": [row for group in members.values() for row in group]}
        pooled = _pope_f1("F1", exploded, profile)
        return replace(pooled, parts=(*pooled.parts, *parts))
    absent = [name for name in ("random", "popular", "adversarial") if name not in members]
    note = "not there: " + ", ".join(absent) if absent else ""
    return replace(_pope_f1("mean F1", members, profile), parts=tuple(parts), note=note)


def _pope_f1(name: str, groups: Mapping[str, Sequence[Row]], profile: str) -> Metric:
    rows = [row for group in groups.values() for row in group]
    which = np.repeat(np.arange(len(groups)), [len(group) for group in groups.values()])
    truth = np.array([gold_yes(row.sample.gold) for row in rows])
    words = [str(row.score.parsed).lower() for row in rows]
    is_yes, is_no = (np.array([word == named for word in words]) for named in ("yes", "no"))

    def mean_f1(index: np.ndarray) -> float:
        scores = []
        for group in range(len(groups)):
            chosen = index[which[index] == group]
            want, yes = truth[chosen], is_yes[chosen]
            lost = is_no[chosen] if profile == "lmms_eval" else ~yes
            hits = int((want & yes).sum())
            wrong = int((~want & yes).sum()) + int((want & lost).sum())
            scores.append(100.0 * 2 * hits / (2 * hits + wrong) if hits else 0.0)
        return sum(scores) / len(scores)

    images = [row.sample.meta.get("image") or row.sample.affinity for row in rows]
    numbers = [
        _binary(
            [gold_yes(row.sample.gold) for row in group],
            [str(row.score.parsed).lower() for row in group],
            profile,
        )
        for group in groups.values()
    ]
    others = tuple(
        Metric(key, 100 * share, len(rows))
        for key, share in numbers[0].items()
        if key != "F1" and len(groups) == 1
    )
    value = sum(each["F1"] for each in numbers) / len(numbers) * 100
    note = "" if is_yes.any() else "nothing was answered yes"
    return replace(bootstrap(name, mean_f1, images), value=value, parts=others, note=note)


_YES_OR_NO = "yes or no; also 1, 0, true, false"
_ROWS = "a whole set on one line: list of {prediction, gold, category}"

YES_NO = Scorer(
    name="yes_no",
    help="Yes or no: exactly one of the two words in the answer.",
    profiles=(Profile.VLMEVALKIT,),
    fields=Fields,
    gold=yes_gold,
    gold_help=_YES_OR_NO,
    extract=extract_yes_no,
    judge=judge_yes_no,
    aggregate=yes_no_accuracy,
    options=("unparsed", "seed"),
    axes=("l2-category", "category"),
)
MME = Scorer(
    name="mme",
    help="MME: accuracy plus pair accuracy, in points, over fourteen categories.",
    profiles=(Profile.INTERNVL, Profile.OFFICIAL, Profile.VLMEVALKIT, Profile.LMMS_EVAL),
    fields=CategoryFields,
    gold=yes_gold,
    gold_help=_YES_OR_NO,
    extract=_extract_mme,
    judge=_judge_mme,
    judge_set=_mme_set,
    rows_help=_ROWS + "; consecutive rows are pairs",
    aggregate=mme_score,
    options=("unparsed", "seed"),
    axes=("category", "group"),
    whole_set=True,
)
POPE = Scorer(
    name="pope",
    help="POPE: F1 of yes, the mean over the three categories.",
    profiles=tuple(_POPE_WORDS),
    fields=CategoryFields,
    gold=yes_gold,
    gold_help=_YES_OR_NO,
    extract=_extract_pope,
    judge=_judge_pope,
    judge_set=_pope_set,
    rows_help=_ROWS,
    aggregate=pope_score,
    options=("unparsed", "seed"),
    axes=("category", "image"),
    whole_set=True,
)
SCORERS: tuple[Scorer[str, bool, Any], ...] = (YES_NO, MME, POPE)
