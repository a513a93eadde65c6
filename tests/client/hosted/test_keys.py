"""Several keys as several endpoints, tokens that a command prints, and who we say we are."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sightbench.client.batches.ledger import Batch, Ledger
from sightbench.client.settings import Target
from sightbench.client.transport.credential import Credential, read
from sightbench.commands.command import cli
from sightbench.errors import EndpointError, UsageError
from sightbench.evaluation import batches
from sightbench.evaluation.evaluate import evaluate_async
from sightbench.evaluation.options import Options
from sightbench.evaluation.settings import settings
from sightbench.version import version
from tests.client.hosted import services
from tests.client.hosted.limited import Limited
from tests.client.samples import run, text, texts, to
from tests.faults.server import Request, Response, error, healthy, serving
from tests.tasks import formats


async def test_each_key_has_its_own_budget_and_none_is_shown(tmp_path: Path) -> None:
    """Two projects of 600 requests a minute each: together they take twice as much, and neither refuses."""
    keys = {"Bearer sk-project-one": Limited(600, 10**6), "Bearer sk-project-two": Limited(600, 10**6)}

    def script(request: Request, number: int) -> Response:
        return keys[request.headers["authorization"]].script(request, number)

    async with serving(script) as server:
        targets = (
            Target(server.url, api_key="sk-project-one", key_env="ONE", rpm=600),
            Target(server.url, api_key="sk-project-two", key_env="TWO", rpm=600),
        )
        given = to(server.url, provider="openai", model="gpt-5.1")
        given = type(given)(
            **{**{name: getattr(given, name) for name in given.__slots__}, "endpoints": targets}
        )
        samples = (text(f"q/{number}", f"question {number}", max_tokens=8) for number in range(40))
        outcome, replies = await run(tmp_path, given, samples)
    assert outcome.answered == 40
    assert [len(service.refused) for service in keys.values()] == [0, 0]
    assert all(len(service.granted) >= 12 for service in keys.values())
    assert set(Counter(reply.endpoint for reply in replies.values())) == {
        f"{server.url}#env=ONE", f"{server.url}#env=TWO"
    }  # fmt: skip
    kept = (tmp_path / "replies.jsonl").read_text() + repr(given)
    assert "sk-project" not in kept


def test_what_stands_after_an_endpoint_is_read_and_a_mistake_shows_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY2", "sk-second")
    (target,) = settings(Options(endpoint="http://h/v1*2#env=KEY2,rpm=500,tpm=2e5", task="x")).endpoints
    assert (target.weight, target.api_key, target.rpm, target.tpm) == (2.0, "sk-second", 500.0, 200_000.0)
    for wrong in ("#sk-oops", "#env=NOWHERE", "#rpm=0", "#tpm=x", "#", "#env=KEY2,burst=3"):
        with pytest.raises(UsageError) as caught:
            settings(Options(endpoint=f"http://h/v1{wrong}", task="x"))
        assert "http://h/v1" in str(caught.value)
        assert "oops" not in str(caught.value) and len(str(caught.value).splitlines()) == 1


def jwt(ends: float) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": int(ends)}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.sig"


@pytest.mark.parametrize(
    ("printed", "headers", "ends"),
    [
        ("ya29.opaque-token\n", {"Authorization": "Bearer ya29.opaque-token"}, None),
        ("Bearer abc", {"Authorization": "Bearer abc"}, None),
        ("api-key: abc\nX-Team: vision\n", {"api-key": "abc", "X-Team": "vision"}, None),
        (jwt(2e9), {"Authorization": f"Bearer {jwt(2e9)}"}, 2e9),
        ('{"accessToken": "abc", "expires_on": 1790000000}', {"Authorization": "Bearer abc"}, 1.79e9),
        ('{"access_token": "abc", "expires_in": 3600}', {"Authorization": "Bearer abc"}, 4600.0),
    ],
)
def test_commands_print_tokens_in_several_ways(
    printed: str, headers: dict[str, str], ends: float | None
) -> None:
    found = read(printed.strip(), 1000.0)
    assert (found.headers, found.ends) == (headers, ends)


@pytest.mark.parametrize("printed", ["", "two words", "a: b\nno header", "{}", "{", '{"accessToken": ""}'])
def test_what_is_no_token_is_one_line_that_does_not_show_it(printed: str) -> None:
    with pytest.raises(EndpointError, match="--header-command") as caught:
        read(printed, 0.0)
    assert not printed or printed not in str(caught.value)


def counting(tmp_path: Path, prints: str) -> str:
    """A command that prints `prints` with the number of times it was run for %s."""
    counter = tmp_path / "runs"
    return f"echo x >> {counter}; printf '{prints}' $(wc -l < {counter})"


async def test_a_token_that_is_refused_or_ends_is_made_anew_and_hidden(tmp_path: Path) -> None:
    valid = "token-of-run-1"

    def script(request: Request, number: int) -> Response:
        nonlocal valid
        if number == 5:
            valid = "token-of-run-2"
        if request.headers["authorization"] != f"Bearer {valid}":
            return error(401, "expired")
        return healthy(request, number) if number != 8 else error(400, f"you sent {valid}")

    command = counting(tmp_path, "token-of-run-%s")
    async with serving(script) as server:
        given = to(server.url, concurrency=1, credential=Credential(command))
        outcome, replies = await run(tmp_path / "run", given, texts(12))
    assert (outcome.answered, outcome.failed) == (11, 1)
    assert (tmp_path / "runs").read_text().count("x") == 2
    (failed,) = (reply for reply in replies.values() if reply.status == "error")
    assert failed.error is not None and "***" in failed.error.message
    assert "token-of-run" not in (tmp_path / "run" / "replies.jsonl").read_text() + repr(given)


async def test_a_token_is_made_anew_before_its_end(tmp_path: Path) -> None:
    short = json.dumps({"access_token": "t-%s", "expires_in": 30})
    credential = Credential(counting(tmp_path, short.replace('"', '\\"').replace("\\", "")))
    first, second = await credential.token(), await credential.token()
    assert first.headers != second.headers
    long = Credential(f"echo {jwt(time.time() + 3600)}")
    assert await long.token() is await long.token()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("printf secret-half; echo 'no login: secret-half' >&2; exit 3", "exit code 3.*no login"),
        ("true", "should print"),
        ("no-such-command-here", "not found"),
    ],
)
async def test_a_command_that_fails_ends_the_run_in_one_line(
    command: str, words: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    formats.dynbench(data)
    async with serving() as server:
        asked = Options(
            endpoint=server.url, task="dynbench-qa", data=data, out=tmp_path / "run", header_command=command
        )
        with pytest.raises(EndpointError, match=words) as caught:
            await evaluate_async(asked)
        assert server.count == 0
    assert "secret-half" not in str(caught.value) and len(str(caught.value).splitlines()) == 1


async def test_batches_go_out_with_the_same_token_and_our_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    books = services.Books(run=lambda key, body: (200, services.answered("A")))
    seen: list[Request] = []
    answers = services.openai(books)
    valid = "Bearer b-1"

    def route(request: Request) -> Response | None:
        nonlocal valid
        seen.append(request)
        if request.path.endswith("/batches") and request.method == "POST" and valid == "Bearer b-1":
            valid = "Bearer b-2"
        if request.headers.get("authorization") != valid:
            return error(401, "expired")
        return answers(request)

    data = tmp_path / "data"
    formats.dynbench(data)
    given: dict[str, Any] = {
        "header_command": counting(tmp_path, "b-%s"), "batch": "api", "model": "tiny", "provider": "openai",
        "task": "dynbench-qa", "data": data,
    }  # fmt: skip
    async with serving() as server:
        server.route = route
        one = {"endpoint": server.url, "out": tmp_path / "run"}
        done = await evaluate_async(Options(**(given | one)))
        two = {"endpoint": (server.url, server.url), "out": tmp_path / "two", "header_command": "echo b-2"}
        with pytest.raises(UsageError, match="one endpoint"):
            await evaluate_async(Options(**(given | two)))
    assert done.outcome is not None and done.outcome.failed == 0 and len(books.paid) == 1
    assert {request.headers["user-agent"] for request in seen} == {f"sightbench/{version()}"}


async def test_batches_are_looked_at_with_the_key_they_were_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY2", "sk-second-project")
    books = services.Books(run=lambda key, body: (200, services.answered("A")))
    answers = services.openai(books)

    def route(request: Request) -> Response | None:
        known = request.headers.get("authorization") == "Bearer sk-second-project"
        return answers(request) if known else error(401, "whose?")

    data = tmp_path / "data"
    formats.dynbench(data)
    async with serving() as server:
        server.route = route
        asked = Options(
            endpoint=f"{server.url}#env=KEY2", provider="openai", model="tiny", task="dynbench-qa", data=data,
            out=tmp_path / "run", batch="api",
        )  # fmt: skip
        await evaluate_async(asked)
        folder = tmp_path / "run"
        found = await asyncio.to_thread(batches.status, folder)
        monkeypatch.delenv("KEY2")
        with pytest.raises(UsageError, match="variable"):
            await asyncio.to_thread(batches.status, folder)
    assert [standing.batch.state for standing in found] == ["collected"]
    assert "sk-second" not in "".join(file.read_text() for file in folder.rglob("*.json*"))


@pytest.mark.parametrize("verb", ["status", "collect", "cancel"])
async def test_a_batch_is_looked_at_with_the_token_a_command_prints(verb: str, tmp_path: Path) -> None:
    books = services.Books(seconds=60)
    answers = services.openai(books)
    seen: list[Request] = []

    def route(request: Request) -> Response | None:
        seen.append(request)
        known = request.headers["authorization"] == "Bearer printed-token"
        return answers(request) if known else error(401, "whose?")

    async with serving() as server:
        server.route = route
        job = books.start("batch_", "", [("x", {})])
        place: dict[str, Any] = {"service": "openai", "endpoint": server.url, "provider": "openai"}
        Ledger(tmp_path).write(Batch(1, "running", "token", 1, id=job.id, **place))
        typed = ["batch", verb, str(tmp_path), "--header-command", "echo printed-token"]
        shown = await asyncio.to_thread(CliRunner().invoke, cli, typed)
    assert seen and {request.headers["authorization"] for request in seen} == {"Bearer printed-token"}
    assert "401" not in shown.output and "printed-token" not in shown.output


async def test_many_requests_at_once_run_the_command_once(tmp_path: Path) -> None:
    credential = Credential(counting(tmp_path, "t-%s"))
    tokens = await asyncio.gather(*(credential.token() for _ in range(50)))
    assert len({id(token) for token in tokens}) == 1
    renewed = await asyncio.gather(*(credential.renewed(tokens[0]) for _ in range(50)))
    assert len({id(token) for token in renewed}) == 1
    assert (tmp_path / "runs").read_text().count("x") == 2
