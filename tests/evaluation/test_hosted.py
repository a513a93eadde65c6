"""An OpenAI, an Anthropic and a Gemini model, evaluated from one set of options each, against services that
speak their documented wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shlex
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sightbench.client.batches.file_wire import answers_to
from sightbench.client.journal import Journal
from sightbench.client.progress import line
from sightbench.commands.command import cli
from sightbench.errors import EndpointError, RunFolderError, UsageError
from sightbench.evaluation import batches
from sightbench.evaluation.costs.calibrate import calibrate
from sightbench.evaluation.evaluate import evaluate_async
from sightbench.evaluation.options import Options
from sightbench.evaluation.report import leave_page
from tests.client.hosted import live, services, services_alike
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
        page, _ = await asyncio.to_thread(leave_page, run)
        assert page is not None
        command = re.search(r'"command":("(?:[^"\\]|\\.)*")', page.read_text())
        assert command is not None
        assert f"({name})" in page.read_text()
        typed = shlex.split(json.loads(command[1]))
        done = await asyncio.to_thread(CliRunner().invoke, cli, typed[typed.index("--endpoint") :])
        assert done.exit_code == 0, done.output
        # The second time only the parameters are tried; every answer is kept.
        assert len(service.asked) == again + 1
    assert run.outcome is not None and run.outcome.failed == 0 and run.outcome.answered > 0
    with Journal.open(run.folder, write=False) as journal:
        replies = list(journal)
    assert {reply.text for reply in replies} == {"A"}
    assert {reply.usage.total_tokens for reply in replies} == {1050}
    assert {reply.model for reply in replies} == {MODELS[name] + ("-2025-11-13" if name == "openai" else "")}
    record = json.loads((run.folder / "run.json").read_text())
    spent = run.summary.spent
    # Three answers of 1,000 tokens in and 50 out, 200 or 100 of them from a cache: see test_prices.py.
    each = {
        "openai": (800 * 1.25 + 200 * 0.125 + 50 * 10) / 1e6,
        "anthropic": (900 * 5 + 100 * 0.5 + 50 * 25) / 1e6,
        "gemini": (1000 * 0.75 + 50 * 3.75) / 1e6,
    }[name]
    assert spent is not None and spent.dollars == pytest.approx(len(replies) * each)
    assert (
        record["prices"].startswith("genai-prices") and "cost: $" in (run.folder / "report.txt").read_text()
    )
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


def fingerprints(folder: Path) -> dict[str, str]:
    with Journal.open(folder, write=False) as journal:
        return {reply.sample: reply.fingerprint for reply in journal}


def ledger(folder: Path) -> str:
    path = folder / "batches.jsonl"
    return path.read_text() if path.exists() else ""


def with_batches(service: live.Service, name: str, server: Scripted, books: services.Books) -> None:
    """The live service and its batch API behind one address."""
    live_route = service.route
    batch_route = {
        "openai": services.openai(books),
        "anthropic": services.anthropic(books),
        "gemini": services.gemini(books, lambda: server.url.removesuffix("/v1"), MODELS["gemini"]),
        "mistral": services_alike.mistral(books, MODELS["openai"]),
        "together": services_alike.together(books),
    }[name]
    server.route = lambda request: batch_route(request) or live_route(request)


@pytest.mark.parametrize("name", [*MODELS, "mistral", "together"])
async def test_a_batch_gives_the_same_scores_as_asking_live(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{name.upper()}_API_KEY", "sk-test")
    books = services.Books(run=lambda key, body: (200, services.answered("A")))
    # Live, Mistral and Together are asked as OpenAI is.
    alike = name if name in MODELS else "openai"
    async with hosted(alike) as (server, service):
        asked_live = options(server, alike, tmp_path, out=tmp_path / "live", provider=name)
        one = await evaluate_async(asked_live)
        with_batches(service, name, server, books)
        batched = replace(asked_live, out=tmp_path / "batch", batch="api")
        two = await evaluate_async(batched)
        again = await evaluate_async(batched)
    assert two.outcome is not None and (two.outcome.failed, two.outcome.stopped) == (0, None)
    assert again.outcome is not None and again.outcome.answered == 0 and len(books.jobs) == 1
    assert (two.folder / "scores.jsonl").read_bytes() == (one.folder / "scores.jsonl").read_bytes()
    asked = fingerprints(one.folder)
    assert fingerprints(two.folder) == asked
    # Two questions that are the same request are paid once.
    assert len(books.paid) == len(set(asked.values())) and set(books.paid.values()) == {1}


async def test_what_a_batch_does_not_answer_is_asked_live_by_the_same_command_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    broken = {"error": {"message": "broken", "type": "invalid_request_error", "code": None}}
    books = services.Books(run=lambda key, body: (400, broken))
    async with hosted("openai") as (server, service):
        with_batches(service, "openai", server, books)
        one = await evaluate_async(options(server, "openai", tmp_path, batch="api"))
        assert one.outcome is not None and one.outcome.answered == 0 and not one.summary.complete
        two = await evaluate_async(options(server, "openai", tmp_path))
    assert two.outcome is not None and (two.outcome.answered, two.outcome.failed) == (3, 0)
    assert two.summary.complete and not books.paid


async def test_a_batch_is_looked_at_ended_and_collected_the_next_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    books = services.Books(run=lambda key, body: (200, services.answered("A")), seconds=600)
    async with hosted("openai") as (server, service):
        with_batches(service, "openai", server, books)
        task = asyncio.create_task(evaluate_async(options(server, "openai", tmp_path, batch="api")))
        while "running" not in ledger(tmp_path / "run"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        folder = tmp_path / "run"
        (standing,) = await asyncio.to_thread(batches.status, folder)
        assert standing.progress is not None and standing.progress.status == "running"
        assert "requests, running" in str(standing)
        with pytest.raises(UsageError, match=r"requests: 1\) would be paid twice.*--batch api"):
            await evaluate_async(options(server, "openai", tmp_path))
        notes: list[str] = []
        books.seconds = 0
        found = await asyncio.to_thread(batches.collect, folder, None, notes.append)
        assert (found.answered, len(books.paid)) == (3, 1), "three samples ask the same"
        (standing,) = await asyncio.to_thread(batches.status, folder)
        assert standing.batch.state == "collected"
        await asyncio.to_thread(batches.cancel, folder, None, notes.append)
    with pytest.raises(RunFolderError, match="--batch"):
        await asyncio.to_thread(batches.status, tmp_path)


async def test_files_stand_in_for_a_network(tmp_path: Path) -> None:
    """No endpoint at all: requests are written, something answers them, and the same options go on."""
    given = {"endpoint": (), "provider": None, "model": "tiny", "batch": "file"}
    async with hosted("openai") as (server, _):
        asked = options(server, "openai", tmp_path, **given)
    run = await evaluate_async(asked)
    assert run.outcome is not None and "vllm run-batch" in str(run.outcome.stopped)
    requests = tmp_path / "run" / "batches" / "0001.jsonl"
    with answers_to(requests).open("w") as out:
        for line in requests.read_text().splitlines():
            response = {"status_code": 200, "request_id": "x", "body": services.answered("A")}
            out.write(json.dumps({"custom_id": json.loads(line)["custom_id"], "response": response}) + "\n")
    run = await evaluate_async(asked)
    assert run.outcome is not None and run.outcome.failed == 0 and run.outcome.stopped is None
    assert run.summary.benchmarks[0].coverage.complete
    with pytest.raises(UsageError, match="--model"):
        await evaluate_async(replace(asked, model=None))


async def test_files_that_nobody_answers_are_ended_and_asked_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    folder = tmp_path / "run"
    async with hosted("openai") as (server, _):
        asked = options(server, "openai", tmp_path)
        await evaluate_async(replace(asked, batch="file"))
        with pytest.raises(UsageError, match="--batch file"):
            await evaluate_async(asked)
        await asyncio.to_thread(batches.cancel, folder)
        found = await asyncio.to_thread(batches.collect, folder)
        assert (found.answered, found.failed, found.waiting) == (0, 0, 0)
        run = await evaluate_async(asked)
    assert run.outcome is not None and run.outcome.answered == 3


async def test_the_bill_is_known_before_and_its_samples_are_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three requests of 1,000 tokens in and 50 out: 3 x (1000 x 5 + 50 x 25) / 1e6 = $0.01875."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    async with hosted("anthropic") as (server, service):
        asked = options(server, "anthropic", tmp_path)
        found = await asyncio.to_thread(calibrate, asked, 3, print)
        before = len(service.asked)
        run = await evaluate_async(asked)
        assert run.outcome is not None and run.outcome.kept == 3
        assert len(service.asked) == before + 1
        batch = await asyncio.to_thread(calibrate, replace(asked, batch="api"), 3, print)
        typed = [
            "--endpoint",
            server.url,
            "--provider",
            "anthropic",
            "--model",
            MODELS["anthropic"],
            "--task",
        ]
        typed += ["dynbench-qa", "--data", str(asked.data), "--dry-run", "--calibrate", "3"]
        shown = (await asyncio.to_thread(CliRunner().invoke, cli, typed)).output
    assert found.estimate is not None and found.requests == 3
    assert found.estimate.dollars == pytest.approx(0.01875, rel=0.01)
    assert batch.estimate is not None
    assert batch.estimate.dollars == pytest.approx(0.01875 / 2, rel=0.01)
    assert "asks 3 samples" in shown and "nothing was sent" not in shown and "about $0.0188" in shown
    assert "$0.0188" in str(found) and "90 % interval" in str(found)


async def test_a_run_stops_before_it_costs_more_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer costs (800 x 1.25 + 200 x 0.125 + 50 x 10) / 1e6 = $0.001525: two fit into $0.0049, and
    a third might not: its longest answer would be 64 tokens."""
    for key in ("OPENAI_API_KEY", "XAI_API_KEY"):
        monkeypatch.setenv(key, "sk-test")
    async with hosted("openai") as (server, _):
        asked = options(server, "openai", tmp_path, max_cost=0.0049)
        run = await evaluate_async(asked)
        unpriced = replace(asked, provider="xai", max_cost=1.0, out=tmp_path / "other")
        with pytest.raises(UsageError, match="--prices"):
            await evaluate_async(unpriced)
    spent = run.summary.spent
    assert spent is not None and (spent.priced, spent.dollars) == (2, pytest.approx(0.00305))
    assert run.outcome is not None and "$0.00305 of $0.0049 are spent" in str(run.outcome.stopped)
    assert "one more request may cost $0.00" in str(run.outcome.stopped)


