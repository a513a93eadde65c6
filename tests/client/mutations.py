"""Valid bytes of a boundary, damaged: first as JSON, then perhaps as bytes."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.hostile import SOAK, damaged


def examples(count: int) -> int:
    """How many a test tries: a hundred times as many in `make soak`."""
    return count * 100 if SOAK else count


_INSERTS = [b"\x00", b"\xff", b"\n", b"[" * 2000, b'"', b"\\ud800", b"1e999", b"NaN"]


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` (JSON) as it is or with damaged values, and up to two places of its bytes damaged."""
    content = json.loads(valid)
    text = draw(damaged(content)) if draw(st.booleans()) else json.dumps(content)
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        _damage(draw, raw)
    return bytes(raw)


def _damage(draw: st.DrawFn, raw: bytearray) -> None:
    if not raw:
        return
    at = draw(st.integers(0, len(raw) - 1))
    way = draw(st.sampled_from(["flip", "cut", "insert", "double", "zero"]))
    if way == "flip":
        raw[at] ^= 1 << draw(st.integers(0, 7))
    elif way == "cut":
        del raw[at:]
    elif way == "insert":
        raw[at:at] = draw(st.sampled_from(_INSERTS))
    elif way == "double":
        raw[at:at] = raw[at : at + draw(st.integers(1, 30))]
    else:
        raw[at : at + 4] = bytes(len(raw[at : at + 4]))
