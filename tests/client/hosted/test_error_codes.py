"""What the providers' own error bodies lead to: stop, wait as long as they ask, or fail this sample."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from sightbench.client.providers import PROVIDERS, provider, provider_of
from sightbench.client.transport.completion import Completion, asked_to_wait, parse
from sightbench.client.transport.error_codes import read_error
from sightbench.client.transport.retry import retry_after
from sightbench.errors import UsageError
from sightbench.sample import Failure
from tests.client.hosted import bodies
from tests.client.samples import run, texts, to
from tests.faults.server import Request, Response, healthy, serving

QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, bodies.openai(QUOTA, "insufficient_quota", "credit_balance_exhausted"), "no_quota"),
        (429, bodies.openai("no", "insufficient_quota", "organization_spend_limit_exceeded"), "no_quota"),
        (429, bodies.openai("no", "insufficient_quota", "project_spend_limit_exceeded"), "no_quota"),
        (429, bodies.openai("no", "insufficient_quota", "organization_usage_limit_exceeded"), "no_quota"),
        (429, bodies.openai("Rate limit reached", "tokens", "rate_limit_exceeded"), "rate_limited"),
        (429, bodies.openai("billing team is fast today", "requests", "rate_limit_exceeded"), "rate_limited"),
        (413, bodies.openai("Request too large", "tokens", "rate_limit_exceeded"), "too_large"),
        (503, bodies.openai("Slow down", "service_unavailable_error", "slow_down"), "rate_limited"),
        (401, bodies.openai("Incorrect API key", "invalid_request_error", "invalid_api_key"), "unauthorized"),
        (
            400,
            bodies.openai("no", "invalid_request_error", "unsupported_value", "temperature"),
            "parameter_refused",
        ),
        (400, bodies.openai("x", "invalid_request_error", "context_length_exceeded"), "context_length"),
        (429, bodies.anthropic("cap", "rate_limit_error", "enforced_spend_limit_reached"), "no_quota"),
        (429, bodies.anthropic("cap", "rate_limit_error", "contract_spend_limit_reached"), "no_quota"),
        (429, bodies.anthropic("slow", "rate_limit_error"), "rate_limited"),
        (429, bodies.anthropic("slow", "rate_limit_error", "ramp_limit_exceeded"), "rate_limited"),
        (529, bodies.anthropic("Overloaded", "overloaded_error"), "overloaded"),
        (402, bodies.anthropic("billing", "billing_error"), "no_quota"),
        (413, bodies.anthropic("big", "request_too_large"), "too_large"),
        (
            400,
            bodies.anthropic("You have reached your specified API usage limits.", "invalid_request_error"),
            "no_quota",
        ),
        (400, bodies.anthropic("messages: at least one", "invalid_request_error"), "bad_request"),
        (429, bodies.gemini(bodies.PER_MINUTE, retry="26s"), "rate_limited"),
        (429, bodies.gemini(bodies.PER_DAY, retry="36s"), "no_quota"),
        (429, bodies.gemini(bodies.PER_MINUTE, bodies.PER_DAY, retry="47s"), "no_quota"),
        (429, [bodies.gemini(bodies.PER_MINUTE, retry="26s")], "rate_limited"),
        (429, bodies.gemini(message="Resource has been exhausted (e.g. check quota)."), "rate_limited"),
        (400, bodies.BAD_KEY_GEMINI, "unauthorized"),
        (400, [bodies.BAD_KEY_GEMINI], "unauthorized"),
        (400, bodies.UNKNOWN_NAME_GEMINI, "parameter_refused"),
        (402, bodies.NO_CREDITS_OPENROUTER, "no_quota"),
    ],
)
def test_codes_decide_and_not_words(status: int, body: Any, kind: str) -> None:
    result = parse(status, {}, orjson.dumps(body))
    assert isinstance(result, Failure) and result.kind == kind


def test_the_same_code_means_another_thing_at_another_provider() -> None:
    raw = orjson.dumps(bodies.THROTTLED_DASHSCOPE)
    here, elsewhere = parse(429, {}, raw, "dashscope"), parse(429, {}, raw, "openai")
    assert isinstance(here, Failure) and here.kind == "rate_limited"
    assert isinstance(elsewhere, Failure) and elsewhere.kind == "no_quota"


@pytest.mark.parametrize(("status", "body"), [(403, bodies.FLAGGED_OPENROUTER), (400, bodies.FILTERED_AZURE)])
def test_a_filters_refusal_is_an_answer_and_stops_nothing(status: int, body: Any) -> None:
    result = parse(status, {}, orjson.dumps(body))
    assert isinstance(result, Completion)
    assert (result.text, result.finish_reason) == (None, "content_filter") and result.refusal


def test_a_body_can_ask_to_wait() -> None:
    assert asked_to_wait(orjson.dumps(bodies.gemini(bodies.PER_MINUTE, retry="26s"))) == 26.0
    assert asked_to_wait(orjson.dumps([bodies.gemini(bodies.PER_MINUTE, retry="0.5s")])) == 0.5
    assert asked_to_wait(b"<html>") is None


def test_anthropics_resets_are_times_and_only_the_empty_budget_counts() -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    headers = {
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-requests-reset": (now + timedelta(seconds=50)).isoformat(),
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:00:09Z",
    }
    assert retry_after(headers, now.timestamp()) == 9.0
    assert retry_after({**headers, "retry-after": "3"}, now.timestamp()) == 3.0


def test_what_a_400_blames_is_named() -> None:
    refused = read_error(bodies.UNKNOWN_NAME_GEMINI)
    assert refused is not None and refused.param == "top_k"
    listed = read_error({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "no"}]})
    assert listed is not None and (listed.param, listed.message) == ("seed", "no")


async def test_a_minutes_budget_is_waited_for_and_a_days_stops_the_run(tmp_path: Path) -> None:
    def busy(request: Request, number: int) -> Response:
        body = [bodies.gemini(bodies.PER_MINUTE, retry="0.2s")]
        return Response(429, orjson.dumps(body)) if number < 3 else healthy(request, number)

    async with serving(busy) as server:
        outcome, replies = await run(tmp_path / "a", to(server.url, concurrency=1), texts(3))
    assert (outcome.answered, outcome.stopped) == (3, None)
    assert {reply.status for reply in replies.values()} == {"ok"}

    def empty(request: Request, number: int) -> Response:
        return Response(429, orjson.dumps(bodies.gemini(bodies.PER_DAY, retry="36s")))

    async with serving(empty) as server:
        outcome, _ = await run(tmp_path / "b", to(server.url, concurrency=1), texts(3))
        assert server.count == 1
    assert outcome.stopped and "no quota" in outcome.stopped


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-openai"),
        ("https://mine.openai.azure.com/openai/v1", "azure"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "dashscope"),
        ("https://api.together.xyz/v1", "together"),
        ("https://api.fireworks.ai/inference/v1", "fireworks"),
        ("https://api.x.ai/v1", "xai"),
        ("https://api.mistral.ai/v1", "mistral"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("http://localhost:8000/v1", "generic"),
        ("https://notapi.openai.com.evil.org/v1", "generic"),
        ("https://evilapi.openai.com/v1", "generic"),
    ],
)
def test_a_provider_is_known_by_its_host(url: str, name: str) -> None:
    assert provider_of(url).name == name


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="openrouter"):
        provider("opneai")
    assert len({entry.name for entry in PROVIDERS}) == len(PROVIDERS)
