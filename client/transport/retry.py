"""Whether and when to try again: from a failure, or a server's headers, to a decision. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sightbench.client.transport.failures import kind
from sightbench.client.transport.quota import clock, moment, number, quotas
from sightbench.sample import Failure

_LONGEST = 366 * 86_400.0

UNIT_SECONDS = 1.0
"""What the first delay is drawn from; it doubles from there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`again`: try once more in `delay` seconds. `final`: this sample has failed. `stop`: so has the run."""

    action: Literal["again", "final", "stop"]
    delay: float = 0.0


def decide(
    failure: Failure,
    attempt: int,
    attempts: int,
    *,
    retry_after: float | None = None,
    remaining: float | None = None,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """What to do after the `attempt`-th of `attempts` tries failed, `remaining` seconds before the deadline.

    Full jitter: a delay is uniform in [0, min(60, 2^(attempt - 1))] seconds, so that clients that failed
    together do not come back together; a server's `retry_after` is waited out, with up to a quarter more
    (and at least half a second) of jitter on top. A connection that was reset under the first try is tried
    again at once: a server may close an idle connection at the moment it is used.
    """
    known = kind(failure)
    if known.stops:
        return Decision("stop")
    if attempt >= attempts * known.tries:
        return Decision("final")
    if retry_after is not None:
        delay = retry_after + max(0.5, retry_after / 4) * jitter()
    elif failure.kind == "reset" and attempt == 1:
        delay = 0.0
    else:
        delay = UNIT_SECONDS * min(60.0, 2.0 ** (attempt - 1)) * jitter()
    if remaining is not None and delay >= remaining:
        return Decision("final")
    return Decision("again", delay)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the server asks us to wait (`retry-after-ms`, `retry-after` in seconds or as a date,
    or the reset of an exhausted `x-ratelimit-*`), None when it does not say; a year at the most.

    `now` is our clock, for an answer that does not tell the server's: a date in a header is by that one.
    """
    wait = _asked_wait(headers, now)
    return None if wait is None else min(wait, _LONGEST)


def _asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None and (value := number(milliseconds)) is not None:
        return value / 1000
    after = headers.get("retry-after")
    if after is not None:
        if (value := number(after)) is not None:
            return value
        when = moment(after)
        return None if when is None else max(0.0, when - clock(headers, now))
    told = quotas(headers, now)
    return None if told is None else told.exhausted()
