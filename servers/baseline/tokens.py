"""How this server counts tokens: a declared rule, so that `usage` is plausible and repeatable.

Text: each `[SEG]`, each run of up to four letters or digits, and each other visible character is one
token. Frames: one token per 28 x 28 pixels of the frame as it is looked at (see frames.py).
"""

from __future__ import annotations

import re

PATCH = 28
MAX_MODEL_LEN = 65536

_PIECE = re.compile(r"\[SEG\]|\w{1,4}|[^\w\s]")


def count_text(text: str) -> int:
    return sum(1 for _ in _PIECE.finditer(text))


def count_frames(frames: int, height: int, width: int) -> int:
    return frames * -(-height // PATCH) * -(-width // PATCH)


def seg_positions(text: str) -> list[int]:
    """The token index of every `[SEG]` in `text`, in order."""
    return [i for i, piece in enumerate(_PIECE.finditer(text)) if piece.group() == "[SEG]"]


def cut(text: str, limit: int) -> str:
    """`text` up to and including its token number `limit`; all of it if it has no more than that."""
    for i, piece in enumerate(_PIECE.finditer(text), start=1):
        if i == limit:
            return text[: piece.end()] if _PIECE.search(text, piece.end()) else text
    return text
