"""How fast requests may go out: budgets per minute, and how many may be in flight at once."""

from __future__ import annotations

from sightbench.client.transport.quota import Quota, Quotas

_BURST_SECONDS = 0.25
"""A budget per minute is spent evenly: no more than a quarter of a second of it at once."""

_CREDIT_SECONDS = 0.5
_CATCH_UP = 1.25
"""After a stall up to half a second is made up for, at five quarters of the pace: a service that counts by
the second then still bears half a second of jitter on the way to it."""

_CRUMB = 1e-6
_LITTLE = 0.2
_SLOWEST = 0.05

_START = 8
_PAYS = 1.1
_CUT = 0.7
_STRAY = 0.05
_WINDOW = 64
_ROUNDS_BETWEEN_TRIALS = 8


class _Bucket:
    """What may be spent now. Fills evenly; what a stall of ours left unused is made up for, in part and not
    at once: services that enforce a minute's budget by the second let that through."""

    def __init__(self, per_minute: float | None, now: float, level: float = 0.0) -> None:
        self.per_minute = self._given = per_minute
        self.brake = 1.0
        self._level = self._burst = level
        self._at = now

    def wait(self, need: float, now: float) -> float:
        """Seconds until it holds `need`."""
        if self.per_minute is None:
            return 0.0
        even = self.per_minute / 60
        rate, passed = even * self.brake, now - self._at
        self._at = now
        self._level = min(max(need, even * _CREDIT_SECONDS), self._level + passed * rate)
        self._burst = min(max(need, even * _BURST_SECONDS), self._burst + passed * rate * _CATCH_UP)
        missing = max((need - self._level) / rate, (need - self._burst) / (rate * _CATCH_UP))
        return missing if missing > _CRUMB else 0.0

    def take(self, amount: float) -> float:
        """Spends what there is, or more; returns what was charged, nothing where there is no budget."""
        if self.per_minute is None:
            return 0.0
        self._level -= amount
        self._burst -= amount
        return amount

    def told(self, quota: Quota | None, other: Quota | None = None) -> None:
        """Never faster than the service says (`quota`), and slower in proportion once little of its budgets
        is left."""
        shares = [one.left for one in (quota, other) if one is not None and one.per_minute]
        if shares:
            self.brake = min(1.0, max(_SLOWEST, min(shares) / _LITTLE))
        if quota is not None and quota.per_minute:
            self.per_minute = min(quota.per_minute, self._given or quota.per_minute)


class Budget:
    """Requests and tokens per minute, for one endpoint or the whole run; None: as many as it takes.

    Tokens are guessed before and corrected after: a request may go while the account is not in debt, and the
    guesses follow what the server counts. What a service says of its own budgets (`told`) goes before: its
    limits where they are lower or none were given, and its own count, so that where it counts otherwise than
    we do the pace falls before anything is refused.
    """

    def __init__(self, rpm: float | None, tpm: float | None, now: float) -> None:
        self._requests = _Bucket(rpm, now, 1.0)
        self._tokens = _Bucket(tpm, now)
        self._ratio = 1.0

    def wait(self, now: float) -> float:
        """Seconds until a request may go; 0.0: now."""
        return max(self._requests.wait(1.0, now), self._tokens.wait(0.0, now))

    def take(self, guess: int) -> float:
        """Charges a request of about `guess` tokens; returns the tokens charged, to be handed to `settle`."""
        self._requests.take(1.0)
        return self._tokens.take(guess * self._ratio)

    def settle(self, guess: int, charged: float, used: float | None) -> None:
        """Corrects the account by what the request really used."""
        if used is None:
            return
        self._tokens.take(used - charged)
        if used and guess:
            self._ratio += 0.1 * (used / guess - self._ratio)

    def told(self, quotas: Quotas) -> None:
        """What the service says of its budgets."""
        self._requests.told(quotas.requests)
        self._tokens.told(quotas.tokens, quotas.output)


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
