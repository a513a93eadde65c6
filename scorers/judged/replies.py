"""Reading what a judge wrote in answer to our own forms: one JSON object of one shape, or no verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sightbench.scorers.judged.form import NOTHING, Case
from sightbench.scorers.judged.judge import PLAN_SCORES

TENTHS = tuple(f"{n / 10:.1f}" for n in range(11))
TEN = tuple(range(1, 11))
FIVE = tuple(range(1, 6))
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
NONE = "none"
LONGEST_EXTRACTION = 200


def schema(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema of exactly these properties, in order, a reason first."""
    return {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 200}, **properties},
        "required": ["reason", *properties],
        "additionalProperties": False,
    }


def one_of(values: Sequence[str | int]) -> dict[str, Any]:
    return {"type": "string" if isinstance(values[0], str) else "integer", "enum": list(values)}


def score(text: str, case: Case) -> str | None:
    """MM-Vet: tenths from 0.0 to 1.0."""
    found = _object(text, "score")
    return None if found is None else _among(found["score"], TENTHS)


def pair(text: str, case: Case) -> str | None:
    """LLaVA-Bench: two whole marks from 1 to 10, written as its reviews have them."""
    found = _object(text, "assistant_1", "assistant_2")
    if found is None or not all(_whole(found[name], TEN) for name in ("assistant_1", "assistant_2")):
        return None
    return f"{found['assistant_1']} {found['assistant_2']}"


def plan(text: str, case: Case) -> str | None:
    """Four whole marks from 1 to 5; the final score is their mean, never the judge's own sum."""
    found = _object(text, *PLAN_SCORES)
    if found is None or not all(_whole(found[name], FIVE) for name in PLAN_SCORES):
        return None
    return json.dumps({"scores": {name: found[name] for name in PLAN_SCORES}})


def mark(text: str, case: Case) -> str | None:
    """A blind review's mark: whole, from 1 to 10."""
    found = _object(text, "mark")
    return str(found["mark"]) if found is not None and _whole(found["mark"], TEN) else None


def better(text: str, case: Case) -> str | None:
    """Which of two answers is better: A, B or tie."""
    found = _object(text, "better")
    return None if found is None else _among(found["better"], ("A", "B", "tie"))


def key_points(text: str, case: Case) -> str | None:
    """MMScan: the key points with right or wrong beside each, counted here."""
    found = _object(text, "key_points")
    points = None if found is None else found["key_points"]
    if not isinstance(points, list) or not points:
        return None
    for point in points:
        if not isinstance(point, dict) or set(point) != {"point", "right"}:
            return None
        if not isinstance(point["right"], bool) or not isinstance(point["point"], str):
            return None
    right = sum(point["right"] for point in points)
    counts = {"Correct Number": right, "Wrong/Missing Number": len(points) - right}
    return json.dumps({"All key points": [point["point"] for point in points], **counts, "Reasons": ""})


def option(text: str, case: Case) -> str | None:
    """A letter of the question's options, or none of them."""
    found = _object(text, "option")
    letter = None if found is None else found["option"]
    if letter == NONE:
        return NOTHING
    return letter if isinstance(letter, str) and letter in case.options else None


def yes_or_no(text: str, case: Case) -> str | None:
    found = _object(text, "answer")
    said = None if found is None else _among(found["answer"], ("Yes", "No", "Unknown"))
    return NOTHING if said == "Unknown" else said


def extraction(text: str, case: Case) -> str | None:
    """MathVista: the final answer, short as those are; an essay is none."""
    found = _object(text, "answer")
    said = None if found is None else found["answer"]
    if not isinstance(said, str) or len(said) > LONGEST_EXTRACTION:
        return None
    said = said.strip()
    if said.lower() in ("", NONE):
        return NOTHING
    return said.upper() if len(said) == 1 and case.options else said


def as_is(text: str, case: Case) -> str | None:
    """A reference that takes whatever came."""
    return text


def accepted(by: Callable[[str, Case], bool]) -> Callable[[str, Case], str | None]:
    """A reference that asks again until its own rule finds something."""
    return lambda text, case: text if by(text, case) else None


def _object(text: str, *names: str) -> dict[str, Any] | None:
    """The one JSON object that is the whole reply, if it has a reason and exactly these names beside it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {"reason", *names}:
        return None
    return found


def _among(value: Any, words: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and value in words else None


def _whole(value: Any, range_: Sequence[int]) -> bool:
    return type(value) is int and value in range_
