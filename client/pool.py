"""Several endpoints that serve one model: who gets the next request, who is alive.

A video's questions go to one endpoint (rendezvous hash), whose caches then know it; when that one is much
busier than the others, is full, paused or dead, the least busy one takes over.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from sightbench.client.limits import Adaptive, Budget, Controller, Fixed
from sightbench.client.progress import clock
from sightbench.client.providers import Provider
from sightbench.client.settings import Settings
from sightbench.client.transport.completion import Completion
from sightbench.client.transport.endpoint import Attempt, Endpoint
from sightbench.client.transport.failures import kind
from sightbench.client.transport.opening import opened
from sightbench.client.transport.same_model import SameModel
from sightbench.errors import EndpointError
from sightbench.sample import Failure

log = logging.getLogger("sightbench.client")

_SUSPECT_AFTER = 3
_PROBE_EVERY = 1.0
_UNANSWERED = 3
_METRICS_EVERY = 2.0


@dataclass(slots=True, eq=False)
class Member:
    """One endpoint of the pool and what is known of it."""

    endpoint: Endpoint
    weight: float
    controller: Controller
    same_model: SameModel
    budget: Budget = field(default_factory=lambda: Budget(None, None, 0.0))
    in_flight: int = 0
    failures: int = 0
    unreached: bool = False
    alive: bool = True
    retired: bool = False
    paused_until: float = 0.0
    check: asyncio.Task[None] | None = None
    watch: asyncio.Task[None] | None = None

    def free(self, now: float) -> bool:
        return self.wait(now) <= 0

    def wait(self, now: float) -> float:
        """Seconds until it may have another request, infinite where that is not up to the clock."""
        if not self.alive or self.in_flight >= self.controller.limit:
            return math.inf
        return max(self.paused_until - now, self.budget.wait(now))

    @property
    def load(self) -> float:
        return self.in_flight / self.weight


@dataclass(frozen=True, slots=True)
class Turn:
    """One request at `member`: its `tokens` as they were guessed, and what the budgets were charged."""

    member: Member
    tokens: int = 0
    charged: float = 0.0
    charged_run: float = 0.0


@dataclass(slots=True)
class _Waiter:
    affinity: str
    avoid: Member | None
    tokens: int
    turn: asyncio.Future[Turn] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Pool:
    """Hands out endpoints; `acquire` waits until one may have another request, `release` says how it went.

    `budget` is that of the run as a whole, beside those of the members.
    """

    def __init__(
        self, members: Sequence[Member], provider: Provider, patience: float, budget: Budget | None = None
    ) -> None:
        self.members = tuple(members)
        self._budget = budget or Budget(None, None, 0.0)
        self._alarm: asyncio.TimerHandle | None = None
        self._provider = provider
        self._patience = patience
        self._waiters: deque[_Waiter] = deque()
        self._down_since: float | None = None
        self._given_up: EndpointError | None = None
        for member in self.members:
            if isinstance(member.controller, Adaptive) and provider.waiting:
                member.watch = asyncio.create_task(self._watch(member))

    @property
    def capacity(self) -> int:
        """How many requests may be in flight over all endpoints."""
        return sum(member.controller.limit for member in self.members)

    async def acquire(self, affinity: str, avoid: Member | None = None, tokens: int = 0) -> Turn:
        """An endpoint for a request of about `tokens` about `affinity`, another than `avoid` where there is
        one.

        Raises EndpointError once all of them have been dead for longer than the pool's patience.
        """
        if self._given_up is not None:
            raise self._given_up
        member = None if self._waiters else self._pick(affinity, avoid)
        if member is not None:
            return self._begin(member, tokens)
        waiter = _Waiter(affinity, avoid, tokens)
        self._waiters.append(waiter)
        self._wake()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                waiter.turn.result().member.in_flight -= 1
                self._serve()
            raise

    def release(self, turn: Turn, attempt: Attempt | None) -> None:
        """The request is over; `attempt` None: it was given up by us, which says nothing about the server."""
        now = time.monotonic()
        member = turn.member
        in_flight = member.in_flight
        member.in_flight -= 1
        if attempt is not None:
            self._settle(turn, attempt)
            self._learn(member, attempt, in_flight, now)
        if self._waiters:
            self._serve()

    async def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        tasks = [task for member in self.members for task in (member.check, member.watch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in self.members:
            member.same_model.close()
        await asyncio.gather(*(member.endpoint.close() for member in self.members))

    def retire(self, member: Member) -> None:
        """The endpoint serves another model now: it gets nothing more. The last one ends the run."""
        if member.retired:
            return
        member.alive, member.retired = False, True
        why = member.same_model.changed or f"{member.endpoint.label} is asked nothing more"
        if all(other.retired for other in self.members):
            self._give_up(why)
        else:
            log.warning("%s", why)

    def waiting(self) -> str | None:
        """Why no endpoint may be asked at the moment, and for how long; None when one may."""
        now = time.monotonic()
        if any(member.alive and now >= member.paused_until for member in self.members):
            return None
        paused = [member for member in self.members if member.alive]
        if not paused:
            seconds = 0.0 if self._down_since is None else now - self._down_since
            return f"no endpoint answers, for {clock(seconds)} of {clock(self._patience)}"
        first = min(paused, key=lambda member: member.paused_until)
        return f"{first.endpoint.label} asks to wait another {clock(first.paused_until - now)}"

    def _learn(self, member: Member, attempt: Attempt, in_flight: int, now: float) -> None:
        failure = attempt.result if isinstance(attempt.result, Failure) else None
        known = None if failure is None else kind(failure)
        wait = attempt.retry_after
        if wait and (wait <= self._patience if known is None else known.overload):
            # With a good answer a longer wait is not believed: if it is true, the next request is refused.
            # A little later than asked, so that several clients do not all come back in one moment.
            self._pause(member, wait * (1 + 0.25 * random.random()), now)
        if known is None or not known.suspect:
            member.failures, member.unreached = 0, False
        if known is None:
            member.controller.answered(now, in_flight)
            return
        if known.overload:
            member.controller.overloaded(now, wait)
        if known.suspect:
            member.same_model.doubt()
            member.failures += 1
            member.unreached = member.unreached or known.unreached
            if (
                member.check is None
                and not member.retired
                and (member.unreached or member.failures >= _SUSPECT_AFTER)
            ):
                member.check = asyncio.create_task(self._check(member))

    def _begin(self, member: Member, tokens: int) -> Turn:
        member.in_flight += 1
        return Turn(member, tokens, member.budget.take(tokens), self._budget.take(tokens))

    def _settle(self, turn: Turn, attempt: Attempt) -> None:
        """What the request really used: nothing if it failed, what was guessed where nobody says."""
        used: float | None = 0.0
        if isinstance(attempt.result, Completion):
            used = attempt.result.usage.total_tokens
        turn.member.budget.settle(turn.tokens, turn.charged, used)
        self._budget.settle(turn.tokens, turn.charged_run, used)
        if attempt.quotas is not None:
            turn.member.budget.told(attempt.quotas)

    def _pick(self, affinity: str, avoid: Member | None) -> Member | None:
        now = time.monotonic()
        if self._budget.wait(now) > 0:
            return None
        free = [member for member in self.members if member.free(now)]
        if not free:
            return None
        if len(free) > 1 and avoid is not None:
            free = [member for member in free if member is not avoid]
        if len(free) == 1:
            return free[0]
        preferred = max(self.members, key=lambda member: _rank(affinity, member))
        alive = [member for member in self.members if member.alive]
        mean = sum(member.in_flight for member in alive) / sum(member.weight for member in alive)
        if preferred in free and preferred.load <= 2 * mean + 1 / preferred.weight:
            return preferred
        return min(free, key=lambda member: (member.load, -_rank(affinity, member)))

    def _serve(self) -> None:
        while self._waiters:
            waiter = self._waiters[0]
            if waiter.turn.done():
                self._waiters.popleft()
                continue
            member = self._pick(waiter.affinity, waiter.avoid)
            if member is None:
                self._wake()
                return
            self._waiters.popleft()
            waiter.turn.set_result(self._begin(member, waiter.tokens))

    def _wake(self) -> None:
        """Serves the waiters again when the first pause or budget lets a request through."""
        now = time.monotonic()
        seconds = max(self._budget.wait(now), min(member.wait(now) for member in self.members))
        if not math.isfinite(seconds):
            # An answer, or an endpoint that is back, will serve them.
            return
        loop = asyncio.get_running_loop()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_later(max(seconds, 0.001), self._serve)

    def _pause(self, member: Member, seconds: float, now: float) -> None:
        member.paused_until = max(member.paused_until, now + seconds)

    async def _check(self, member: Member) -> None:
        """Asks a suspect whether it lives; when it does not, it gets no requests until it does. One that
        refuses connections is asked once, one that only fails three times."""
        unanswered = 0
        try:
            while not await member.same_model.look():
                unanswered += 1
                if member.alive and member.failures == 0:
                    break
                if member.alive and unanswered >= (1 if member.unreached else _UNANSWERED):
                    member.alive = False
                    log.warning("%s does not answer; asking it again every second", member.endpoint.label)
                if not member.alive:
                    self._watch_patience()
                await asyncio.sleep(_PROBE_EVERY / (1 if not member.alive else 10))
            if member.same_model.changed is not None:
                self.retire(member)
            elif not member.alive:
                member.alive = True
                log.warning("%s is back", member.endpoint.label)
            member.failures, member.unreached = 0, False
            self._down_since = None
        finally:
            member.check = None
            self._serve()

    def _watch_patience(self) -> None:
        if any(member.alive for member in self.members):
            self._down_since = None
            return
        now = time.monotonic()
        if self._down_since is None:
            self._down_since = now
        if now - self._down_since < self._patience:
            return
        names = ", ".join(member.endpoint.label for member in self.members)
        self._give_up(f"no endpoint has answered for {self._patience:g} s: {names}")

    def _give_up(self, why: str) -> None:
        self._given_up = EndpointError(why)
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.turn.done():
                waiter.turn.set_exception(self._given_up)

    async def _watch(self, member: Member) -> None:
        """Follows the server's own gauges of running and waiting requests."""
        url = member.endpoint.root("/metrics")
        while True:
            await asyncio.sleep(_METRICS_EVERY)
            try:
                response = await member.endpoint.request("GET", url)
            except (OSError, aiohttp.ClientError, TimeoutError, ValueError):
                continue
            if response.status != 200:
                return
            gauges = gauge_sums(response.body.decode(errors="replace"))
            waiting = gauges.get(self._provider.waiting or "")
            if waiting is not None:
                member.controller.queued(gauges.get(self._provider.running or "", 0.0), waiting)


