"""Options that are written into a question's text: "Options: A: red, B: blue"."""

from __future__ import annotations

import re

OPTIONS = re.compile(r"Options:\s*A: (.*)", re.DOTALL)


def written(question: str) -> dict[str, str]:
    """Letter -> text of the options at the end of `question`; empty if there are none."""
    match = OPTIONS.search(question)
    if match is None:
        return {}
    pieces = re.split(r",?\s*\b([B-Z]): ", match[1].strip())
    return {"A": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def rotated(question: str, answer: str, turns: int) -> tuple[str, str]:
    """`question` with its written options moved on by `turns` letters, and the answer's new letter.

    ValueError if the options cannot be read or the answer is none of them.
    """
    options = written(question)
    letters = list(options)
    if len(letters) < 2 or answer not in options or letters != list("ABCDEFGH"[: len(letters)]):
        raise ValueError("has no options A, B, ... written in its text, so they cannot be re-ordered")
    texts = list(options.values())
    moved = [texts[(position + turns) % len(texts)] for position in range(len(texts))]
    match = OPTIONS.search(question)
    assert match is not None
    listed = ", ".join(f"{letter}: {text}" for letter, text in zip(letters, moved, strict=True))
    now = letters[(letters.index(answer) - turns) % len(letters)]
    return f"{question[: match.start()]}Options: {listed}", now
