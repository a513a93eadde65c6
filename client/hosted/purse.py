"""A bound on what a run may cost: money is set aside before a request is sent, and settled after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

from sightbench.client.body import Template
from sightbench.client.hosted.prices import prices
from sightbench.errors import UsageError
from sightbench.sample import Reply, Usage

Cost = Callable[[Usage, str | None], Decimal | None]
"""(tokens, tier) -> US dollars."""


class Purse:
    """What is set aside is for the longest answer a request may get, so what is spent passes `limit` by no
    more than prompts in flight are larger than guessed; the guesses learn."""

    def __init__(self, limit: Decimal, cost: Cost) -> None:
        self.limit = limit
        self.spent = Decimal(0)
        self._cost = cost
        self._aside = Decimal(0)
        self._guessed = self._counted = 0
        self._settled = asyncio.Condition()

    async def take(self, prompt: int, answer: int) -> Decimal | None:
        """Sets money aside for one request (guessed prompt, longest answer), waiting for others to settle if
        it must; None when the rest is not enough for it."""
        async with self._settled:
            while True:
                guess = prompt * self._counted // self._guessed if self._guessed else prompt
                amount = self._cost(Usage(guess, answer, guess + answer), None) or Decimal(0)
                if self.spent + self._aside + amount <= self.limit:
                    self._aside += amount
                    return amount
                if not self._aside:
                    return None
                await self._settled.wait()

    async def settle(self, aside: Decimal, guess: int, reply: Reply | None) -> None:
        """Puts what the reply cost in place of what was set aside: nothing for one that failed, all of it for
        one without token counts."""
        async with self._settled:
            self._aside -= aside
            if reply is not None and reply.status == "ok":
                charged = self._cost(reply.usage, reply.tier)
                self.spent += aside if charged is None else charged
                if reply.usage.prompt_tokens:
                    self._guessed += guess
                    self._counted += reply.usage.prompt_tokens
            self._settled.notify_all()


def purse(template: Template) -> Purse | None:
    """The purse of a run, None without a bound. UsageError for a model without a price: a bound on what
    nobody can count would be none."""
    settings = template.settings
    if settings.max_cost is None:
        return None
    table = prices(settings.price_file)

    def cost(usage: Usage, tier: str | None) -> Decimal | None:
        where = template.provider.prices
        return table.cost(usage, where, settings.model, tier=tier, at=time.time())

    if cost(Usage(1, 1, 2), None) is None:
        raise UsageError(
            f"--max-cost: {table.version} has no price for {settings.model}; give one with --prices FILE"
        )
    return Purse(Decimal(str(settings.max_cost)), cost)
