"""Valid bytes of a boundary, damaged: the generator behind the tests of what comes from outside."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import strategies as st

SOAK = bool(os.environ.get("SIGHTBENCH_SOAK"))


def examples(count: int) -> int:
    """How many a test tries: a hundred times as many in `make soak`."""
    return count * 100 if SOAK else count


_odd = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [2**62, 2**63, -(2**63), 10**30, 1.5, -0.0, "", "\x00", "\x1b[2J", "[/red]", [], {}, [[]]]
    )
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=3)
)

_INSERTS = [b"\x00", b"\xff", b"\n", b"[" * 2000, b'"', b"\\ud800", b"1e999", b"NaN"]


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` (JSON) with some values replaced, keys dropped or doubled, and then perhaps bytes damaged."""
    content = json.loads(valid)
    for _ in range(draw(st.integers(0, 3))):
        content = _changed(draw, content)
    raw = bytearray(json.dumps(content, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        _damage(draw, raw)
    return bytes(raw)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with something in it changed, wherever the draw leads."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        way = draw(st.sampled_from(["inside", "inside", "inside", "drop", "rename"]))
        if way == "inside":
            return {**value, key: _changed(draw, value[key])}
        rest = {name: entry for name, entry in value.items() if name != key}
        return rest if way == "drop" else {**rest, draw(st.text(max_size=3)): value[key]}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _changed(draw, value[at]), *value[at + 1 :]]
    depth = draw(st.sampled_from([0, 0, 0, 1, 50]))
    odd = draw(_odd)
    for _ in range(depth):
        odd = [odd]
    return odd


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
        raw[at:at] = draw(
            st.sampled_from([b"\x00", b"\xff", b"\n", b"[" * 2000, b'"', b"\\ud800", b"1e999", b"NaN"])
        )
    elif way == "double":
        raw[at:at] = raw[at : at + draw(st.integers(1, 30))]
    else:
        raw[at : at + 4] = bytes(len(raw[at : at + 4]))
