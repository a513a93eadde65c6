"""What a provider's error body says, read by its codes: from decoded JSON to a kind of `failures`.

Codes are documented and stay; wordings are neither, and the same words can mean opposite things: "You
exceeded your current quota" is an empty account in one body and a minute's budget in another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sightbench.terminal import plain


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error body taken apart.

    `message` is for people: the provider's sentence and its codes. `codes` are its machine-readable words,
    what says most first (`details.error_code` before `type`).
    `param` is the request parameter it blames, `quotas` the ids of the quotas it says are exceeded,
    `retry_after` the seconds it asks to wait, `flagged` whether moderation refused the input.
    """

    message: str
    codes: tuple[str, ...] = ()
    param: str | None = None
    status: int | None = None
    quotas: tuple[str, ...] = ()
    retry_after: float | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """One documented code: `provider` None is every provider, `status` None every HTTP status."""

    code: str
    kind: str
    status: int | None = None
    provider: str | None = None


CODES: tuple[Code, ...] = (
    # https://www.alibabacloud.com/help/en/model-studio/error-code: here insufficient_quota is what the
    # OpenAI-compatible interface calls Throttling.AllocationQuota, a budget of tokens per minute.
    Code("insufficient_quota", "rate_limited", 429, "dashscope"),
    Code("Throttling.AllocationQuota", "rate_limited"),
    Code("Throttling.RateQuota", "rate_limited"),
    Code("Throttling.BurstRate", "rate_limited"),
    Code("Throttling", "rate_limited"),
    Code("limit_requests", "rate_limited", 429),
    Code("limit_burst_rate", "rate_limited", 429),
    Code("Arrearage", "no_quota"),
    Code("AllocationQuota.FreeTierOnly", "no_quota"),
    Code("DataInspectionFailed", "blocked"),
    Code("data_inspection_failed", "blocked"),
    # https://developers.openai.com/api/docs/guides/error-codes and
    # https://help.openai.com/en/articles/6614457: retrying these does not restore access.
    Code("credit_balance_exhausted", "no_quota"),
    Code("organization_spend_limit_exceeded", "no_quota"),
    Code("project_spend_limit_exceeded", "no_quota"),
    Code("organization_usage_limit_exceeded", "no_quota"),
    Code("billing_hard_limit_reached", "no_quota"),
    Code("billing_not_active", "no_quota"),
    Code("insufficient_quota", "no_quota"),
    # 413 with this code is one request larger than a minute's budget (https://console.groq.com/docs/errors).
    Code("rate_limit_exceeded", "rate_limited", 429),
    Code("slow_down", "rate_limited"),
    Code("server_is_overloaded", "overloaded"),
    Code("context_length_exceeded", "context_length"),
    Code("invalid_api_key", "unauthorized"),
    Code("unsupported_parameter", "parameter_refused", 400),
    Code("unsupported_value", "parameter_refused", 400),
    Code("unknown_parameter", "parameter_refused", 400),
    # https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter: a filtered prompt is a 400.
    Code("content_filter", "blocked", 400),
    # https://openrouter.ai/docs/api/reference/errors-and-debugging: 403 there, 400 elsewhere.
    Code("content_policy_violation", "blocked"),
    # https://platform.claude.com/docs/en/api/errors: `details.error_code` says more than `type`.
    Code("enforced_spend_limit_reached", "no_quota"),
    Code("contract_spend_limit_reached", "no_quota"),
    Code("linked_organization_spend_limit_reached", "no_quota"),
    Code("linked_organization_billing_unavailable", "no_quota"),
    Code("organization_on_hold", "forbidden"),
    Code("ramp_limit_exceeded", "rate_limited"),
    Code("image_dimensions_too_large", "too_large"),
    Code("billing_error", "no_quota"),
    Code("request_too_large", "too_large"),
    Code("overloaded_error", "overloaded"),
    Code("rate_limit_error", "rate_limited", 429),
    # https://ai.google.dev/gemini-api/docs/troubleshooting: a wrong key is a 400, and says so in a reason.
    Code("API_KEY_INVALID", "unauthorized"),
    Code("FAILED_PRECONDITION", "forbidden", 400),
    Code("MODEL_CAPACITY_EXHAUSTED", "overloaded"),
    Code("UNAVAILABLE", "overloaded"),
    Code("DEADLINE_EXCEEDED", "timeout"),
)

