"""How fast requests may go out: budgets per minute, and how many may be in flight at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from asyncio_throttle.throttler import Throttler

_BURST_SECONDS = 0.25
"""A budget per minute is spent evenly: no more than a quarter of a second of it at once."""

_START = 8
_PAYS = 1.1
_CUT = 0.7
_STRAY = 0.05
_WINDOW = 64
_ROUNDS_BETWEEN_TRIALS = 8


class Pace:
    """Requests and tokens per minute. One request at a time stands at the gate, in order of arrival:
    a crowd of waiters, each polling, would cost more than the requests themselves.

    Tokens are guessed before and corrected after: a request may pass while the account is not in debt,
    and the guesses follow what the server counts.
    """

    def __init__(
        self, rpm: float | None, tpm: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gate = asyncio.Lock()
        self._turn: Callable[[], Awaitable[None]] | None = None
        if rpm:
            burst = max(1, int(rpm / 60 * _BURST_SECONDS))
            period = burst * 60 / rpm
            self._turn = Throttler(burst, period, retry_interval=min(0.05, period / 50)).acquire
        self._tokens_per_s = tpm / 60 if tpm else None
        self._clock = clock
        self._account = 0.0
        self._at = clock()
        self._ratio = 1.0

    @property
    def free(self) -> bool:
        """True when there is no budget at all, so that nobody has to stand in line."""
        return self._turn is None and self._tokens_per_s is None

    async def acquire(self, guess: int) -> float:
        """Waits for a turn; returns the tokens charged for it, to be handed to `settle`."""
        async with self._gate:
            if self._turn is not None:
                await self._turn()
            if self._tokens_per_s is None:
                return 0.0
            if self._level() < 0:
                await asyncio.sleep(-self._account / self._tokens_per_s)
            charged = guess * self._ratio
            self._account -= charged
            return charged

    def settle(self, guess: int, charged: float, used: float | None) -> None:
        """Corrects the account by what the request really used; None: nothing was used (it failed)."""
        if self._tokens_per_s is None:
            return
        self._account += charged - (used or 0.0)
        if used and guess:
            self._ratio += 0.1 * (used / guess - self._ratio)

    def _level(self) -> float:
        assert self._tokens_per_s is not None
        now = self._clock()
        earned = (now - self._at) * self._tokens_per_s
        self._account = min(self._account + earned, self._tokens_per_s * _BURST_SECONDS)
        self._at = now
        return self._account


class Fixed:
    """A number of requests in flight that the user chose: nothing moves it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def answered(self, now: float, in_flight: int) -> None:
        pass

    def overloaded(self, now: float, wait: float | None) -> None:
        pass

    def queued(self, running: float, waiting: float) -> None:
        pass


class Adaptive:
    """How many requests in flight one endpoint bears, found by trying.

    A round is as many answers as may be in flight. Slow start: the limit doubles after each round that
    used it, as long as the answers per second grow with it (a server with an endless queue says nothing
    but that). Then, now and then, a twentieth more is tried for a round and kept if it pays. Overload
    (429, 503, no connection) takes away the share of requests that is refused, at most three tenths in an
    episode (a round, and a second), and is crept back from; under a twentieth refused is no overload, since
    servers that are not full stray too. A server that reports a queue stops the growth, and one whose queue
    is longer than what it runs is given less.
    """

    def __init__(self, ceiling: int, start: int = _START) -> None:
        self.limit = min(start, ceiling)
        self._ceiling = ceiling
        self._slow_start = True
        self._rate = 0.0
        self._before_trial: int | None = None
        self._rounds_to_trial = 1
        self._done = 0
        self._peak = 0
        self._since: float | None = None
        self._queue = False
        self._refused = 0.0
        self._seen = ceiling
        self._before_episode = 0
        self._episode_ends = 0.0
        self._hold_until = 0.0

    def answered(self, now: float, in_flight: int) -> None:
        """One more answer, while `in_flight` (this one included) were under way."""
        if self._since is None:
            self._since = now
            return
        self._refused -= self._refused / max(self.limit, _WINDOW)
        self._seen += 1
        self._done += 1
        self._peak = max(self._peak, in_flight)
        if self._done < self.limit:
            return
        rate = self._done / max(now - self._since, 1e-9)
        used = self._peak >= 0.8 * self.limit
        self._done, self._peak, self._since = 0, 0, now
        if not used or now < self._hold_until or self._queue:
            return
        if self._slow_start:
            self._double(rate)
        else:
            self._creep(rate)

    def _double(self, rate: float) -> None:
        if rate >= _PAYS * self._rate:
            self._rate, self.limit = rate, min(self._ceiling, self.limit * 2)
        else:
            self._slow_start = False
            self.limit = max(1, self.limit // 2)

    def _creep(self, rate: float) -> None:
        if self.limit < self._before_episode:
            self.limit = min(self._before_episode, self.limit + max(1, self.limit // 20))
        elif self._before_trial is None:
            self._rate = rate
            self._rounds_to_trial -= 1
            if self._rounds_to_trial <= 0:
                self._before_trial = self.limit
                self.limit = min(self._ceiling, self.limit + max(1, self.limit // 20))
        else:
            gain = self.limit / self._before_trial - 1
            if rate >= self._rate * (1 + gain / 2):
                self._rate, self._rounds_to_trial = rate, 1
            else:
                self.limit, self._rounds_to_trial = self._before_trial, _ROUNDS_BETWEEN_TRIALS
            self._before_trial = None

    def overloaded(self, now: float, wait: float | None) -> None:
        """The server said it is too much; `wait` is what it asked for."""
        self._refused += (1 - self._refused) / max(self.limit, _WINDOW)
        self._seen += 1
        if wait:
            self._hold_until = max(self._hold_until, now + wait)
        if self._refused <= _STRAY:
            return
        if now >= self._episode_ends and self._seen >= self.limit:
            self._seen = 0
            self._episode_ends = now + max(1.0, wait or 0.0)
            self._before_episode = self.limit
            self._slow_start = False
            self._before_trial, self._rounds_to_trial = None, 1
            self._done, self._peak, self._since = 0, 0, now
        kept = max(_CUT, 1 - self._refused)
        self.limit = max(1, min(self.limit, int(self._before_episode * kept)))

    def queued(self, running: float, waiting: float) -> None:
        """What the server's own gauges say."""
        self._queue = waiting > 0
        if waiting > max(running, 1.0):
            self._slow_start = False
            self._before_trial, self._rounds_to_trial = None, 1
            self.limit = max(1, int(self.limit * _CUT))


Controller = Fixed | Adaptive
