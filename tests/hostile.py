"""Valid JSON and valid bytes, damaged at one or several places: what a boundary must survive."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.soak import SECONDS

Test = TypeVar("Test", bound=Callable[..., object])


def generator(examples: int = 100) -> Callable[[Test], Test]:
    """For a test that draws what may come in at a boundary: so many examples in `make test`, in `make soak`
    rounds of a thousand, each with its own seed, for as long as it says."""
    rounds = settings(
        max_examples=1000 if SECONDS else examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    return lambda test: pytest.mark.generator(rounds(test))


values = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**70), 10**30]),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 0.1]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(
        ["", "\0", "\ud800", "\udfff x", "../../etc/passwd", "[/red]", "\x1b[2J", "NaN", "a" * 5000]
    ),
    st.text(max_size=8),
    st.sampled_from(
        ["file:///etc/passwd", "file://\0", "data:", "data:;base64,", "http://[", "data:,,;base64"]
    ),
    st.sampled_from([[], {}, [[]], [{}], {"": {}}, [None], {"type": "text"}, {"url": None}, {"text": []}]),
).map(copy.deepcopy)  # a later damage may change what an earlier one put there
"""Values that some reader did not expect."""


@st.composite
def damaged(draw: st.DrawFn, valid: Any) -> str:
    """`valid` as JSON text after one to three damages: a value replaced, dropped, doubled or wrapped, a key
    added, the text cut or spoilt."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "drop", "double", "wrap", "add", "deep"])):
            case "replace":
                holder[key] = draw(values)
            case "drop":
                del holder[key]
            case "double" if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case "wrap":
                holder[key] = draw(st.sampled_from([[holder[key]], {"url": holder[key]}]))
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=6) | st.sampled_from(["kv_transfer_params", "n", "tools"]))] = (
                    draw(values)
                )
            case "deep":
                for _ in range(draw(st.sampled_from([3, 100, 400]))):
                    holder[key] = [holder[key]]
    text = json.dumps(value)
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(text)))
        text = (
            text[:place]
            + draw(st.sampled_from(["", "\0", "]", "}", '"', ",", "\ufeff", "1e999"]))
            + (text[place + draw(st.integers(0, 5)) :])
        )
    return text


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


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


YAML_VALUES = (
    *("2001-99-99", "1e999", "9" * 5000, "0x" + "f" * 5000, "!!python/object:os.system x", "!!binary x"),
    *("[" * 3000, "{a: " * 300, "&a [*a]", "*nobody", "\x1b[31m", "[/red]", "190:20:30", ".inf", "!!float x"),
    *("!!timestamp x", "!!int x", "!!set {a}", "? a", "- b", "%TAG", "~", "", "'", '"\\ud800"', "\ufeff"),
    *("=", "<<", "\x85", "{<<: 1}", "!!omap [1]", "!!pairs [1]", "0o9", "0b", "1:99:99", "-.INF"),
)  # fmt: skip
"""What YAML has that a mapping of flags does not expect."""


@st.composite
def damaged_yaml(draw: st.DrawFn, valid: str) -> bytes:
    """`valid`, lines of `name: value`, with one to three lines damaged, and perhaps a byte."""
    lines = valid.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        name = lines[at].partition(":")[0]
        new = draw(st.sampled_from(YAML_VALUES) | st.text(max_size=20))
        lines[at] = draw(st.sampled_from([f"{name}: {new}", f"{new}: 1", new, f"  {lines[at]}", f"? {new}"]))
    raw = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    if draw(st.booleans()):
        _damage(draw, raw)
    return bytes(raw)