_DAILY = "PerDay"


def read_error(content: object) -> ErrorBody | None:
    """The error in a body, None when it has none: nested, flat, inside an array, or a validator's list."""
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        # Gemini answers some requests with an array of one.
        content = content[0] if content else None
    if not isinstance(content, Mapping):
        return None
    error = content.get("error")
    if isinstance(error, Mapping):
        return _nested(error)
    if isinstance(error, str) and error:
        # xAI: {"code": "...", "error": "..."}
        return ErrorBody(error, codes=_strings(content.get("code")))
    if content.get("object") == "error" or not content.keys() & {
        "choices",
        "content",
        "candidates",
        "output",
    }:
        return _flat(content)
    return None


def by_code(status: int, body: ErrorBody, provider: str | None = None) -> str | None:
    """The kind that the body's codes stand for, None when they say no more than the status does."""
    if body.flagged:
        return "blocked"
    if any(_DAILY in quota for quota in body.quotas):
        return "no_quota"
    if body.quotas or (body.retry_after is not None and "RESOURCE_EXHAUSTED" in body.codes):
        return "rate_limited"
    for code in body.codes:
        for row in CODES:
            if row.code == code and row.status in (None, status) and row.provider in (None, provider):
                return row.kind
    if status == 400 and "INVALID_ARGUMENT" in body.codes and body.param is not None:
        return "parameter_refused"
    return None


def _nested(error: Mapping[str, object]) -> ErrorBody:
    details = error.get("details")
    codes: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()
    wait: float | None = None
    param = error.get("param")
    if isinstance(details, Mapping):
        codes = _strings(details.get("error_code"))
    elif isinstance(details, Sequence) and not isinstance(details, str):
        for detail in details:
            if isinstance(detail, Mapping):
                # https://cloud.google.com/apis/design/errors: ErrorInfo, QuotaFailure, RetryInfo, BadRequest
                codes += _strings(detail.get("reason"))
                quotas += tuple(_values(detail.get("violations"), "quotaId"))
                wait = _seconds(detail.get("retryDelay")) if wait is None else wait
                if param is None:
                    param = _unknown_name(" ".join(_values(detail.get("fieldViolations"), "description")))
    codes += _strings(error.get("code"), error.get("type"), error.get("status"))
    metadata = error.get("metadata")
    code = error.get("code")
    named = (error.get("message"), error.get("type"), error.get("status"), code, *codes)
    words = dict.fromkeys(plain(word) for word in named if word)
    return ErrorBody(
        message=" ".join(words) or "an error without a message",
        codes=codes,
        param=param if isinstance(param, str) and param else None,
        status=code if isinstance(code, int) and 400 <= code < 600 else None,
        quotas=quotas,
        retry_after=wait,
        # https://openrouter.ai/docs/api-reference/errors: moderation is a 403 like a key without rights.
        flagged=isinstance(metadata, Mapping) and "flagged_input" in metadata,
    )


def _flat(content: Mapping[str, object]) -> ErrorBody | None:
    words = content.get("message")
    detail = content.get("detail")
    param = content.get("param")
    code = content.get("code")
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        # FastAPI's validator: [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": ...}]
        rows = [row for row in detail if isinstance(row, Mapping)]
        words = words or "; ".join(plain(row.get("msg")) for row in rows[:5])
        place = next((row.get("loc") for row in rows), None)
        if isinstance(place, Sequence) and not isinstance(place, str) and place:
            param = place[-1]
    words = words or detail
    if not words:
        return None
    return ErrorBody(
        message=plain(words),
        codes=_strings(code, content.get("type")),
        param=param if isinstance(param, str) and param else None,
        status=code if isinstance(code, int) and 400 <= code < 600 else None,
    )


def _values(rows: object, key: str) -> Iterator[str]:
    if isinstance(rows, Sequence) and not isinstance(rows, str):
        for row in rows:
            if isinstance(row, Mapping) and isinstance(row.get(key), str):
                yield row[key]


def _strings(*values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)


def _seconds(value: object) -> float | None:
    """A protobuf duration in JSON: "26s", "0.5s"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", value) if isinstance(value, str) else None
    return float(found[1]) if found else None


def _unknown_name(words: str) -> str | None:
    found = re.search(r'Unknown name "([^"]+)"', words)
    return found[1] if found else None
