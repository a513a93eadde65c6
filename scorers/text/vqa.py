"""VQA soft accuracy: an answer is as right as people agree on it (Antol et al. 2015).

Four programs compute it, each with its own normalisation:

- `internvl`: the m4c evaluator of MMF and LLaVA (InternVL eval/vqa/textvqa_eval.py), and lmms-eval's
  TextVQA, VizWiz and OK-VQA;
- `official`: GT-Vision-Lab/VQA vqaEval.py, which compares raw answers when all golds are identical;
- `vlmevalkit`: vlmeval/dataset/utils/vqa_eval.py, which keeps the period of "2.";
- `lmms_eval`: lmms-eval's vqav2 task: the official rule without the exception for identical golds.

VizWiz's own program (vqaEval.py of its API) is a fifth: it normalises the answer, always, and no gold ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import NamedTuple

from sightbench.sample import Json
from sightbench.scorers.aggregate import averaged
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_ANY_PUNCTUATION = re.compile(f"[{re.escape(_PUNCTUATION)}.]")
_DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
_DIGIT_COMMAS_DIGIT = re.compile(r"\d,+\d")
_PERIOD_BEFORE_NO_DIGIT = re.compile(r"\.(?!\d)")
_PERIOD_BETWEEN_NO_DIGITS = re.compile(r"(?<!\d)\.(?!\d)")
_PERIODS_DELETED = 32
"""The references pass re.UNICODE, which is 32, where re.sub takes its count."""

_ARTICLES = frozenset(("a", "an", "the"))
_COUNTS = "zero one two three four five six seven eight nine ten"
_NUMBERS = {"none": "0"} | {word: str(i) for i, word in enumerate(_COUNTS.split())}

# Written without its apostrophe, a word becomes one of these.
_ONE_APOSTROPHE = """
    ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't mustn't needn't
    oughtn't shan't shouldn't wasn't weren't won't wouldn't
    could've might've must've not've should've they've we've what've where've who've would've you've
    he'd how'd it'd someone'd something'd there'd they'd where'd who'd you'd
    how'll it'll somebody'll someone'll something'll they'll what'll who'll why'll you'll
    he's how's somebody's someone's that's there's what's when's where's who's why's
    there're they're what're why're you're
    ma'am o'clock 'twas y'all
"""
# Written with any one of its apostrophes missing, a word becomes one of these.
_MORE_APOSTROPHES = """
    couldn't've hadn't've mightn't've shouldn't've wouldn't've he'd've it'd've she'd've somebody'd've
    someone'd've something'd've there'd've they'd've we'd've who'd've you'd've y'all'll y'all'd've 'ow's'at
