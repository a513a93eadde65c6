"""Answers that are not to the question: a server or a proxy that sends one response too many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightbench.client.transport.connection import RequestIds
from tests.client.samples import run, texts, to
from tests.faults.server import Request, Response, Script, answer_text, completion, serving


def question(request: Request) -> str:
    return str(request.json["messages"][-1]["content"])


def twice(every: int, again: float, **headers: str) -> Script:
    """Says which question it answers; every so many responses are sent twice."""

    def script(request: Request, number: int) -> Response:
        body = completion(question(request))
        return Response(body=body, again=again if number % every == 0 else None, headers=headers, delay=0.003)

    return script


@pytest.mark.parametrize("again", [0.0, 0.001, 0.02])
async def test_no_answer_of_a_connection_with_too_many_responses_is_kept(
    again: float, tmp_path: Path
) -> None:
    async with serving(twice(40, again)) as server:
        outcome, replies = await run(tmp_path, to(server.url, concurrency=4), texts(100))
        kept = {name: reply for name, reply in replies.items() if reply.status == "ok"}
        assert all(reply.text == f"question {name[2:]}" for name, reply in kept.items())
        assert outcome.answered == len(kept)
        failed = [reply for reply in replies.values() if reply.status == "error"]
        assert outcome.failed == len(failed) > 0
        assert all(reply.error is not None and reply.error.kind == "mixed_up" for reply in failed)
        server.script = twice(10**9, 0)
        again_, replies = await run(tmp_path, to(server.url, concurrency=4), texts(100))
    assert (again_.kept, again_.answered) == (len(kept), 100 - len(kept))
    assert all(reply.text == f"question {name[2:]}" for name, reply in replies.items())


@pytest.mark.parametrize("where", ["header", "id"])
async def test_an_echoed_request_id_proves_which_question_was_answered(where: str, tmp_path: Path) -> None:
    """As vLLM does: in the response's id always, in a header with --enable-request-id-headers."""

    def script(request: Request, number: int) -> Response:
        content = json.loads(completion(question(request)))
        name = request.headers["x-request-id"]
        if where == "id":
            content["id"] = f"chatcmpl-{name}"
        headers = {"X-Request-Id": name} if where == "header" else {}
        again = 0.004 if number % 10 == 0 else None
        return Response(body=json.dumps(content).encode(), headers=headers, delay=0.01, again=again)

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url, concurrency=2, attempts=20), texts(100))
    assert (outcome.answered, outcome.failed) == (100, 0)
    assert all(reply.text == f"question {name[2:]}" for name, reply in replies.items())


async def test_a_server_that_speaks_unasked_is_not_listened_to(tmp_path: Path) -> None:
    """A late response to the warm-up must not become the first question's answer."""
    async with serving(lambda request, number: Response(body=completion("late"), again=0.05)) as server:
        await run(tmp_path / "a", to(server.url, concurrency=1), texts(1))
        outcome, replies = await run(tmp_path / "b", to(server.url, concurrency=1), texts(1))
    assert outcome.answered == 0 and replies["q/0"].status == "error"


async def test_many_answers_on_one_connection_in_order_are_all_kept(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(answer_text(request.body)))

    async with serving(script) as server:
        outcome, _ = await run(tmp_path, to(server.url, concurrency=2), texts(1000))
    assert (outcome.answered, outcome.failed) == (1000, 0)


def test_what_an_echo_proves() -> None:
    ids, other = RequestIds(), RequestIds()
    first, second = ids.new(), ids.new()
    assert ids.proves(first, f"chatcmpl-{first}", None) is True
    assert ids.proves(first, None, f"chatcmpl-{second}") is False
    assert ids.proves(first, first, second) is False
    assert ids.proves(first, None, "chatcmpl-1", other.new()) is None
    ten = [ids.new() for _ in range(10)][-1]
    assert ids.proves(ten[:-1], ten) is False
