"""Budgets are spent evenly, and the number of requests in flight is found by trying."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from sightbench.client.limits import Adaptive, Budget
from sightbench.client.transport.quota import Quota, Quotas, quotas


def spend(budget: Budget, count: int, guess: int, used: float | None = None) -> list[float]:
    """Sends as fast as the budget lets and answers at once; when each request went, in seconds."""
    now = 0.0
    at = []
    for _ in range(count):
        while (wait := budget.wait(now)) > 0:
            now += wait
        at.append(now)
        budget.settle(guess, budget.take(guess), used)
    return at


def test_a_budget_of_requests_is_spent_evenly() -> None:
    at = spend(Budget(3000, None, 0.0), 1000, 1)
    # 50 a second, a quarter of a second's worth at once: never more than that above the even pace.
    assert at[-1] == pytest.approx(999 / 50, rel=0.01)
    assert max(number - 50 * when for number, when in enumerate(at)) <= 13
    budget = Budget(3000, None, 0.0)
    assert budget.wait(600.0) == 0.0
    later = [600.0 + when for when in spend(budget, 100, 1)]
    assert later[-1] >= 600.0


def test_a_budget_of_tokens_follows_what_requests_really_use() -> None:
    budget = Budget(None, 60_000, 0.0)
    # 200 requests of 500 tokens at 1,000 a second take 100 s, however wrong the first guesses were.
    assert spend(budget, 200, 100, 500.0)[-1] == pytest.approx(100, abs=1.5)
    assert 450 <= budget.take(100) <= 501


def test_what_a_stall_cost_is_made_up_for_and_no_second_holds_too_much() -> None:
    """50 a second, half a second of standing still every five: a service that enforces the limit by the
    second refuses nothing, and hardly anything is lost."""
    budget = Budget(3000, None, 0.0)
    now, sent, left, stalls = 0.0, 0, 50.0, 0
    while now < 300:
        wait = budget.wait(now)
        if now >= 5 * (stalls + 1):
            stalls += 1
            wait = max(wait, 0.5)
        now += wait
        left = min(50.0, left + wait * 50)
        if budget.wait(now) > 0:
            continue
        budget.take(1)
        sent += 1
        left -= 1
        assert left >= 0, "refused"
    assert stalls == 59 and sent >= 0.99 * 300 * 50


def test_a_budget_that_is_not_there_holds_nobody_up() -> None:
    assert spend(Budget(None, None, 0.0), 1000, 10**6, 10.0**9)[-1] == 0.0


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "requests", "tokens"),
    [
        # https://developers.openai.com/api/docs/guides/rate-limits, the sample values of its table
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            60.0,
            None,
        ),
        # https://console.groq.com/docs/rate-limits: requests are a day's, tokens a minute's
        (
            {
                "x-ratelimit-limit-requests": "14400",
                "x-ratelimit-remaining-requests": "14370",
                "x-ratelimit-reset-requests": "2m59.56s",
                "x-ratelimit-limit-tokens": "18000",
                "x-ratelimit-remaining-tokens": "17997",
                "x-ratelimit-reset-tokens": "7.66ms",
            },
            None,
            18000.0,
        ),
        # https://platform.claude.com/docs/en/api/rate-limits
        (
            {
                "anthropic-ratelimit-requests-limit": "4000",
                "anthropic-ratelimit-requests-remaining": "3999",
                "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
                "anthropic-ratelimit-input-tokens-limit": "2000000",
                "anthropic-ratelimit-input-tokens-remaining": "1998000",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:00:01Z",
            },
            4000.0,
            2000000.0,
        ),
    ],
)
def test_services_say_what_they_allow_a_minute(
    headers: dict[str, str], requests: float | None, tokens: float | None
) -> None:
    found = quotas(headers, NOW)
    assert found is not None and found.requests is not None and found.tokens is not None
    assert (found.requests.per_minute, found.tokens.per_minute) == (requests, tokens)
    assert quotas({"content-type": "application/json"}, NOW) is None


def test_a_budget_nobody_gave_is_learned_and_a_given_one_is_never_raised() -> None:
    told = Quotas(requests=Quota(600, 590, 1.0, 600))
    budget = Budget(None, None, 0.0)
    budget.told(told)
    assert spend(budget, 200, 1)[-1] == pytest.approx(20, abs=0.5)
    careful = Budget(60, None, 0.0)
    careful.told(told)
    assert spend(careful, 50, 1)[-1] == pytest.approx(49, abs=1)


def test_the_pace_falls_when_the_service_counts_more_than_we_do() -> None:
    """We count 100 tokens a request, the service 160, and refills 1,000 a second: at its own pace the run
    would drain the service's budget; so slowed it ends at 1,000 / 160 requests a second, with some left."""
    budget = Budget(None, 60_000, 0.0)
    left, now, sent = 60_000.0, 0.0, 0
    while now < 600:
        while (wait := budget.wait(now)) > 0:
            now += wait
            left = min(60_000.0, left + wait * 1000)
        sent += 1
        left -= 160
        assert left > 0, "refused"
        budget.settle(100, budget.take(100), 100.0)
        budget.told(Quotas(tokens=Quota(60_000, left, 1.0, 60_000)))
    assert sent >= 0.98 * 600 * 1000 / 160


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