"""


def _contractions() -> dict[str, str]:
    table = {word.replace("'", ""): word for word in _ONE_APOSTROPHE.split()}
    for word in _MORE_APOSTROPHES.split():
        for i, letter in enumerate(word):
            if letter == "'":
                table[word[:i] + word[i + 1 :]] = word
    table["somebody'd"] = "somebodyd"  # the references have this pair the wrong way round
    return table


_CONTRACTIONS = _contractions()


def _without_punctuation(text: str, grouped: re.Pattern[str], period: re.Pattern[str]) -> str:
    if not _ANY_PUNCTUATION.search(text):
        return text
    number = grouped.search(text) is not None
    out = text
    for mark in _PUNCTUATION:
        if mark in text:
            glued = not number and f"{mark} " not in text and f" {mark}" not in text
            out = out.replace(mark, " " if glued else "")
    return period.sub("", out, count=_PERIODS_DELETED)


def _words(text: str) -> str:
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def one_line(text: str) -> str:
    """Line breaks and tabs as spaces, then stripped: what every profile does first."""
    return text.replace("\n", " ").replace("\t", " ").strip()


@lru_cache(maxsize=1 << 17)
def normalized_official(text: str) -> str:
    """An answer as vqaEval.py compares it (also Tiny LVLM's evaluator)."""
    return _words(_without_punctuation(one_line(text), _DIGIT_COMMA_DIGIT, _PERIOD_BEFORE_NO_DIGIT))


@lru_cache(maxsize=1 << 17)
def normalized_m4c(text: str) -> str:
    """An answer as the m4c evaluator compares it: commas and question marks go first, 's is split off."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return _words(_without_punctuation(one_line(text), _DIGIT_COMMAS_DIGIT, _PERIOD_BEFORE_NO_DIGIT))


@lru_cache(maxsize=1 << 17)
def normalized_vlmevalkit(text: str) -> str:
    """An answer as VLMEvalKit compares it: a period after a digit stays."""
    return _words(_without_punctuation(one_line(text), _DIGIT_COMMA_DIGIT, _PERIOD_BETWEEN_NO_DIGITS))


@lru_cache(maxsize=1 << 17)
def normalized_lmms_eval(text: str) -> str:
    """An answer as lmms-eval's vqav2 compares it: m4c without its first step."""
    return _words(_without_punctuation(one_line(text), _DIGIT_COMMAS_DIGIT, _PERIOD_BEFORE_NO_DIGIT))


class _Rule(NamedTuple):
    """`raw_if_unanimous`: identical golds are compared as written; `golds`: how many there must be;
    `raw_golds`: the answer alone is normalised."""

    normalized: Callable[[str], str]
    raw_if_unanimous: bool = False
    golds: int | None = None
    raw_golds: bool = False


_RULES = {
    Profile.INTERNVL: _Rule(normalized_m4c, golds=10),
    Profile.OFFICIAL: _Rule(normalized_official, raw_if_unanimous=True),
    Profile.VLMEVALKIT: _Rule(normalized_vlmevalkit),
    Profile.LMMS_EVAL: _Rule(normalized_lmms_eval),
}
_VIZWIZ = {**_RULES, Profile.OFFICIAL: _Rule(normalized_official, raw_golds=True)}


def soft_accuracy(answer: str, golds: Sequence[str]) -> float:
    """Mean over each left-out gold of min(1, matches among the others / 3), in 0-1.

    With ten golds: one match 0.3, two 0.6, three 0.9, four or more 1.0. Both sides come normalised.
    """
    matches = golds.count(answer)
    if not matches:
        return 0.0
    with_own, without_own = min(1.0, (matches - 1) / 3), min(1.0, matches / 3)
    return sum(with_own if gold == answer else without_own for gold in golds) / len(golds)


def _golds(gold: Json, fields: Fields, profile: Profile) -> list[str]:
    golds, needed = answers(gold, fields, profile), _RULES[profile].golds
    if needed is not None and len(golds) != needed:
        raise ValueError(f"gold: this profile's evaluator needs exactly {needed} answers, got {len(golds)}")
    return golds


def _judge(
    extraction: Extraction,
    golds: list[str],
    fields: Fields,
    context: Context,
    *,
    rules: Mapping[Profile, _Rule] = _RULES,
) -> Grade:
    normalize, raw_if_unanimous, _, raw_golds = rules[context.profile]
    rule = "normalised"
    if raw_if_unanimous and len({one_line(answer) for answer in golds}) == 1:
        normalize, rule = one_line, "unanimous golds: raw comparison"
    answer = normalize(extraction.answer)
    accepted = golds if raw_golds else [normalize(each) for each in golds]
    return Grade(soft_accuracy(answer, accepted), answer, rule=rule)


VQA_ACCURACY: Scorer[str, list[str], Fields] = Scorer(
    name="vqa_accuracy",
    fields=Fields,
    gold=_golds,
    judge=_judge,
    aggregate=averaged("VQA accuracy"),
    profiles=tuple(_RULES),
    gold_help="the ten answers: a list of strings, or of objects with `answer`",
    help="Soft accuracy over ten human answers, each left out in turn (VQAv2, OKVQA, TextVQA, VizWiz).",
)

VIZWIZ_ACCURACY: Scorer[str, list[str], Fields] = replace(
    VQA_ACCURACY,
    name="vizwiz_accuracy",
    judge=partial(_judge, rules=_VIZWIZ),
    help="Soft accuracy as VizWiz has it: officially the answer alone is normalised, the golds are already.",
)
