"""Hosted models that speak their documented wire, refuse what they refuse, and count what they were sent:
each a `route` for tests/faults/server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.client.hosted import bodies
from tests.faults.server import Request, Response


@dataclass
class Service:
    """What came (`asked`: bodies of requests that were answered) and what was refused."""

    route: Callable[[Request], Response | None] = lambda request: None
    asked: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def refuse(self, status: int, body: Any, **headers: str) -> Response:
        self.refused.append(json.dumps(body))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(status, json.dumps(body).encode(), named)


def ok(content: Any, **headers: str) -> Response:
    return Response(body=json.dumps(content).encode(), headers=headers)


def openai() -> Service:
    """A reasoning model: https://developers.openai.com/api/docs/guides/reasoning. It takes neither max_tokens
    nor a temperature."""
    service = Service()

    def route(request: Request) -> Response | None:
        if request.headers.get("authorization") != "Bearer sk-test":
            words = "Incorrect API key provided: sk-wr****ng. You can find your API key at https://platform"
            return service.refuse(401, bodies.openai(words, "invalid_request_error", "invalid_api_key"))
        if request.path == "/v1/models":
            return ok(
                {"object": "list", "data": [{"id": "gpt-5.1", "object": "model", "owned_by": "system"}]}
            )
        if request.path != "/v1/chat/completions":
            return None
        body = request.json
        for name, code, words in (
            ("max_tokens", "unsupported_parameter", "Use 'max_completion_tokens' instead."),
            ("temperature", "unsupported_value", "Only the default (1) value is supported."),
            ("top_p", "unsupported_parameter", ""),
        ):
            if name in body:
                told = f"Unsupported parameter: '{name}' is not supported with this model. {words}"
                return service.refuse(400, bodies.openai(told, "invalid_request_error", code, name))
        service.asked.append(body)
        message = {"role": "assistant", "content": "A", "refusal": None, "annotations": []}
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        details = {"completion_tokens_details": {"reasoning_tokens": 40}}
        cached = {"prompt_tokens_details": {"cached_tokens": 200}}
        return ok(
            {
                "id": f"chatcmpl-{len(service.asked)}",
                "object": "chat.completion",
                "model": "gpt-5.1-2025-11-13",
                "system_fingerprint": "fp_1",
                "service_tier": body.get("service_tier", "default"),
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": usage | details | cached,
            }
        )

    service.route = route
    return service


def anthropic() -> Service:
    """https://platform.claude.com/docs/en/api/messages; sampling parameters are gone."""
    service = Service()

    def route(request: Request) -> Response | None:
        if request.headers.get("x-api-key") != "sk-test" or "authorization" in request.headers:
            return service.refuse(401, bodies.anthropic("invalid x-api-key", "authentication_error"))
        assert request.headers["anthropic-version"] == "2023-06-01"
        if request.path == "/v1/models/claude-opus-5":
            return ok({"id": "claude-opus-5", "type": "model", "max_input_tokens": 1_000_000})
        if request.path.startswith("/v1/models"):
            data = [{"id": "claude-opus-5", "type": "model"}]
            if request.path != "/v1/models":
                return service.refuse(404, bodies.anthropic("model: nope", "not_found_error"))
            return ok({"data": data, "has_more": False})
        if request.path != "/v1/messages":
            return None
        body = request.json
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                words = f"`{name}` is deprecated for this model."
                return service.refuse(400, bodies.anthropic(words, "invalid_request_error"))
        service.asked.append(body)
        usage = {"input_tokens": 900, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0}
        return ok(
            {
                "id": f"msg_{len(service.asked)}",
                "type": "message",
                "role": "assistant",
                "model": "claude-opus-5",
                "content": [{"type": "text", "text": "A"}],
                "stop_reason": "end_turn",
                "usage": usage | {"output_tokens": 50, "service_tier": "standard"},
            }
        )

    service.route = route
    return service


def gemini() -> Service:
    """https://ai.google.dev/api/generate-content"""
    service = Service()

    def route(request: Request) -> Response | None:
        if request.headers.get("x-goog-api-key") != "sk-test":
            return service.refuse(400, bodies.BAD_KEY_GEMINI)
        if request.path == "/v1/models/gemini-3.6-flash":
            return ok({"name": "models/gemini-3.6-flash", "inputTokenLimit": 1_048_576})
        if request.path != "/v1/models/gemini-3.6-flash:generateContent":
            return None
        service.asked.append(request.json)
        candidate = {"content": {"role": "model", "parts": [{"text": "A"}]}, "finishReason": "STOP"}
        usage = {"promptTokenCount": 1000, "candidatesTokenCount": 10, "thoughtsTokenCount": 40}
        tier = request.json.get("service_tier")
        # https://ai.google.dev/gemini-api/docs/priority-inference: how it was processed is told in a header.
        headers = {"x-gemini-service-tier": tier} if tier else {}
        return ok(
            {
                "candidates": [candidate],
                "usageMetadata": usage | {"totalTokenCount": 1050},
                "modelVersion": "gemini-3.6-flash",
                "responseId": f"r{len(service.asked)}",
            },
            **headers,
        )

    service.route = route
    return service
