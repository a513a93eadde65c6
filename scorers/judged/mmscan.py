"""MMScan question answering (InternSR dataset/mmscan/evaluator): exact match, captions' metrics, a judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sightbench.sample import Json
from sightbench.scorers.aggregate import averaged, graded, mean_detail, mean_value
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import strings, unused
from sightbench.scorers.judged.judge import json_object
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.text.caption import corpus_metrics

_LONGEST = 256
_EMPTY = "@@@@@@@@-=EmptyAnswer=-@@@@@@@@@"
"""Stands for an empty answer in the reference; a gold inside it ("e") still counts."""
_MARKS = ("ASSISTANT:", "\n", "<s>", "</s>", "<unk>", "<p>", "</p>", "<ref>", "<|endoftext|>")
_COUNTS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_REWRITTEN = {str(i): word for i, word in enumerate(_COUNTS.split())} | {
    "23": "twenty-three",
    "none": "zero",
    "letf": "left",
    "let": "left",
    "tehre": "there",
    "rigth": "right",
    "rght": "right",
    "behine": "behind",
    "tv": "TV",
    "chai": "chair",
    "wasing": "washing",
    "waslked": "walked",
    "oclock": "o'clock",
}
_REWRITABLE = re.compile(rf"\b(?:{'|'.join(sorted(_REWRITTEN, key=len, reverse=True))})\b")
_SPLIT_OCLOCK = re.compile(r"\bo'[ ]+clock\b")
_UNWANTED = re.compile(r"[^a-zA-Z0-9,'\s\-:]+")
_SPACES = re.compile(r" {2,}")
_WORD_AND_DIGIT = re.compile(r"\b([a-zA-Z]+)[0-9]\b")
_ARTICLES = tuple(re.compile(rf"\b{article}\b ([a-zA-Z]+)") for article in ("a", "an", "the"))
_BACKWARDS = re.compile(r"\bbackwards\b")


def clean(text: str) -> str:
    """A sentence after LEO's rules: lower case, usual typos, counts as words, articles dropped."""
    text = _SPACES.sub(" ", text.lower().strip(" "))
    text = _UNWANTED.sub("", text)
    text = _SPLIT_OCLOCK.sub("o'clock", _REWRITABLE.sub(lambda word: _REWRITTEN[word[0]], text))
    text = _WORD_AND_DIGIT.sub(r"\1", text)
    for article in _ARTICLES:
        text = article.sub(r"\1", text)
    return _BACKWARDS.sub("backward", text)


def filtered(text: str) -> str:
    """Special tokens deleted, cut at 256 characters, then cleaned: what every metric here compares."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    return clean(re.sub(r"\s{2,}", " ", text.strip())[:_LONGEST])


def _contained(answer: str, golds: Sequence[str]) -> bool:
    """Refined EM: equal, or one inside the other, without any white space."""
    squeezed = "".join(answer.split()) or _EMPTY
    return any(squeezed in each or each in squeezed for each in ("".join(gold.split()) for gold in golds))


def _golds(gold: Json, fields: Fields, profile: Profile) -> list[str]:
    return [filtered(each) for each in strings(gold)]


def _judge(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    answer = filtered(extraction.answer)
    exact, refined = float(answer in golds), float(_contained(answer, golds))
    return Grade(exact, answer, detail={"EM": exact, "refined_EM": refined})


def _aggregate(rows: Sequence[Row], profile: str) -> Metric:
    known = graded(rows)
    exact = averaged("EM")(known, profile)
    answers = [row.score.parsed or "" for row in known]
    golds = [[filtered(each) for each in strings(row.sample.gold)] for row in known]
    refined = mean_detail("refined_EM", known, "refined_EM")
    texts = corpus_metrics(answers, golds, java=True)
    return replace(exact, parts=(*exact.parts, refined, *texts, *_judged_parts(known)))


def _judged_parts(rows: Sequence[Row]) -> tuple[Metric, ...]:
    """The share of key points a judge found right, overall and by class, where one was asked."""
    points = [
        (row, float(row.score.detail["judge"]["key_points"]))
        for row in rows
        if "key_points" in row.score.detail.get("judge", {})
    ]
    if not points:
        return ()
    valid = [Row(row.sample, replace(row.score, value=share, status="scored")) for row, share in points]
    return (replace(_aggregate_judge(valid, "official"), name="key points (judge)"),)


_CLASSES = (
    ("Attribute_OO", "OOa"),
    ("Space_OO", "OOs"),
    ("EQ", "STa"),
    ("Single_Attribute", "STa"),
    ("OR", "OR"),
    ("Single_Space", "STs"),
    ("Advanced", "Advanced"),
)


def question_class(question_id: str) -> str | None:
    """The abbreviation of the question's class, from the part of its id before "__"."""
    kind = question_id.split("__")[0]
    return next((short for word, short in _CLASSES if word in kind), None)


def _judge_verdict(extraction: Extraction, gold: None, fields: Fields, context: Context) -> Grade:
    verdict = json_object(extraction.answer)
    try:
        points = len(verdict["All key points"])
        right, wrong = int(verdict["Correct Number"]), int(verdict["Wrong/Missing Number"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return Grade(0.0, None, "unparsed", rule="no counts")
    if "Reasons" not in verdict or points == 0 or points != right + wrong:
        return Grade(0.0, None, "unparsed", rule="counts do not add up to the key points")
    return Grade(right / points, [right, wrong])


def _aggregate_judge(rows: Sequence[Row], profile: str) -> Metric:
    """The mean over valid replies, and per class of question; invalid replies leave the mean."""
    known = [row for row in graded(rows) if row.score.status == "scored"]
    classes: dict[str, list[Row]] = {}
    for row in known:
        label = question_class(row.sample.id) or question_class(row.sample.category)
        if label is not None:
            classes.setdefault(label, []).append(row)
    parts = tuple(mean_value(name, group) for name, group in classes.items())
    return replace(mean_value("overall", known), parts=parts)


MMSCAN: Scorer[str, list[str], Fields] = Scorer(
    name="mmscan",
    fields=Fields,
    gold=_golds,
    judge=_judge,
    aggregate=_aggregate,
    profiles=(Profile.OFFICIAL,),
    gold_help="the answers: a string or a list of strings",
    help="MMScan QA: exact match after LEO's cleaning; detail holds refined EM (containment), the aggregate "
    "also BLEU, METEOR, ROUGE-L, CIDEr and SPICE.",
)

MMSCAN_JUDGE: Scorer[str, None, Fields] = Scorer(
    name="mmscan_judge",
    fields=Fields,
    gold=unused,
    gold_help="not used",
    judge=_judge_verdict,
    aggregate=_aggregate_judge,
    profiles=(Profile.OFFICIAL,),
    prediction_help="the judge's reply: JSON with All key points, Correct Number, ...",
    help="MMScan's GPT metric: the share of key points the judge counts as right.",
    needs_gold=False,
)
