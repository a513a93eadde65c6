"""VLMEvalKit's option matcher for spatial benchmarks (MMSI-Bench without circular evaluation)."""

from __future__ import annotations

import re

from sightbench.scorers.choice.letters import Match

_LETTERS = "ABCDEF"
_INVISIBLE = re.compile(r"[\u200b\u200c\u200d\ufeff]")
_OPENING = re.compile(r"<\s*answer\b", re.IGNORECASE)
_LEADING = re.compile(r"\s*([A-J])", re.IGNORECASE)
_CLOSING = re.compile(r"<\s*/\s*answer\s*>", re.IGNORECASE)
# A model that repeats itself sends tens of thousands of brackets or spaces. The reference's patterns allow
# runs of them around a letter, which changes no letter found (a bracket or a space borders a letter as well
# as it may) and costs the square of the run; below they are left out, or never given back (`*+`).
_BEFORE_TAG = tuple(
    re.compile(
        rf"(?<![A-Za-z])([{_LETTERS}])\s*+(?:[\)\]\}}）】]\s*+)?</\s*{tag}\s*>",
        re.IGNORECASE,
    )
    for tag in ("answer", "think")
)
_OPTION_LINE = re.compile(r"^(?:[*_>\-\s]*)(?:option|选项)\s+[A-J]\s*[:：]", re.IGNORECASE)
_ONE_LETTER = re.compile(r"\s*+[*_`>（）\[\]【】\(\)]*+\s*+([A-Fa-f])\s*+[*_`（）\[\]【】\(\)]*+\s*+")
_LABELLED = re.compile(r"^\s*([A-F])\s*[\.．:：\)\]】、-]\s+", re.IGNORECASE)
_INLINE = re.compile(r"(?<![A-Za-z])([A-F])[*_`}]*+(?=$|[\s\.,:;!?\)\]】》」』，。；、：）])")
_PHRASE = re.compile(
    r"(?i)(?:final\s*answer|the\s*answer\s*is|answer(?:\s*is)?|correct\s*answer|"
    r"答案|最终答案|结论|所以|因此|我选(?:择)?|选择|选)\s*+(?:[:：>＝=]\s*+)?"
    rf"(?:[\(\[\{{（【]\s*+)?([{_LETTERS}])\b"
)
_ALONE = re.compile(rf"(?<![A-Za-z])([{_LETTERS}])(?![A-Za-z])")
_TAIL, _LINES = 800, 6


def match_option(answer: str) -> Match:
    """The letter A-F and the step that found it, by can_match_option (utils/spatial_bench/matching_func.py).

    In this order: a leading letter A-J inside <answer>; a letter right before </answer> or </think>; the
    last six lines after the thinking, then of the last 800 characters, from the bottom up; the first
    conclusive phrase (in any case, "answer a" included); the only letter standing alone.
    """
    text = _INVISIBLE.sub("", answer.strip())
    letter = _in_answer_tag(text)
    if letter:
        return letter, "answer tag"
    tail = text[-_TAIL:]
    for pattern in _BEFORE_TAG:
        closed = pattern.search(tail)
        if closed:
            return closed.group(1).upper(), "before a closing tag"
    letter = _from_lines(_after_thinking(text))
    if letter:
        return letter, "last lines"
    letter = _from_lines(tail)
    if letter:
        return letter, "last lines of the tail"
    phrase = _PHRASE.search(text)
    if phrase:
        return phrase.group(1).upper(), "phrase"
    kept = "\n".join(line for line in text.splitlines() if not _OPTION_LINE.search(line))
    alone = set(_ALONE.findall(kept))
    if len(alone) == 1:
        return str(alone.pop()), "only letter"
    return None, "nothing found"


def _in_answer_tag(text: str) -> str | None:
    """The letter right after the first <answer ...> that one follows, if </answer> comes later."""
    begin = 0
    while (end := text.find(">", begin)) >= 0:
        letter = _LEADING.match(text, end + 1) if _OPENING.search(text, begin, end) else None
        if letter:
            return letter.group(1).upper() if _CLOSING.search(text, letter.end()) else None
        begin = end + 1
    return None


def _after_thinking(text: str) -> str:
    for tag in (r"</\s*think\s*>", r"<\s*think\s*>"):
        tags = list(re.finditer(tag, text, re.IGNORECASE))
        if tags:
            return text[tags[-1].end() :].strip()
    return text


def _from_lines(text: str) -> str | None:
    for line in reversed([line.strip() for line in text.splitlines()[-_LINES:] if line.strip()]):
        if _OPTION_LINE.search(line):
            continue
        letter = _ONE_LETTER.fullmatch(line) or _LABELLED.match(line)
        if letter:
            return letter.group(1).upper()
        named = set(_INLINE.findall(line))
        if len(named) == 1:
            return str(named.pop())
    return None
