"""Valid JSON, damaged at one or several places: what a boundary must survive."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SOAK = bool(os.environ.get("SIGHTBENCH_SOAK"))
ROUNDS = settings(
    max_examples=20_000 if SOAK else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""Short in `make test`, long in `make soak`."""

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
