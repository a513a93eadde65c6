"""The masks of a reply as the server wrote them: kept as text, read when they are judged.

A mask costs a few hundred bytes as text and many times that as Python objects, and a server may send millions
of them; so they are counted before any object is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OBJECTS = 64
"""Objects that one reply may hold. Real ones hold a handful."""

FRAMES_PER_SENT = 4
"""Frames per frame sent that an object may hold; what is more is never scored."""

NUMBERS = 4_000_000
"""Run lengths that a reply may hold as lists of numbers (about 150 MB once read)."""


@dataclass(frozen=True, slots=True)
class MaskText:
    """`message.masks` of a reply: JSON text on one line, valid UTF-8, otherwise as it came."""

    json: bytes

    def __bool__(self) -> bool:
        """Whether there is any object in it."""
        return self.json not in (b"[]", b"null")

    def objects(self, frames: int = 1024) -> Any:
        """The JSON value, an unvalidated list of objects if the server keeps to the wire, for a sample of
        `frames` frames. Raises MaskError if it holds more objects or numbers than such a reply can."""
        import orjson

        from sightbench.rle import MaskError

        entries = OBJECTS * (2 + FRAMES_PER_SENT * max(frames, 1))
        # Neither sign is in the alphabet of run-length text, so these are the objects and (bar a few) values.
        if self.json.count(b"{") > entries:
            raise MaskError(f"more than {entries} masks for {frames} frames sent")
        if self.json.count(b",") > 8 * entries + NUMBERS:
            raise MaskError(f"more than {NUMBERS} run lengths")
        try:
            return orjson.loads(self.json)
        except orjson.JSONDecodeError as error:
            raise MaskError(f"masks are not JSON: {error}") from None
