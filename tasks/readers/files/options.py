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
