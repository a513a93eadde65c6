"""JSON from outside, decoded into a typed record."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sightbench.terminal import plain

T = TypeVar("T")


def from_json(raw: bytes | msgspec.Raw, kind: type[T]) -> T:
    """`raw` as a `kind`. Raises ValueError, in one line that names the place, for what is none."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(plain(error, 300)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
