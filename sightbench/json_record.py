"""JSON from outside, decoded into a typed record."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from sightbench.terminal import plain

T = TypeVar("T")

NOTHING = msgspec.Raw(b"null")


def from_json(raw: bytes | msgspec.Raw, kind: type[T]) -> T:
    """`raw` as a `kind`. Raises ValueError, in one line that names the place, for what is none."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(plain(error, 300)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def told(raw: msgspec.Raw, kind: type[T]) -> T | None:
    """`raw` as a `kind`, None for what is none: for what is only shown to people, and must stop nothing."""
    try:
        return from_json(raw, kind)
    except ValueError:
        return None
