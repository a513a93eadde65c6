"""What a service says of its budgets in an answer's headers: how large, how much is left, until when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Quota:
    """One budget: `limit` of which `remaining` is left, and the seconds until it is whole again (None: not
    told). `per_minute` is the limit where it is one for a minute, None where that cannot be known."""

    limit: float | None
    remaining: float
    reset: float | None
    per_minute: float | None = None

    @property
    def left(self) -> float:
        """The share that is left, 1 where there is no telling."""
        return min(1.0, self.remaining / self.limit) if self.limit else 1.0


@dataclass(frozen=True, slots=True)
class Quotas:
    """The budgets of one answer, None for those it does not tell of."""

    requests: Quota | None = None
    tokens: Quota | None = None
    output: Quota | None = None

    def exhausted(self) -> float | None:
        """Seconds until those that are empty are whole again, None if none is. Those that fill all the time
        are worth asking for again when a tenth is there."""
        told = (self.requests, self.tokens, self.output)
        waits = [
            quota.reset / 10 if quota.per_minute else quota.reset
            for quota in told
            if quota is not None and quota.remaining == 0 and quota.reset is not None
        ]
        return max(waits, default=None)


def quotas(headers: Mapping[str, str], now: float) -> Quotas | None:
    """The budgets that `x-ratelimit-*` or `anthropic-ratelimit-*` tell of; None if there are none.

    `headers` are read in any case; `now` is seconds since the epoch, for an answer that does not tell.
    """
    if not any("ratelimit" in name.lower() for name in headers):
        return None
    now = clock(headers, now)
    # https://platform.claude.com/docs/en/api/rate-limits: all are per minute, the reset is an RFC 3339 time.
    inputs = _anthropic(headers, "input-tokens", now) or _anthropic(headers, "tokens", now)
    return Quotas(
        _openai(headers, "requests", now) or _anthropic(headers, "requests", now),
        _openai(headers, "tokens", now) or inputs,
        _anthropic(headers, "output-tokens", now),
    )


def _openai(headers: Mapping[str, str], what: str, now: float) -> Quota | None:
    """https://developers.openai.com/api/docs/guides/rate-limits: the reset is the time until the budget is in
    its initial state, so what is missing and that time tell how fast it fills. Some services count requests
    by the day under the same names (https://console.groq.com/docs/rate-limits)."""
    remaining = number(headers.get(f"x-ratelimit-remaining-{what}", ""))
    if remaining is None:
        return None
    limit = number(headers.get(f"x-ratelimit-limit-{what}", ""))
    reset = _duration(headers.get(f"x-ratelimit-reset-{what}", ""), now)
    by_minute = False
    if limit and reset and limit > remaining:
        by_minute = 0.5 <= (limit - remaining) / reset / (limit / 60) <= 2
    return Quota(limit, remaining, reset, limit if by_minute else None)


def _anthropic(headers: Mapping[str, str], what: str, now: float) -> Quota | None:
    remaining = number(headers.get(f"anthropic-ratelimit-{what}-remaining", ""))
    if remaining is None:
        return None
    limit = number(headers.get(f"anthropic-ratelimit-{what}-limit", ""))
    return Quota(limit, remaining, _until(headers.get(f"anthropic-ratelimit-{what}-reset", ""), now), limit)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def _duration(text: str, now: float) -> float | None:
    """Seconds in "1.5", "20ms" or "6m0s"; or until an epoch time."""
    if (value := number(text)) is not None:
        return max(0.0, value - now) if value > 1e9 else value
    found = _DURATION.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in found) if found else None


def _until(text: str, now: float) -> float | None:
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp() - now)
    except ValueError:
        return None


def number(text: str) -> float | None:
    """The text as a number from 0 up, None if it is none, or senseless."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None


def moment(date: str) -> float | None:
    """An HTTP date in seconds since the epoch, None for what is none."""
    try:
        when = parsedate_to_datetime(date)
        # One of HTTP's three forms has no zone, and all are in GMT:
        # https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
        return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        # Dates of years and time zones that no calendar has.
        return None


def clock(headers: Mapping[str, str], now: float) -> float:
    """The time by the server's clock, in seconds since the epoch: the answer's Date, else `now`. Ours may be
    off by a time zone, and what a server says of a moment is by its own."""
    at = moment(headers.get("date", ""))
    return now if at is None else at
