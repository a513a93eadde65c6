"""Services that are rows over OpenAI's chat completions: asked as each documents it, and read where each puts
its reasons, its cached tokens and what it charged."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sightbench.client.journal import Journal
from sightbench.commands.command import cli
from sightbench.errors import EndpointError, UsageError
from sightbench.evaluation.evaluate import evaluate_async
from sightbench.evaluation.options import Options
from tests.client.hosted import bodies
from tests.faults.server import Request, Response, serving
from tests.tasks import formats

KEY = "sk-of-this-service"
CACHED = {"prompt_tokens_details": {"cached_tokens": 200}}


@dataclass(frozen=True)
class Row:
    """`limit` is the parameter that bounds an answer; `wrong` and `busy` are what a wrong key and a full
    minute get; `message`, `usage` and `told` stand in an answer."""

    limit: str
    wrong: tuple[int, dict[str, Any]]
    busy: dict[str, Any]
    message: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)


UNAUTHORIZED = bodies.openai("Invalid API key provided", "invalid_request_error", "invalid_api_key")
BUSY = bodies.openai("Rate limit reached, try again in 1s", "tokens", "rate_limit_exceeded")
ROWS = {
    "azure": Row(
        "max_completion_tokens",
        (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}),
        {"error": {"code": "429", "message": "Requests have exceeded the rate limit. Retry after 1 second."}},
        usage=CACHED,
    ),
    # https://openrouter.ai/docs/use-cases/reasoning-tokens and .../usage-accounting
    "openrouter": Row(
        "max_tokens",
        (401, {"error": {"message": "No auth credentials found", "code": 401}}),
        {"error": {"code": 429, "message": "Rate limit exceeded"}},
        message={"reasoning": "because"},
        usage=CACHED | {"cost": 0.0005},
        told={"provider": "OpenAI"},
    ),
    # https://www.alibabacloud.com/help/en/model-studio/deep-thinking
    "dashscope": Row(
        "max_tokens",
        (401, UNAUTHORIZED),
        bodies.THROTTLED_DASHSCOPE,
        {"reasoning_content": "because"},
        CACHED,
    ),
    "together": Row("max_tokens", (401, UNAUTHORIZED), BUSY, usage={"cached_tokens": 200}),
    "fireworks": Row("max_tokens", (401, UNAUTHORIZED), BUSY, {"reasoning_content": "because"}, CACHED),
    "xai": Row(
        "max_tokens",
        (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided"}),
        {"code": "Some resource has been exhausted", "error": "Too many requests"},
        {"reasoning_content": "because"},
        CACHED,
    ),
    # https://docs.mistral.ai/capabilities/reasoning
    "mistral": Row(
        "max_tokens",
        (401, {"detail": "Unauthorized"}),
        {
            "object": "error",
            "message": "Requests rate limit exceeded",
            "type": "rate_limited",
            "code": "1300",
        },
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "because"}]},
                {"type": "text", "text": "A"},
            ]
        },
    ),
    # https://console.groq.com/docs/reasoning
    "groq": Row("max_completion_tokens", (401, UNAUTHORIZED), BUSY, {"reasoning": "because"}, CACHED),
}


def answering(row: Row, asked: list[Request]) -> Any:
    def route(request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response(row.wrong[0], json.dumps(row.wrong[1]).encode())
        if request.method == "GET" and request.path.endswith("/models"):
            return Response(body=json.dumps({"object": "list", "data": [{"id": "m"}]}).encode())
        if not request.path.endswith("/chat/completions"):
            return None
        asked.append(request)
        if len(asked) == 2:
            return Response(429, json.dumps(row.busy).encode(), {"Retry-After": "0"})
        message = {"role": "assistant", "content": "A"} | row.message
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050} | row.usage
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return Response(
            body=json.dumps({"model": "m", "choices": choices, "usage": usage} | row.told).encode()
        )

    return route


def options(url: str, name: str, tmp_path: Path, **given: Any) -> Options:
    data = tmp_path / "data"
    if not data.exists():
        formats.dynbench(data)
    values: dict[str, Any] = {
        "endpoint": url, "provider": name, "model": "m", "task": "dynbench-qa", "data": data,
        "out": tmp_path / "run", "concurrency": 1, "max_tokens": 64,
    }  # fmt: skip
    return Options(**(values | given))


@pytest.mark.parametrize("name", ROWS)
async def test_a_service_is_asked_and_read_as_it_documents(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ROWS[name]
    variable = "AZURE_OPENAI_API_KEY" if name == "azure" else f"{name.upper()}_API_KEY"
    asked: list[Request] = []
    async with serving() as server:
        server.route = answering(row, asked)
        monkeypatch.setenv(variable, "sk-of-somebody-else")
        with pytest.raises(EndpointError) as caught:
            await evaluate_async(options(server.url, name, tmp_path))
        assert not asked and len(str(caught.value).splitlines()) == 1
        monkeypatch.setenv(variable, KEY)
        run = await evaluate_async(options(server.url, name, tmp_path))
    assert run.outcome is not None and (run.outcome.failed, run.outcome.stopped) == (0, None)
    for request in asked:
        assert request.headers["user-agent"].startswith("sightbench/")
        limits = {key for key in request.json if "tokens" in key}
        assert limits == {row.limit}
    with Journal.open(run.folder, write=False) as journal:
        replies = list(journal)
    assert len(replies) == 3 and len(asked) == 5, "one to settle the parameters, one refused as too many"
    for reply in replies:
        assert reply.text == "A"
        assert reply.reasoning == ("because" if "because" in json.dumps(row.message) else None)
        assert reply.usage.cached_tokens == (200 if row.usage else None)
        assert reply.usage.cost == row.usage.get("cost")
        assert reply.served_by == row.told.get("provider")


async def test_a_model_that_changes_in_the_middle_is_said_beside_the_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    asked: list[Request] = []
    usual = answering(ROWS["groq"], asked)

    def route(request: Request) -> Response | None:
        answer: Response | None = usual(request)
        if answer is not None and len(asked) > 3 and request.path.endswith("/chat/completions"):
            changed = {"model": "m-2", "system_fingerprint": "fp_2"}
            return Response(body=json.dumps(json.loads(answer.body) | changed).encode())
        return answer

    async with serving() as server:
        server.route = route
        run = await evaluate_async(options(server.url, "groq", tmp_path))
    told = " ".join((run.folder / "report.txt").read_text().split())
    assert "more than one model answered: m-2 (2), m (1)" in told


async def test_a_run_that_may_cost_too_much_is_not_begun_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer costs $0.0005: three of them more than $0.001, less than $0.01."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    asked: list[Request] = []
    async with serving() as server:
        server.route = answering(ROWS["openrouter"], asked)
        formats.dynbench(tmp_path / "data")
        flags = [
            "--endpoint",
            server.url,
            "--provider",
            "openrouter",
            "--model",
            "m",
            "--task",
            "dynbench-qa",
        ]
        flags += ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--quiet"]
        prices = tmp_path / "prices.yaml"
        prices.write_text("m: {input: 0.4, output: 2}\n")
        flags += ["--prices", str(prices)]
        refused = await asyncio.to_thread(CliRunner().invoke, cli, [*flags, "--confirm-above", "0.001"])
        assert isinstance(refused.exception, UsageError)
        assert "may cost more than $0.001" in str(refused.exception)
        assert not (tmp_path / "run" / "scores.jsonl").exists()
        done = await asyncio.to_thread(CliRunner().invoke, cli, [*flags, "--confirm-above", "0.01"])
        assert done.exit_code == 0, done.output
