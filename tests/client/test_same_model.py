"""A server that comes back as another model gets no more questions, and none of its answers are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import sightbench.client.pool
import sightbench.client.transport.retry
import sightbench.client.transport.same_model
from tests.client.samples import run, texts, to
from tests.faults.server import Request, Response, Scripted, completion, serving


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightbench.client.pool, "_PROBE_EVERY", 0.05)
    monkeypatch.setattr(sightbench.client.transport.retry, "UNIT_SECONDS", 0.01)


def saying(text: str, model: str = "tiny") -> Any:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(text, model=model), delay=0.005)

    return script


async def swap(server: Scripted, at: int, entry: dict[str, Any]) -> None:
    """Restarts the server as another model once it has answered `at` questions."""
    await server.reached(at)
    await server.stop()
    await asyncio.sleep(0.3)
    server.entries = [entry]
    server.script = saying("new", entry["id"])
    await server.start(server.port)


CHANGES = [
    ({"id": "tiny", "root": "/w/b", "max_model_len": 100}, "weights was /w/a and is now /w/b"),
    ({"id": "tiny", "root": "/w/a", "max_model_len": 50}, "context length was 100 and is now 50"),
    ({"id": "other", "root": "/w/a", "max_model_len": 100}, "no longer serves 'tiny'; it serves: other"),
]


@pytest.mark.parametrize(("entry", "words"), CHANGES)
async def test_another_model_after_a_restart_ends_the_run_and_gives_no_answer(
    entry: dict[str, Any], words: str, tmp_path: Path
) -> None:
    server = Scripted(saying("old"), root="/w/a", max_model_len=100)
    await server.start()
    restart = asyncio.create_task(swap(server, 100, entry))
    outcome, replies = await run(tmp_path, to(server.url), texts(3000))
    await restart
    await server.stop()
    assert outcome.stopped is not None and words in outcome.stopped and "\n" not in outcome.stopped
    assert {reply.text for reply in replies.values() if reply.status == "ok"} == {"old"}
    assert 50 < outcome.answered < 3000


async def test_the_same_model_after_a_restart_goes_on(tmp_path: Path) -> None:
    server = Scripted(saying("old"), root="/w/a", max_model_len=100)
    await server.start()
    same = {"id": "tiny", "root": "/w/a", "max_model_len": 100}
    restart = asyncio.create_task(swap(server, 100, same))
    outcome, _ = await run(tmp_path, to(server.url), texts(600))
    await restart
    await server.stop()
    assert (outcome.answered, outcome.failed, outcome.stopped) == (600, 0, None)


async def test_an_answer_by_another_name_ends_the_run(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion("x", model="tiny" if number < 50 else "tiny-v2"))

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url), texts(500))
    assert outcome.stopped is not None and "by 'tiny' and are now by 'tiny-v2'" in outcome.stopped
    assert sum(reply.status == "ok" for reply in replies.values()) <= 50


async def test_a_change_behind_a_router_that_keeps_its_connections_is_seen_after_some_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightbench.client.transport.same_model, "EVERY", 20)
    async with serving(saying("old"), root="/w/a") as server:

        async def change() -> None:
            await server.reached(100)
            server.entries[0]["root"] = "/w/b"

        changing = asyncio.create_task(change())
        outcome, _ = await run(tmp_path, to(server.url), texts(5000))
        await changing
    assert outcome.stopped is not None and "another model" in outcome.stopped
    assert outcome.answered < 400


async def test_the_other_endpoints_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    turncoat = Scripted(saying("old"), root="/w/a")
    await turncoat.start()
    async with serving(saying("old"), root="/w/a") as server:
        restart = asyncio.create_task(swap(turncoat, 50, {"id": "tiny", "root": "/w/b"}))
        outcome, replies = await run(tmp_path, to(server.url, turncoat.url), texts(1500))
        await restart
    await turncoat.stop()
    assert (outcome.answered, outcome.stopped) == (1500, None)
    assert {reply.text for reply in replies.values()} == {"old"}
    assert sum("came back as another model" in line for line in caplog.messages) == 1


async def test_a_server_that_lists_nothing_is_asked_all_the_same(tmp_path: Path) -> None:
    async with serving(saying("old")) as server:
        server.other["/v1/models"] = Response(404, b"no")
        outcome, _ = await run(tmp_path, to(server.url), texts(50))
    assert outcome.answered == 50
