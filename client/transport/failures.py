"""What can go wrong with a request, in one table: what it is called, what is done about it, what people are
told. From a response or an exception of the transport to a kind; the kinds are the words of `Failure.kind`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sightbench.client.transport.error_codes import ErrorBody, by_code
from sightbench.sample import Failure
from sightbench.terminal import plain

TAKEN_BACK = "mixed_up"
"""The kind that also goes for answers written before: they are taken back."""

_ADVICE = "does not answer as an OpenAI-compatible server does"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to fail.

    `tries` is how many times as often as `--attempts` says a request is sent: 0 once and never again, 4 where
    the server is busy and the request is not to blame (with six attempts that outlasts a budget per minute).
    `stops`: every request would meet it, so the run ends; where it `may_be_own` a trial request finds out
    first whether it is only this sample that is refused. `overload`: fewer requests in flight would help.
    `suspect`: it is worth asking whether the endpoint is alive; `unreached`: it was not even connected to.
    `advice` is for the person who reads why a run stopped.
    """

    name: str
    tries: int = 0
    stops: bool = False
    may_be_own: bool = False
    overload: bool = False
    suspect: bool = False
    unreached: bool = False
    advice: str = _ADVICE


_REACH = "cannot be reached: is the server up, and the URL right?"

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        # Every request would meet these.
        Kind(
            "unauthorized",
            stops=True,
            may_be_own=True,
            advice="the key is missing or wrong: set the environment variable that --api-key-env names",
        ),
        Kind(
            "forbidden", stops=True, may_be_own=True, advice="the key may not use this model or this server"
        ),
        Kind(
            "not_found",
            stops=True,
            may_be_own=True,
            advice="nothing is served at that path; an endpoint's URL usually ends with /v1",
        ),
        Kind("no_quota", stops=True, may_be_own=True, advice="the account has no quota left"),
        Kind("parameter_refused", stops=True, advice="the model refuses a parameter that this run sends"),
        Kind(
            "media_options_refused",
            stops=True,
            advice="start vLLM with --trust-request-mm-kwargs, or send frames as images (--media images)",
        ),
        Kind(
            "local_files_refused",
            stops=True,
            advice="start vLLM with --allowed-local-media-path DIR, or do not send frames as files",
        ),
        # These belong to the request, which is not sent again.
        Kind("blocked"),
        Kind("context_length"),
        Kind("too_many_images"),
        Kind("bad_request"),
        Kind("too_large"),
        Kind("unprocessable"),
        Kind("rejected"),
        Kind("reply_too_large"),
        # Nothing was sent: a file cannot be read, an earlier turn has no answer.
        Kind("media"),
        Kind("conversation_broken"),
        # These may pass.
        Kind("rate_limited", tries=4, overload=True),
        Kind("overloaded", tries=4, overload=True, suspect=True),
        Kind("server_error", tries=1, suspect=True),
        Kind("timeout", tries=1, suspect=True),
        Kind("conflict", tries=1),
        Kind("unreachable", tries=1, overload=True, suspect=True, unreached=True, advice=_REACH),
        Kind("dns", tries=1, suspect=True, unreached=True, advice=_REACH),
        Kind(
            "tls",
            tries=1,
            suspect=True,
            unreached=True,
            advice="its certificate is not trusted (--insecure asks anyway)",
        ),
        Kind("reset", tries=1, suspect=True),
        Kind("cut_off", tries=1),
        Kind("bad_reply", tries=1, suspect=True),
        Kind("no_choices", tries=1),
        Kind("empty_reply", tries=1),
        # The server ended the answer before the model had; the answer came, but to another question; another
        # model gave it.
        Kind("given_up", tries=1, suspect=True),
        Kind(TAKEN_BACK, tries=1),
        Kind("other_model", tries=1, suspect=True),
    )
}


def kind(failure: Failure) -> Kind:
    """The table's entry for a failure of this client."""
    return KINDS[failure.kind]


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
    (name, statuses, re.compile(pattern, re.IGNORECASE))
    for name, statuses, pattern in (
        (
            "no_quota",
            (400, 402, 429),
            # Anthropic's own spend limits are a 400 of no particular type, and Gemini's caps a 429:
            # https://platform.claude.com/docs/en/api/rate-limits, https://ai.google.dev/gemini-api/docs/billing
            r"insufficient_quota|exceeded your current quota|specified (workspace )?API usage limits"
            r"|credit balance is too low|monthly spending cap|prepayment credits",
        ),
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


def from_status(status: int, message: str) -> Failure:
    """The failure an HTTP status (or an error code inside a 200) and the server's words stand for."""
    name = _BY_STATUS.get(status) or ("server_error" if status >= 500 else "rejected")
    for special, statuses, pattern in _BY_MESSAGE:
        if status in statuses and pattern.search(message):
            name = special
            break
    return Failure(name, plain(message), status)


def from_body(status: int, body: ErrorBody, provider: str | None = None) -> Failure:
    """The failure an error body stands for: by its codes, and by its words where they say nothing."""
    name = by_code(status, body, provider)
    return from_status(status, body.message) if name is None else Failure(name, plain(body.message), status)


def explain(label: str, failure: Failure, model: str | None = None) -> str:
    """One line for people: what this failure means, where it happened, what to do."""
    advice = kind(failure).advice
    if failure.kind == "not_found" and model is not None:
        advice = f"it does not know the model {model!r}, or the URL's path is wrong"
    status = f"HTTP {failure.http_status}: " if failure.http_status else ""
    return f"{label}: {advice} ({status}{plain(failure.message)})"
