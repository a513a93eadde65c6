"""What becomes of parameters that a model refuses, from the providers' own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sightbench.client.hosted.negotiation import Change, apply, change, greedy, negotiate
from sightbench.client.transport.error_codes import ErrorBody, read_error
from tests.client.hosted import bodies

SENT = {"model": "m", "max_tokens": 64, "temperature": 0.0, "top_p": 1.0, "top_k": 5, "seed": 1}


def refusal(content: Any) -> ErrorBody:
    refused = read_error(content)
    assert refused is not None
    return refused


MAX_TOKENS = bodies.openai(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
    "instead.",
    "invalid_request_error",
    "unsupported_parameter",
    "max_tokens",
)
TEMPERATURE = bodies.openai(
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
    "supported.",
    "invalid_request_error",
    "unsupported_value",
    "temperature",
)


@pytest.mark.parametrize(
    ("content", "parameter", "to"),
    [
        (MAX_TOKENS, "max_tokens", "max_completion_tokens"),
        (TEMPERATURE, "temperature", None),
        # https://github.com/BoltAI/BoltAI/issues/410, https://github.com/Mixpeal/anthropic-sdk/issues/11
        (
            bodies.anthropic("`temperature` is deprecated for this model.", "invalid_request_error"),
            "temperature",
            None,
        ),
        (
            bodies.anthropic(
                "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
                "invalid_request_error",
            ),
            "top_p",
            None,
        ),
        (bodies.anthropic("seed: Extra inputs are not permitted", "invalid_request_error"), "seed", None),
        (bodies.UNKNOWN_NAME_GEMINI, "top_k", None),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "no"}]}, "seed", None),
    ],
)
def test_a_refusal_that_names_a_parameter_renames_or_drops_it(
    content: Any, parameter: str, to: str | None
) -> None:
    found = change(refusal(content), SENT)
    assert found is not None and (found.parameter, found.to) == (parameter, to)
    assert found.value == SENT[parameter] and parameter in str(found)


@pytest.mark.parametrize(
    "content",
    [
        bodies.openai("Invalid image.", "invalid_request_error", "invalid_image", "messages"),
        bodies.openai("The model 'm' does not exist", "invalid_request_error", "model_not_found", "model"),
        bodies.openai("max_tokens is too large: 64", "invalid_request_error", None, "max_tokens"),
        bodies.anthropic("messages: at least one message is required", "invalid_request_error"),
    ],
)
def test_what_is_not_about_a_parameter_changes_nothing(content: Any) -> None:
    assert change(refusal(content), SENT) is None


async def test_every_refusal_is_met_once_and_the_rest_goes_out_as_it_was() -> None:
    asked: list[Mapping[str, Any]] = []

    async def model(parameters: Mapping[str, Any]) -> ErrorBody | None:
        asked.append(parameters)
        if "max_tokens" in parameters:
            return refusal(MAX_TOKENS)
        return refusal(TEMPERATURE) if "temperature" in parameters else None

    changes = await negotiate(SENT, model)
    assert [(made.parameter, made.to) for made in changes] == [
        ("max_tokens", "max_completion_tokens"), ("temperature", None),
    ]  # fmt: skip
    assert apply(changes, SENT) == {
        "model": "m", "max_completion_tokens": 64, "top_p": 1.0, "top_k": 5, "seed": 1,
    }  # fmt: skip
    assert len(asked) == 3 and not greedy(changes)


async def test_a_model_that_refuses_everything_is_not_asked_for_ever() -> None:
    async def model(parameters: Mapping[str, Any]) -> ErrorBody | None:
        return refusal(TEMPERATURE)

    assert [made.parameter for made in await negotiate(SENT, model)] == ["temperature"]


def test_a_run_that_asks_for_another_temperature_is_sampled_anyway() -> None:
    assert greedy((Change("top_p", None, 1.0, "no"),)) and not greedy((Change("temperature", None, 0, "no"),))