@pytest.mark.parametrize("name", MODELS)
async def test_a_tier_is_asked_for_on_every_wire_and_priced_as_it_was_answered(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flex is half of gpt-5.1's price (test_prices.py); what has no price for a tier is unpriced."""
    monkeypatch.setenv(f"{name.upper()}_API_KEY", "sk-test")
    told = {"openai": "flex", "anthropic": "standard_only", "gemini": "flex"}[name]
    async with hosted(name) as (server, service):
        run = await evaluate_async(options(server, name, tmp_path, service_tier=told))
        assert {body["service_tier"] for body in service.asked} == {told}
    with Journal.open(run.folder, write=False) as journal:
        tiers = {reply.tier for reply in journal}
    assert tiers == {"standard" if name == "anthropic" else "flex"}
    spent = run.summary.spent
    assert spent is not None
    if name == "openai":
        assert spent.dollars == pytest.approx(3 * 0.001525 / 2)
    elif name == "gemini":
        assert (spent.priced, spent.unpriced) == (0, 3)


async def test_a_models_end_is_said_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    soon = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    notes: list[str] = []
    async with serving(models=("some/model",), expiration_date=f"{soon}T00:00:00Z") as server:
        asked = options(server, "openai", tmp_path, provider="openrouter", model="some/model")
        run = await evaluate_async(asked, note=notes.append)
    words = f"the model some/model is switched off on {soon}"
    assert any(words in note for note in notes)
    assert words in " ".join((run.folder / "report.txt").read_text().split())
    assert run.record.servers[0]["shutdown_date"] == soon


async def test_what_earlier_invocations_spent_counts_and_is_shown_as_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer costs $0.001525: the first invocation asks two, and of $0.0049 too little is left then."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    seen: list[str] = []
    async with hosted("openai") as (server, service):
        await evaluate_async(options(server, "openai", tmp_path, limit=2))
        asked = len(service.asked)
        given = {"max_cost": 0.0049, "concurrency": 1}
        run = await evaluate_async(
            options(server, "openai", tmp_path, **given),
            progress=lambda counts, total: seen.append(line(counts, total, counts.started + 1)),
        )
        assert len(service.asked) == asked + 1, "only the parameters are tried"
    assert run.outcome is not None and "$0.00305 of $0.0049 are spent" in str(run.outcome.stopped)
    assert "$0.0031" in seen[-1] or "$0.0030" in seen[-1]


async def test_a_batch_is_no_larger_than_what_may_be_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request is taken for 3 images of 1,000 tokens and some text, with 64 tokens of answer: at half of
    $1.25 and $10 per million tokens about $0.0022, so that $0.003 is enough for one of two."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    books = services.Books(run=lambda key, body: (200, services.answered("A")))
    async with hosted("openai") as (server, service):
        with_batches(service, "openai", server, books)
        asked = options(server, "openai", tmp_path, batch="api", max_cost=0.003)
        formats.put(
            tmp_path / "data/multi_json/davis/cow_qa.json",
            [{"question": "And how fast?", "options": ["A. slow", "B. fast"], "answer": "B"}],
        )
        run = await evaluate_async(asked)
    (job,) = books.jobs.values()
    assert len(job.items) == 1
    assert run.outcome is not None and "of $0.003 are spent" in str(run.outcome.stopped)
    assert "set aside" in str(run.outcome.stopped)
    assert not run.summary.complete


async def test_the_report_says_what_a_point_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three answers of $0.001525, all right: 100 points cost $0.004575, one a hundredth of it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    async with hosted("openai") as (server, _):
        asked = options(server, "openai", tmp_path)
        for task in ("cameraqa", "qa", "sceneqa"):
            question = {"question": "Where?", "options": ["A. left", "B. right"], "answer": "A"}
            formats.put(tmp_path / f"data/multi_json/davis/cow_{task}.json", [question])
        run = await evaluate_async(asked)
    assert run.summary.benchmarks[0].headline.value == 100.0
    assert run.summary.spent is not None
    assert any("$0.00458, $4.58e-5 for each point" in told for told in run.summary.spent.lines)
