"""Masks a broken or hostile server might send, each with a word of the reason it must be refused for.

`pycocotools` reads foreign memory, hangs or crashes on most of these.
"""

from __future__ import annotations

from typing import Any

from sightbench import rle

GOOD = rle.to_wire(rle.from_lengths(10, 10, [30, 20, 50]))
TEXT: str = GOOD["counts"]


def text(counts: object, size: object = (10, 10)) -> dict[str, Any]:
    return {"size": list(size) if isinstance(size, tuple) else size, "counts": counts}


def number(value: int) -> str:
    """One number of COCO's text, any value."""
    out = ""
    while True:
        digit, value = value & 31, value >> 5
        more = value != -1 if digit & 16 else value != 0
        out += chr(48 + digit + 32 * more)
        if not more:
            return out


def numbers(*values: int) -> str:
    return "".join(map(number, values))


REFUSED: dict[str, tuple[object, str]] = {
    "sum short": (text(number(50)), "add up"),
    "empty text": (text(""), "empty"),
    "sum too big": (text(number(101)), "add up"),
    "run of 2^31": (text(number(2**31)), "add up"),
    "run of 2^33": (text(numbers(2**33, 100)), "add up"),
    "negative run": (text(numbers(110, -10)), "below 0"),
    "sum right after wrapping at 2^32": (text(numbers(2**32, 100)), "add up"),
    "delta below zero": (text(numbers(30, 20, 40, -30, 10)), "below 0"),
    "number cut at the end": (text(TEXT[:-1] + chr(48 + 63)), "middle of a number"),
    "continuation for ever": (text("o" * 50), "middle of a number"),
    "number of 8 characters": (text("PPPPPPP0"), "more than 7"),
    "number of 14 characters": (text("P" * 13 + "0"), "more than 7"),
    "a million zero runs": (text("0" * 1_000_000), "add up"),
    "non-ASCII": (text(TEXT + "é"), "character"),
    "lone surrogate": (text("\ud800" + TEXT), "character"),
    "control character": (text("\x01" + TEXT), "character"),
    "byte 0xff": (text(b"\xff" + TEXT.encode()), "character"),
    "NUL inside": (text(TEXT + "\0" + TEXT), "character"),
    "NUL at the end": (text(TEXT + "\0"), "character"),
    "str() of bytes": (text(str(TEXT.encode())), "character"),
    "escaped twice": (text(numbers(100).replace("T", "\\") + "\\u"), "character"),
    "h = w = 0": (text("", (0, 0)), "size [0, 0]"),
    "h = 0": (text("0", (0, 10)), "size [0, 10]"),
    "w = 0": (text("0", (10, 0)), "size [10, 0]"),
    "h = w = 2^32": (text(TEXT, (2**32, 2**32)), "size [4294967296"),
    "h = 10^9": (text(number(10**9), (10**9, 1)), "size [1000000000"),
    "h = w = 10^5": (text(TEXT, (10**5, 10**5)), "size [100000"),
    "h = w = 10^9": (text(TEXT, (10**9, 10**9)), "size [1000000000"),
    "h of 5000 digits": (text(TEXT, (10**5000, 10)), "a huge number"),
    "too many pixels": (text(number(2**27), (16384, 8192)), "size [16384, 8192]"),
    "negative size": (text(TEXT, (-10, -10)), "size [-10"),
    "size of text": (text(TEXT, ("10", "10")), "two integers"),
    "size of floats": (text(TEXT, (10.0, 10.0)), "two integers"),
    "size of bools": (text("1", (True, True)), "two integers"),
    "size of length 1": (text(TEXT, (10,)), "two integers"),
    "size of length 3": (text(TEXT, (10, 10, 1)), "two integers"),
    "size missing": ({"counts": TEXT}, "two integers"),
    "size a number": (text(TEXT, 100), "two integers"),
    "counts missing": ({"size": [10, 10]}, "text or a list"),
    "counts null": (text(None), "text or a list"),
    "counts a number": (text(7), "text or a list"),
    "counts an object": (text({"0": 100}), "text or a list"),
    "list empty": (text([]), "empty"),
    "list short": (text([30, 20]), "add up"),
    "list too big": (text([30, 20, 51]), "add up"),
    "list negative": (text([30, -10, 80]), "below 0"),
    "list of 10^30": (text([10**30]), "add up"),
    "list of bools": (text([True] * 100), "list of integers"),
    "list of floats": (text([100.0]), "list of integers"),
    "list of text": (text(["100"]), "list of integers"),
    "list nested": (text([[100]]), "list of integers"),
    "list of endless zeros": (text([0] * 200 + [100]), "more runs than"),
    "rows for columns": (text(number(200), (10, 19)), "add up"),
    "not an object": ([10, 10, TEXT], "expected"),
    "text": (TEXT, "expected"),
}
