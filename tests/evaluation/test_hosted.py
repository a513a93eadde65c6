"""An OpenAI, an Anthropic and a Gemini model, evaluated from one set of options each, against services that
speak their documented wire."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sightbench.client.journal import Journal
from sightbench.errors import EndpointError
from sightbench.evaluation.evaluate import evaluate_async
from sightbench.evaluation.options import Options
from tests.client.hosted import live
from tests.faults.server import Scripted, serving
from tests.tasks import formats

MODELS = {"openai": "gpt-5.1", "anthropic": "claude-opus-5", "gemini": "gemini-3.6-flash"}


@contextlib.asynccontextmanager
async def hosted(name: str) -> AsyncIterator[tuple[Scripted, live.Service]]:
    service: live.Service = getattr(live, name)()
    async with serving() as server:
        server.route = service.route
        yield server, service


def options(server: Scripted, name: str, tmp_path: Path, **given: Any) -> Options:
    data = tmp_path / "data"
    if not data.exists():
        formats.dynbench(data)
    values: dict[str, Any] = {
        "endpoint": server.url, "provider": name, "model": MODELS[name], "task": "dynbench-qa", "data": data,
        "out": tmp_path / "run", "concurrency": 4, "max_tokens": 64,
    }  # fmt: skip
    return Options(**(values | given))


@pytest.mark.parametrize("name", MODELS)
async def test_a_hosted_model_is_evaluated_and_the_report_names_what_went_out_differently(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in MODELS:
        key = "sk-test" if other == name else "sk-of-another-service"
        monkeypatch.setenv(f"{other.upper()}_API_KEY", key)
    notes: list[str] = []
    async with hosted(name) as (server, service):
        run = await evaluate_async(options(server, name, tmp_path), note=notes.append)
        again = len(service.asked)
        await evaluate_async(options(server, name, tmp_path))
        # The second time only the parameters are tried; every answer is kept.
        assert len(service.asked) == again + 1
    assert run.outcome is not None and run.outcome.failed == 0 and run.outcome.answered > 0
    with Journal.open(run.folder, write=False) as journal:
        replies = list(journal)
    assert {reply.text for reply in replies} == {"A"}
    assert {reply.usage.total_tokens for reply in replies} == {1050}
    assert {reply.model for reply in replies} == {MODELS[name] + ("-2025-11-13" if name == "openai" else "")}
    record = json.loads((run.folder / "run.json").read_text())
    report = (run.folder / "report.txt").read_text()
    if name == "gemini":
        assert not service.refused and "changes" not in record["request"]
        return
    assert record["request"]["changes"] == {"temperature": None, "top_p": None}
    assert len(service.refused) <= 4, "a refused parameter is met once and not by every sample"
    told = " ".join(report.split())
    assert "temperature is not sent: the API takes only its default" in told and "--repeats 3" in told
    assert any("temperature" in note for note in notes)


@pytest.mark.parametrize("name", MODELS)
async def test_a_wrong_key_is_one_line_before_anything_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "sk-wrong-and-secret")
    async with hosted(name) as (server, service):
        with pytest.raises(EndpointError, match="key") as caught:
            await evaluate_async(options(server, name, tmp_path, api_key_env="WRONG"))
        assert service.asked == []
    assert "sk-wrong-and-secret" not in str(caught.value) and len(str(caught.value).splitlines()) == 1


async def test_a_model_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    async with hosted("anthropic") as (server, _):
        with pytest.raises(EndpointError, match=r"'nope'.*claude-opus-5"):
            await evaluate_async(options(server, "anthropic", tmp_path, model="nope"))
