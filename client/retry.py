"""What went wrong, and whether to try again: from a response or an exception to a kind, from a kind to a
decision. Pure functions; the kinds are the vocabulary of `Failure.kind`.

| kind | when | what happens |
|---|---|---|
| unauthorized, forbidden, not_found | 401, 403, 404 | the run stops: every request would fail |
| no_quota | 429 or 402 that says the account is spent | the run stops |
| media_options_refused | the server does not trust `media_io_kwargs` of a request | the run stops |
| local_files_refused | the server may not read local files | the run stops |
| context_length, too_many_images | a 400 in one of the engines' wordings | final |
| bad_request, too_large, unprocessable, rejected | 400, 413, 422, other 4xx, 3xx | final |
| reply_too_large | more bytes than any answer has | final |
| media | a file cannot be read or is no image | final, nothing was sent |
| conversation_broken | an earlier turn of the conversation has no answer | final, nothing was sent |
| rate_limited, overloaded | 429; 503, 529 | again, four times as often; overload for the controller |
| server_error, timeout, conflict | other 5xx; 408, 504 and our own timeout; 409, 425 | again |
| unreachable, dns, tls | no connection | again; the endpoint's health is checked |
| reset, cut_off | the connection closed before, in the middle of the reply | again |
| bad_reply, no_choices, empty_reply | 200 without an answer in it | again |
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from sightbench.sample import Failure
from sightbench.terminal import plain

STOPS = frozenset(
    {"unauthorized", "forbidden", "not_found", "no_quota", "media_options_refused", "local_files_refused"}
)
OVERLOAD = frozenset({"rate_limited", "overloaded", "unreachable"})
UNREACHED = frozenset(
    {"unreachable", "dns", "tls", "reset", "timeout", "server_error", "overloaded", "bad_reply"}
)
"""Kinds after which it is worth asking whether the endpoint is alive at all."""

UNIT_SECONDS = 1.0
"""What the first delay is drawn from; it doubles from there."""

_AGAIN = frozenset(
    {
        "rate_limited", "overloaded", "server_error", "timeout", "conflict", "unreachable", "dns", "tls",
        "reset", "cut_off", "bad_reply", "no_choices", "empty_reply",
    }
)  # fmt: skip

_BY_STATUS: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthorized",
    402: "no_quota",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
    425: "conflict",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

_REFUSED = (400, 413, 422)

_BY_MESSAGE = tuple(
    (kind, statuses, re.compile(pattern, re.IGNORECASE))
    for kind, statuses, pattern in (
        ("no_quota", (402, 429), r"insufficient_quota|exceeded your current quota|billing"),
        ("media_options_refused", (400,), r"(media_io|mm_processor)_kwargs are disabled"),
        ("local_files_refused", (400, 500), r"allowed-local-media-path"),
        ("too_many_images", _REFUSED, r"at most \d+ (image|video)|too many images|too many media"),
        (
            "context_length",
            _REFUSED,
            r"context[ _]length|max_model_len|maximum (input|prompt|sequence) length|encoder cache"
            r"|too many tokens|prompt is too long|input is too long",
        ),
    )
)
"""The engines' own words, where a status alone says too little; the first that fits counts."""


_BUSY = frozenset({"rate_limited", "overloaded"})
_BUSY_TRIES = 4
"""A busy server is no fault of the request: it may be tried that many times as often, which with six attempts
outlasts a budget per minute even where the server does not say how long to wait."""


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
    if failure.kind in STOPS:
        return Decision("stop")
    allowed = attempts * _BUSY_TRIES if failure.kind in _BUSY else attempts
    if failure.kind not in _AGAIN or attempt >= allowed:
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


def from_status(status: int, message: str) -> Failure:
    """The failure an HTTP status (or an error code inside a 200) and the server's words stand for."""
    kind = _BY_STATUS.get(status) or ("server_error" if status >= 500 else "rejected")
    for name, statuses, pattern in _BY_MESSAGE:
        if status in statuses and pattern.search(message):
            kind = name
            break
    return Failure(kind, plain(message), status)


def error_message(content: Any) -> str | None:
    """The words of an error body: nested (`{"error": {...}}`), flat (`{"object": "error", ...}`), or None."""
    if not isinstance(content, Mapping):
        return None
    error = content.get("error")
    if isinstance(error, Mapping):
        words = [str(error[key]) for key in ("message", "type", "code") if error.get(key)]
        return " ".join(words) or "an error without a message"
    if error:
        return str(error)
    if content.get("object") == "error" or "choices" not in content:
        for key in ("message", "detail"):
            if content.get(key):
                return str(content[key])
    return None


def error_code(content: Mapping[str, Any]) -> int | None:
    """The HTTP status an error body names, if it names one."""
    error = content.get("error")
    code = error.get("code") if isinstance(error, Mapping) else content.get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the server asks us to wait (`retry-after-ms`, `retry-after` in seconds or as a date,
    or the reset of an exhausted `x-ratelimit-*`), None when it does not say."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None and (value := _number(milliseconds)) is not None:
        return value / 1000
    after = headers.get("retry-after")
    if after is not None:
        if (value := _number(after)) is not None:
            return value
        try:
            return max(0.0, parsedate_to_datetime(after).timestamp() - now)
        except ValueError:
            return None
    return exhausted(headers, now)


def exhausted(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a budget that `x-ratelimit-remaining-*` calls empty is refilled, None if none is."""
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""), now)
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def _duration(text: str, now: float) -> float | None:
    """Seconds in "1.5", "20ms" or "6m0s"; or until an epoch time."""
    if (value := _number(text)) is not None:
        return max(0.0, value - now) if value > 1e9 else value
    found = _DURATION.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in found) if found else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None