def open_pool(
    settings: Settings, provider: Provider, on_stray: Callable[[Sequence[str]], None] = lambda names: None
) -> Pool:
    """Connections to every endpoint of the settings; nothing is sent yet. `on_stray`: see Endpoint."""
    now = time.monotonic()
    members = []
    for target in settings.endpoints:
        endpoint = opened(settings, target, provider=provider, on_stray=on_stray)
        limit = (
            Adaptive(settings.max_concurrency)
            if settings.concurrency == "auto"
            else Fixed(max(1, settings.concurrency))
        )
        own = Budget(target.rpm, target.tpm, now)
        members.append(Member(endpoint, target.weight, limit, SameModel(endpoint, settings.model), own))
    run = Budget(settings.rpm, settings.tpm, now)
    return Pool(members, provider, settings.patience, run)


def gauge_sums(text: str) -> Mapping[str, float]:
    """Prometheus text -> the value of each metric, summed over its labels (one per engine)."""
    sums: dict[str, float] = {}
    for name, value in _GAUGE.findall(text):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sums


_GAUGE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})? ([-+0-9.eE]+)", re.MULTILINE)


def _rank(affinity: str, member: Member) -> float:
    """The member's draw for this affinity: the highest gets it, in proportion to the weights."""
    digest = hashlib.blake2b(f"{affinity}\0{member.endpoint.label}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -member.weight / math.log(uniform)
