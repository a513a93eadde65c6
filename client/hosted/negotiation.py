"""Parameters a model refuses: found out with one request before a run, changed once and for all samples.

The probe asks the model with the run's own parameters. A 400 that names one of them renames or drops it; what
was changed is printed, kept in run.json and, since it changes the request, part of every fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sightbench.client.transport.error_codes import ErrorBody
from sightbench.terminal import plain

MOST_CHANGES = 8
"""A model that refuses more than this refuses something else."""

_NAMED = re.compile(r"""[`'"]([A-Za-z_][\w.]*)[`'"]""")
_INSTEAD = re.compile(r"""[Uu]se [`'"]([a-z_]+)[`'"] instead""")
_BOTH = re.compile(r"cannot both be (specified|set)", re.IGNORECASE)

_NEVER = frozenset({"model", "messages", "contents", "input", "system"})
"""What a request is not one without."""

_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter that goes out under another name (`to`), or not at all (None); `value` is what the run
    would have sent, `why` the service's own words."""

    parameter: str
    to: str | None
    value: Any
    why: str

    def __str__(self) -> str:
        if self.to is not None:
            return f"{self.parameter} goes out as {self.to} ({self.why})"
        return f"{self.parameter} is not sent: the API takes only its default ({self.why})"


def apply(changes: tuple[Change, ...], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they go out."""
    out = dict(parameters)
    for change in changes:
        if change.parameter in out:
            value = out.pop(change.parameter)
            if change.to is not None:
                out[change.to] = value
    return out


def change(refused: ErrorBody, parameters: Mapping[str, Any]) -> Change | None:
    """What to change after a 400, None when it is not about one of the parameters that were sent."""
    name = _blamed(refused, parameters)
    if name is None:
        return None
    why = plain(refused.message, 200)
    instead = _INSTEAD.search(refused.message)
    if instead is not None and instead[1] not in parameters:
        return Change(name, instead[1], parameters[name], why)
    if name in _TOKEN_LIMITS:
        # A run without a bound on its answers is another run; only a new name will do.
        return None
    return Change(name, None, parameters[name], why)


async def negotiate(
    parameters: Mapping[str, Any], ask: Callable[[Mapping[str, Any]], Awaitable[ErrorBody | None]]
) -> tuple[Change, ...]:
    """Asks (`ask`: parameters -> the body of a 400, None for anything else) until nothing is refused."""
    changes: tuple[Change, ...] = ()
    for _ in range(MOST_CHANGES):
        sent = apply(changes, parameters)
        refused = await ask(sent)
        found = None if refused is None else change(refused, sent)
        if found is None:
            return changes
        changes = (*changes, found)
    return changes


def greedy(changes: tuple[Change, ...]) -> bool:
    """Whether the same question can still be expected to get the same answer."""
    return not any(change.parameter == "temperature" and change.to is None for change in changes)


def _blamed(refused: ErrorBody, parameters: Mapping[str, Any]) -> str | None:
    named = [] if refused.param is None else [refused.param, refused.param.rsplit(".", 1)[-1]]
    named += _NAMED.findall(refused.message)
    # FastAPI and Anthropic write "temperature: Extra inputs are not permitted".
    named += re.findall(r"(?:^|\s)([a-z_]+): ", refused.message)
    known = [name for name in named if name in parameters and name not in _NEVER]
    if not known:
        return None
    if _BOTH.search(refused.message) and "top_p" in known:
        # Of temperature and top_p the run's own choice is the first; the second is 1 unless asked for.
        return "top_p"
    return known[0]
