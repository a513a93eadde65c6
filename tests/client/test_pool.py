"""Who gets the next request: a video's endpoint while it keeps up, the least busy one when it does not."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sightbench.client.pool import Pool, gauge_sums, open_pool
from sightbench.client.providers import provider
from sightbench.client.settings import Target
from sightbench.client.transport.completion import Completion
from sightbench.client.transport.endpoint import Attempt
from sightbench.sample import Failure, Video
from tests.client.samples import about, run, texts, to
from tests.faults.server import Response, completion, error, serving

OK = Attempt(Completion("A"), 0.1)


def pool(*weights: float, limit: int = 100) -> Pool:
    targets = tuple(Target(f"http://host{index}/v1", weight) for index, weight in enumerate(weights))
    return open_pool(replace(to("http://x", concurrency=limit), endpoints=targets), provider("generic"))


async def test_a_video_stays_with_its_endpoint_and_videos_spread_by_weight() -> None:
    members = pool(1, 1, 2)
    homes: Counter[str] = Counter()
    for index in range(2000):
        taken = set()
        for _ in range(3):
            turn = await members.acquire(f"video {index}")
            members.release(turn, OK)
            taken.add(turn.member.endpoint.label)
        assert len(taken) == 1
        homes.update(taken)
    assert [round(homes[f"http://host{i}/v1"] / 2000, 1) for i in range(3)] == pytest.approx(
        [0.25, 0.25, 0.5], abs=0.06
    )
    await members.close()


async def test_one_video_asked_about_very_often_spills_over() -> None:
    members = pool(1, 1, 1)
    taken = Counter([(await members.acquire("the video")).member.endpoint.label for _ in range(90)])
    # Up to twice the mean stays where the caches are.
    assert len(taken) == 3 and max(taken.values()) <= 2 * 30 + 1
    await members.close()


async def test_a_full_pool_makes_wait_in_order_and_a_cancelled_waiter_loses_no_place() -> None:
    members = pool(1, limit=1)
    first = await members.acquire("a")
    served: list[int] = []

    async def waiter(number: int) -> None:
        turn = await members.acquire("a")
        served.append(number)
        members.release(turn, OK)

    tasks = [asyncio.create_task(waiter(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    members.release(first, OK)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert served == [0, 2, 3]
    assert members.members[0].in_flight == 0
    await members.close()


async def test_a_retry_goes_elsewhere_and_a_pause_keeps_requests_away() -> None:
    members = pool(1, 1)
    first = await members.acquire("a")
    members.release(first, Attempt(Failure("server_error", "x", 500), 0.1))
    other = await members.acquire("a", avoid=first.member)
    assert other.member is not first.member
    members.release(other, Attempt(Failure("rate_limited", "x", 429), 0.1, retry_after=30.0))
    again = [await members.acquire("a", avoid=first.member) for _ in range(5)]
    assert all(turn.member is first.member for turn in again)
    await members.close()


async def test_endpoints_get_work_in_proportion_to_how_fast_they_are(tmp_path: Path) -> None:
    def answering(delay: float) -> Response:
        return Response(body=completion(), delay=delay)

    async with (
        serving(lambda request, number: answering(0.002)) as fast,
        serving(lambda request, number: answering(0.05)) as slow,
    ):
        outcome, replies = await run(tmp_path, to(fast.url, slow.url, concurrency=8), texts(600))
    assert outcome.answered == 600
    assert fast.count > 2 * slow.count > 0
    assert {reply.endpoint for reply in replies.values()} == {fast.url, slow.url}


async def test_routers_are_told_which_requests_belong_together(tmp_path: Path) -> None:
    video = tmp_path / "a.gif"
    video.write_bytes(b"GIF89a")
    samples = [about(Video(name, (video,)), f"{name}/{q}") for name in ("é", "v") for q in range(2)]
    async with serving() as server:
        await run(tmp_path / "run", to(server.url), samples)
        names = [request.headers["x-session-id"] for request in server.requests]
        assert names == [request.headers["x-smg-routing-key"] for request in server.requests]
    assert sorted(Counter(names).values()) == [2, 2]


async def test_auto_follows_a_server_that_refuses_beyond_its_slots(tmp_path: Path) -> None:
    async with serving() as server:

        def script(request: object, number: int) -> Response:
            if server.now >= 24:
                return error(503, "queue full")
            return Response(body=completion(), delay=0.02)

        server.script = script
        settings = to(server.url, concurrency="auto", max_concurrency=512, attempts=50)
        outcome, _ = await run(tmp_path, settings, texts(1500))
    assert (outcome.answered, outcome.failed) == (1500, 0)
    assert server.count < 2500


def test_gauges_are_summed_over_engines() -> None:
    text = (
        "# HELP vllm:num_requests_waiting x\n"
        'vllm:num_requests_waiting{engine="0",model_name="m"} 3.0\n'
        'vllm:num_requests_waiting{engine="1",model_name="m"} 4.0\n'
        "sglang:num_queue_reqs 2\n"
    )
    assert gauge_sums(text) == {"vllm:num_requests_waiting": 7.0, "sglang:num_queue_reqs": 2.0}
