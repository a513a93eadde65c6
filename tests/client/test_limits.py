"""Budgets are spent evenly, and the number of requests in flight is found by trying."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from sightbench.client.limits import Adaptive, Pace


async def test_a_budget_of_requests_is_spent_evenly_and_in_order() -> None:
    pace = Pace(rpm=3000, tpm=None)
    loop = asyncio.get_running_loop()
    at: list[tuple[int, float]] = []

    async def one(number: int) -> None:
        await pace.acquire(1)
        at.append((number, loop.time()))

    await asyncio.gather(*(one(number) for number in range(60)))
    assert [number for number, _ in at] == list(range(60))
    # 50 a second, a quarter of a second's worth at once: never more than that in any quarter.
    for (_, early), (_, late) in itertools.pairwise(at[::13]):
        assert late - early >= 0.24


async def test_a_budget_of_tokens_follows_what_requests_really_use(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    pace = Pace(rpm=None, tpm=60_000, clock=lambda: now)
    assert not pace.free and Pace(None, None).free
    for _ in range(200):
        charged = await pace.acquire(100)
        pace.settle(100, charged, 500.0)
    # 200 requests of 500 tokens at 1,000 a second take 100 s, however wrong the first guesses were.
    assert 98 <= now <= 101
    charged = await pace.acquire(100)
    assert 450 <= charged <= 501
    pace.settle(100, charged, None)
    before = len(waited)
    pace.settle(100, await pace.acquire(100), 500.0)
    assert len(waited) - before <= 1


class Server:
    """Answers up to `slots` requests at once, each in a second; more wait or are refused."""

    def __init__(self, slots: int, *, refuses: bool) -> None:
        self.slots = slots
        self.refuses = refuses

    def second(self, controller: Adaptive, now: float) -> None:
        sent = controller.limit
        served = min(sent, self.slots)
        for index in range(served):
            controller.answered(now + index / served, sent)
        if self.refuses and sent > self.slots:
            for _ in range(sent - self.slots):
                controller.overloaded(now + 1, None)


@pytest.mark.parametrize("slots", [20, 100, 500])
def test_growth_stops_where_more_in_flight_brings_no_more_answers(slots: int) -> None:
    controller = Adaptive(ceiling=1024)
    server = Server(slots, refuses=False)
    limits = []
    for now in range(60):
        server.second(controller, float(now))
        limits.append(controller.limit)
    assert max(limits) <= 4 * slots
    assert slots / 2 <= limits[-1] <= 2 * slots


def test_refusals_cut_the_limit_once_an_episode_and_it_creeps_back() -> None:
    controller = Adaptive(ceiling=1024)
    server = Server(100, refuses=True)
    limits = []
    for now in range(200):
        server.second(controller, 1.5 * now)
        limits.append(controller.limit)
    assert 60 <= sum(limits[100:]) / 100 <= 110
    assert min(limits[20:]) >= 40


def test_a_burst_of_refusals_is_one_episode() -> None:
    controller = Adaptive(ceiling=1024, start=100)
    for _ in range(50):
        controller.overloaded(10.0, None)
    assert controller.limit == 70
    for _ in range(100):
        controller.overloaded(11.5, 30.0)
    assert controller.limit == 49
    for _ in range(100):
        controller.overloaded(30.0, None)
    assert controller.limit == 49
    for number in range(10_000):
        controller.overloaded(100.0 + number, None)
    assert controller.limit == 1


@pytest.mark.parametrize("latency", [0.05, 10.0])
def test_stray_refusals_of_a_server_that_is_not_full_cost_little(latency: float) -> None:
    controller = Adaptive(ceiling=200)
    draw = random.Random(3)
    limits = []
    now = 0.0
    for _ in range(40_000):
        now += latency / controller.limit
        if draw.random() < 0.03:
            controller.overloaded(now, None)
        else:
            controller.answered(now, controller.limit)
        limits.append(controller.limit)
    assert sum(limits[10_000:]) / 30_000 > 100


def test_an_idle_run_does_not_grow_the_limit() -> None:
    controller = Adaptive(ceiling=1024)
    for now in range(1000):
        controller.answered(float(now), 2)
    assert controller.limit == 8


def test_the_servers_own_queue_stops_growth_and_a_long_one_cuts() -> None:
    controller = Adaptive(ceiling=1024, start=64)
    controller.queued(running=60, waiting=4)
    for index in range(1000):
        controller.answered(index / 1000, 64)
    assert controller.limit == 64
    controller.queued(running=16, waiting=48)
    assert controller.limit == 44
