"""What an answer is before any extractor sees it: reasoning set aside, refusals and cut-offs named."""

from __future__ import annotations

import re
from typing import Literal

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
)
_REFUSALS = re.compile(
    r"""\s*(?:
        (?:i['’]?\ ?a?m\s+)?(?:so\s+|very\s+)?sorry\b
      | i\ (?:do\ )?apologi[sz]e\b
      | (?:unfortunately,?\s+)?(?:i|we)\s+(?:can['’]?t|can\ ?not|won['’]?t|am\ (?:not\ able|unable)\ to)\b
      | i['’]m\s+(?:not\ able|unable)\s+to\b
      | as\ an\ ai\b
      | (?:很|非常)?抱歉 | 对不起 | 我?无法 | 我不能
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def set_aside_reasoning(text: str) -> tuple[str, str]:
    """`(answer, reasoning)`. Text without reasoning tags comes back untouched, byte for byte.

    The answer is what follows the last closing tag, without leading white space. A template may have
    put the opening tag into the prompt, so a closing tag alone is enough; an opening tag that is never
    closed means that the model was cut off while thinking: the answer is then what stood before it.
    """
    lowered = text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)
    for opening, closing in _TAGS:
        end = lowered.rfind(closing)
        if end >= 0:
            start = lowered.find(opening)
            begin = start + len(opening) if 0 <= start < end else 0
            return text[end + len(closing) :].lstrip(), text[begin:end].strip()
        start = lowered.find(opening)
        if start >= 0:
            return text[:start].strip(), text[start + len(opening) :].strip()
    return text, ""


def final_answer(text: str, marked: str) -> str:
    """The answer of a prompt that asks for reasons first, by how it is `marked` (a sample's `cot`).

    `boxed`: what the last \\boxed{} holds, braces balanced (VLMEvalKit, extract_boxed_content).
    `final_answer`: the rest of the line after the first "Final answer:" or "Answer:" in any case
    (InternVL, extract_answer). Where the mark is not there, the whole text. ValueError for another mark.
    """
    if marked == "final_answer":
        line = re.search(r"(?:Final answer:|Answer:)\s*(.*)", text, re.IGNORECASE)
        return line.group(1).strip() if line else text
    if marked != "boxed":
        raise ValueError(f"cot: expected final_answer or boxed, got {marked!r}")
    begin = text.rfind("\\boxed{")
    if begin < 0:
        return text
    begin += len("\\boxed{")
    depth = 1
    for position in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[begin:position]
    return text


def boxed_or_rest(text: str) -> str:
    """What the first \\boxed{} of the whole reply holds, else the reply without its reasons: how Dyn-Bench
    reads a model family that is told to box its answer (utils/run_qa_task.py, _run_spatial_ssrl_qa)."""
    # A box that nothing closes ends the search: no later one is closed either.
    box = re.search(r"\\boxed\{([^}]++)(\}?)", text)
    return box.group(1) if box and box.group(2) else set_aside_reasoning(text)[0]


def tagged_or_rest(text: str) -> str:
    """What the last <answer> of a reply holds, else the reply without its reasons: how SpatialLadder and
    SpaceR were trained to answer."""
    tags = _ANSWER_TAG.findall(text)
    return tags[-1].strip() if tags else set_aside_reasoning(text)[0]


_ANSWER_TAG = re.compile(r"<answer>((?:(?!<answer>).)*?)(?:</answer>|$)", re.IGNORECASE | re.DOTALL)


def is_refusal(text: str) -> bool:
    """True if the answer opens with a refusal in plain words (English or Chinese)."""
    return _REFUSALS.match(text) is not None


def classify(
    text: str | None, finish_reason: str | None = None, refusal: str | None = None
) -> Literal["answered", "empty", "truncated", "refused"]:
    """One word for a report's count of answers that are none: the endpoint's own word goes first."""
    if refusal is not None or finish_reason == "content_filter":
        return "refused"
    if finish_reason == "length":
        return "truncated"
    answer = set_aside_reasoning(text or "")[0]
    if not answer.strip():
        return "empty"
    return "refused" if is_refusal(answer) else "answered"
