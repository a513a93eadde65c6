"""The text of a request -> which question it is, of the forms in docs/synthetic.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TEXT_FORMS: tuple[tuple[str, str], ...] = (
    ("camera_motion", "How does the camera move during the video"),
    ("camera_still", "Does the camera move during the video"),
    ("nearest", "Which object is nearest to the camera in the {frame} frame"),
    ("farthest", "Which object is farthest from the camera in the {frame} frame"),
    ("approach", "How does the distance between the camera and {a} change from the first to the last frame"),
    ("relation", "In the {frame} frame, where is {a} relative to {b}"),
    ("pair_distance", "How does the distance between {a} and {b} change from the first to the last frame"),
    ("travel", "Which object moves the farthest over the ground"),
    ("leftmost", "Which object is the leftmost one in the {frame} frame"),
    ("rightmost", "Which object is the rightmost one in the {frame} frame"),
    ("closest_to", "Which object is closest to {b} in the {frame} frame"),
    ("hides", "Which object partly hides {b} in the {frame} frame"),
    ("facing", "Imagine standing at {a} and facing {b} in the {frame} frame. Where is {c}"),
    ("count", "How many different objects appear in the video"),
    ("count_shape", "How many {shapes} appear in the video"),
    ("count_moving", "How many objects move over the ground during the video"),
    ("which_moves", "Which of these objects moves over the ground during the video"),
    ("direction", "In which direction does {a} move over the ground"),
    ("when", "When does {a} move over the ground"),
    ("on_mat", "Which object stands on the dark mat in the {frame} frame"),
    ("mat_event", "How does {a} stand to the dark mat from the first to the last frame"),
)
MASK_FORMS: tuple[tuple[str, str], ...] = (
    ("nearest", "the object nearest to the camera in the {frame} frame"),
    ("farthest", "the object farthest from the camera in the {frame} frame"),
    ("approaches", "the object whose distance to the camera shrinks the most"),
    ("recedes", "the object whose distance to the camera grows the most"),
    ("leftmost", "the leftmost object in the {frame} frame"),
    ("rightmost", "the rightmost object in the {frame} frame"),
    ("closest_to", "the object closest to {b} in the {frame} frame"),
    ("hidden_by", "the object partly hidden by {a} in the {frame} frame"),
    ("travel", "the object that moves the farthest over the ground"),
    ("on_mat", "the object on the dark mat in the {frame} frame"),
    ("only_mover", "the only object that moves over the ground"),
    ("only_still", "the only object that does not move over the ground"),
    ("named", "{a}"),
)

_SEGMENT = re.compile(r"\bsegment\s+(.+?)\s*(?:[.?!]|$)", re.IGNORECASE)
_WANTS_MASK = re.compile(
    r"\bplease (?:respond with|provide|output) (?:a |the )?segmentation mask", re.IGNORECASE
)
_WHAT_IS = re.compile(r"^what is (.+?) in this (?:image|video|scene)\?", re.IGNORECASE)
_PLACE = re.compile(r"\s+in this (?:image|video|scene)$", re.IGNORECASE)
_OPTION = re.compile(r"^\s*\(?([A-Z])[.):]\s*(\S.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Question:
    """`names` holds what stands for {a}, {b}, {c}, {frame}, {shapes}; `options` are (letter, text)."""

    family: str
    names: Mapping[str, str]
    options: tuple[tuple[str, str], ...] = ()
    wants_mask: bool = False


def parse_question(text: str) -> Question | None:
    """None for a question of no known form."""
    lines = text.strip().splitlines()
    options = tuple((m[1], m[2].lower()) for m in map(_OPTION.match, lines) if m)
    asked = " ".join(" ".join(line for line in lines if not _OPTION.match(line)).split())
    segment = _SEGMENT.search(asked)
    if segment:
        return _match(_MASK_PATTERNS, _PLACE.sub("", segment[1]), (), True)
    wants_mask = _WANTS_MASK.search(asked)
    if wants_mask:
        wanted = asked[: wants_mask.start()]
        named = _WHAT_IS.search(wanted)
        if named:
            return _match(_MASK_PATTERNS, named[1], (), True)
        found = _match(_TEXT_PATTERNS, wanted, (), True) or _match(
            _MASK_PATTERNS, wanted.strip(" .?"), (), True
        )
        return None if found is None or found.family not in _MASKED else found
    return _match(_TEXT_PATTERNS, asked, options, False)


def _match(
    patterns: tuple[tuple[str, re.Pattern[str]], ...],
    asked: str,
    options: tuple[tuple[str, str], ...],
    wants_mask: bool,
) -> Question | None:
    for family, pattern in patterns:
        found = pattern.match(asked)
        if found:
            names = {k: v.lower() for k, v in found.groupdict().items()}
            return Question(family, names, options, wants_mask)
    return None


def _compiled(forms: tuple[tuple[str, str], ...], end: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """`end` is what must follow a form; forms hold nothing that is special in a pattern but full stops."""
    slots = {name: rf"the (?P<{name}>\w+ \w+)" for name in "abc"}
    slots |= {"frame": r"(?P<frame>first|last)", "shapes": r"(?P<shapes>spheres|boxes|cylinders)"}
    return tuple(
        (
            family,
            re.compile(form.format(**slots) + end, re.IGNORECASE),
        )
        for family, form in forms
    )


_MASKED = {family for family, _ in MASK_FORMS} | {"hides"}
"""Families that mean an object, whether they are asked for it as a question or named."""

_TEXT_PATTERNS = _compiled(TEXT_FORMS, r"\b")
_MASK_PATTERNS = _compiled(MASK_FORMS[:-1], r"\b") + _compiled(MASK_FORMS[-1:], "$")
