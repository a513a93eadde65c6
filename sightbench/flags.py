"""A field of a dataclass that is also a flag of the command: declared in one place, checked in one place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from sightbench.errors import UsageError

Group = Literal[
    "what to ask", "where", "how fast", "what a request carries", "scoring", "the judge", "output"
]
"""The sections of `--help`."""

LARGEST = 2**63 - 1
"""What JSON and every server can hold in a whole number."""


@dataclass(frozen=True, slots=True)
class FlagInfo:
    """How a field looks on the command line, and which values it takes.

    `most` and `least` are the bounds, `above` a bound that is itself left out. `shown` is the default in
    words, where the field's own says nothing.
    """

    help: str
    group: Group
    least: float | None = None
    above: float | None = None
    most: float | None = None
    metavar: str | None = None
    shown: str | None = None


def flag(
    default: Any,
    help: str,
    group: Group,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    metavar: str | None = None,
    shown: str | None = None,
) -> Any:
    """A dataclass field with a FlagInfo. An empty mapping as the default is made anew for each instance."""
    metadata = {"flag": FlagInfo(help, group, least, above, most, metavar, shown)}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def flags(options: Any) -> Iterator[tuple[str, FlagInfo]]:
    """(field name, FlagInfo) of each field of a dataclass (or an instance) that has one, in order."""
    for entry in fields(options):
        if "flag" in entry.metadata:
            yield entry.name, entry.metadata["flag"]


def spelled(name: str) -> str:
    """`--max-tokens` of `max_tokens`."""
    return "--" + name.replace("_", "-")


def check(options: Any) -> None:
    """Raises UsageError for a number that is not finite or not within its flag's bounds, and for text that no
    request can hold."""
    for name, flag in flags(options):
        value = getattr(options, name)
        for text in value if isinstance(value, tuple | list) else (value,):
            if isinstance(text, str) and not text.isascii():
                _check_text(name, text)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{spelled(name)} {value}: a finite number is needed")
        if abs(value) > LARGEST:
            raise UsageError(f"{spelled(name)}: a number up to {LARGEST}, which is all a request can hold")
        if flag.least is not None and value < flag.least:
            raise UsageError(f"{spelled(name)} {value}: a number from {flag.least:g} on")
        if flag.above is not None and value <= flag.above:
            raise UsageError(f"{spelled(name)} {value}: a number above {flag.above:g}")
        if flag.most is not None and value > flag.most:
            raise UsageError(f"{spelled(name)} {value}: a number up to {flag.most:g}")


def _check_text(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{spelled(name)}: what is typed there is not UTF-8") from None
