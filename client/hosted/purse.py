"""A bound on what a run may cost: money is set aside before a request is sent, and settled after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from decimal import Decimal

from sightbench.client.body import Template
from sightbench.client.hosted.prices import dollars, prices
from sightbench.errors import UsageError
from sightbench.sample import Reply, Usage

Cost = Callable[[Usage, str | None, float], Decimal | None]
"""(tokens, tier, seconds since the epoch) -> US dollars."""


class Purse:
    """What is set aside is for the longest answer a request may get, so what is spent passes `limit` (None:
    there is none) by no more than prompts in flight are larger than guessed; the guesses learn. `spent` is
    what was spent before, `tier` what is asked for."""

    def __init__(
        self, limit: Decimal | None, cost: Cost, spent: Decimal = Decimal(0), tier: str | None = None
    ) -> None:
        self.limit = limit
        self._tier = tier
        self.spent = spent
        self._cost = cost
        self._aside = Decimal(0)
        self._refused: Decimal | None = None
        self._guessed = self._counted = 0
        self._settled = asyncio.Condition()

    async def take(self, prompt: int, answer: int) -> Decimal | None:
        """Sets money aside for one request (guessed prompt, longest answer), waiting for others to settle if
        it must; None when the rest is not enough for it."""
        if self.limit is None:
            return Decimal(0)
        async with self._settled:
            while True:
                amount = self.price(prompt, answer, self._tier)
                if self.spent + self._aside + amount <= self.limit:
                    self._aside += amount
                    return amount
                if not self._aside:
                    self._refused = amount
                    return None
                await self._settled.wait()

    def put_aside(self, prompt: int, answer: int, tier: str) -> bool:
        """Sets money aside for one request of a batch; False when the rest is not enough for it."""
        amount = self.price(prompt, answer, tier)
        if self.limit is not None and self.spent + self._aside + amount > self.limit:
            self._refused = amount
            return False
        self._aside += amount
        return True

    def price(self, prompt: int, answer: int, tier: str | None = None) -> Decimal:
        """What a request may cost at the most, by what was learned of guesses."""
        guess = prompt * self._counted // self._guessed if self._guessed else prompt
        usage, now = Usage(guess, answer, guess + answer), time.time()
        # A tier without a price of its own is not free.
        return self._cost(usage, tier, now) or self._cost(usage, None, now) or Decimal(0)

    def told(self) -> str:
        """How full it is and why it gave nothing for a request, for people."""
        if self.limit is None:
            return f"${dollars(self.spent)}"
        words = [f"${dollars(self.spent)} of ${dollars(self.limit)} are spent"]
        if self._aside:
            words.append(f"${dollars(self._aside)} are set aside for what was asked")
        if self._refused is not None:
            words.append(f"one more request may cost ${dollars(self._refused)} (--max-tokens bounds it)")
        return ", ".join(words)

    async def settle(self, aside: Decimal, guess: int, reply: Reply | None) -> None:
        """Puts what the reply cost in place of what was set aside: nothing for one that failed, all of it for
        one without token counts."""
        async with self._settled:
            self._aside -= aside
            if reply is not None and reply.status == "ok":
                charged = self._cost(reply.usage, reply.tier, reply.at)
                self.spent += aside if charged is None else charged
                if reply.usage.prompt_tokens:
                    self._guessed += guess
                    self._counted += reply.usage.prompt_tokens
            self._settled.notify_all()


def purse(template: Template, replies: Iterable[Reply]) -> Purse | None:
    """The purse of a run whose folder holds these replies already, which were paid; None where nothing costs.

    Raises UsageError for a bound and a model without a price: a bound on what nobody can count would be none.
    """
    settings = template.settings
    if settings.max_cost is None and not template.provider.hosted:
        return None
    table = prices(settings.price_file)

    def cost(usage: Usage, tier: str | None, at: float) -> Decimal | None:
        return table.cost(usage, template.provider.prices, settings.model, tier=tier, at=at)

    if settings.max_cost is not None and cost(Usage(1, 1, 2), None, time.time()) is None:
        raise UsageError(
            f"--max-cost: {table.version} has no price for {settings.model}; give one with --prices FILE"
        )
    paid = (reply for reply in replies if reply.status == "ok" and not reply.reused)
    spent = sum((cost(reply.usage, reply.tier, reply.at) or Decimal(0) for reply in paid), Decimal(0))
    limit = None if settings.max_cost is None else Decimal(str(settings.max_cost))
    return Purse(limit, cost, spent, settings.service_tier)
