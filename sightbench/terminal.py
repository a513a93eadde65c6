"""Text from outside (a server, a dataset, a file, a flag) on its way to people: nothing in it may steer a
terminal, break a line or be taken for markup."""

from __future__ import annotations

import io
import sys


def plain(text: object, limit: int | None = 500) -> str:
    """`text` as one printable line of at most `limit` characters (None: as long as it is).

    Line breaks, control characters, marks that reorder or hide text and unpaired surrogates become spaces;
    spaces in a row become one. Never raises: what cannot be turned into text is named by its type.
    """
    if not isinstance(text, str):
        try:
            text = str(text)
        except (ValueError, RecursionError):
            # an integer of thousands of digits, lists in lists in lists
            text = f"a {type(text).__name__} that cannot be shown"
    if limit is not None:
        # Enough to fill the line even if much of it is spaces, and no more work than that.
        text = text[: 8 * limit]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(text.split())
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def printable(text: str) -> str:
    """`text` with its lines and spaces, every other letter that is not printable a space."""
    lines = text.split("\n")
    return "\n".join("".join(letter if letter.isprintable() else " " for letter in line) for line in lines)


def say(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Prints lines that may hold words from outside on stdout, or on stderr."""
    print(printable(text), file=sys.stderr if err else sys.stdout, end=end, flush=True)


def use_any_encoding() -> None:
    """Lets stdout and stderr show what their encoding lacks as `\\u2026` instead of raising: call it once, at
    the start of a command (LC_ALL=POSIX, ASCII terminals, pipes)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
