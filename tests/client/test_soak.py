"""The long forms: `SIGHTBENCH_SOAK=1 pytest -m soak`, some minutes each."""

from __future__ import annotations

import asyncio
import os
import random
import resource
from pathlib import Path

import pytest

import sightbench.client.transport.retry
from sightbench.client.journal import Journal
from sightbench.client.run import ask
from tests.client.samples import run, texts, to
from tests.faults.proxy import broken
from tests.faults.server import Request, Response, Scripted, answer_text, completion, flaky, serving

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not os.environ.get("SIGHTBENCH_SOAK"), reason="long template: make soak"),
]


def resident() -> int:
    """Bytes of memory this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightbench.client.transport.retry, "UNIT_SECONDS", 0.05)


async def test_ten_thousand_samples_through_everything_that_breaks(tmp_path: Path) -> None:
    async with serving() as server:
        server.keep_requests = False
        _, clean = await run(tmp_path / "clean", to(server.url, concurrency=64), texts(10_000))
        server.script = flaky(0.2, seed=11)
        async with broken(server.url, 0.1, seed=12) as one, broken(server.url, 0.1, seed=13) as two:
            settings = to(one.url, two.url, attempts=15, concurrency="auto", max_concurrency=64)
            outcome, faulty = await run(tmp_path / "faulty", settings, texts(10_000))
    assert (outcome.answered, outcome.failed) == (10_000, 0)
    assert {name: reply.text for name, reply in faulty.items()} == {n: r.text for n, r in clean.items()}


async def test_endpoints_that_come_and_go_for_a_minute_cost_no_answers(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(answer_text(request.body)), delay=0.02)

    servers = [Scripted(script) for _ in range(3)]
    for server in servers:
        server.keep_requests = False
        await server.start()
    draw = random.Random(4)

    async def come_and_go() -> None:
        while True:
            server = draw.choice(servers)
            await asyncio.sleep(draw.uniform(0.5, 2.0))
            await server.stop()
            await asyncio.sleep(draw.uniform(0.2, 2.0))
            await server.start(server.port)

    task = asyncio.create_task(come_and_go())
    settings = to(*(server.url for server in servers), attempts=10, patience=60.0)
    outcome, replies = await run(tmp_path, settings, texts(60_000))
    task.cancel()
    assert (outcome.answered, outcome.failed, outcome.stopped) == (60_000, 0, None)
    assert len(replies) == 60_000


async def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    sizes: list[int] = []
    async with serving() as server:
        server.keep_requests = False
        with Journal.open(tmp_path) as journal:
            settings = to(server.url, concurrency=64)
            await ask(texts(20_000), settings, journal, progress=lambda counts: sizes.append(resident()))
            warm = max(sizes)
        sizes.clear()
        with Journal.open(tmp_path / "long") as journal:
            await ask(texts(300_000), settings, journal, progress=lambda counts: sizes.append(resident()))
    assert max(sizes) < warm + 16 * 2**20
