"""Whether an endpoint still serves the model that the run began with."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from sightbench.client.transport.endpoint import Endpoint
from sightbench.client.transport.models import ModelCard, difference, listed
from sightbench.sample import Failure
from sightbench.terminal import plain

EVERY = 256
"""Answers of one endpoint from one look at /models to the next."""

_LOOK_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 5.0


class SameModel:
    """Looks at /models at the start, after every sign of a reconnection, and every so many answers; and at
    the model's name in each answer. `changed` says in one line what is no longer the same, None: nothing."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.changed: str | None = None
        self._endpoint = endpoint
        self._model = model
        self._card: ModelCard | None = None
        self._listed = True
        self._name: str | None = None
        self._answers = 0
        self._doubts = 1
        self._settled = 0
        self._not_before = 0.0
        self._looking: asyncio.Task[bool] | None = None

    def doubt(self) -> None:
        """A connection was lost or refused: who answers from here on may be somebody else."""
        self._doubts += 1

    async def after(self, name: str | None) -> str | None:
        """`changed`, once an answer of the model called `name` (None: it does not say) has come. While there
        is doubt, waits for a look at /models."""
        if name is not None and name != self._name:
            if self._name is not None:
                self._differs(
                    f"its answers were by {plain(self._name, 200)!r} and are now by {plain(name, 200)!r}"
                )
            self._name = name
        self._answers += 1
        doubtful = self._doubts != self._settled
        if self._listed and (doubtful or self._answers % EVERY == 0):
            if self._looking is None and time.monotonic() >= self._not_before:
                self._looking = asyncio.create_task(self.look())
                self._looking.add_done_callback(self._looked)
            if doubtful and self._looking is not None:
                await asyncio.shield(self._looking)
        return self.changed

    async def look(self) -> bool:
        """Asks for /models; True if the server answers at all."""
        doubts = self._doubts
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                response = await self._endpoint.request("GET", self._endpoint.url("/models"))
        except (OSError, aiohttp.ClientError, TimeoutError, ValueError):
            return False
        if response.status >= 500:
            return False
        cards = listed(response.status, response.body)
        if isinstance(cards, Failure):
            # Refused or not listed: nothing can be compared, and the requests themselves will show the rest.
            self._listed = self._card is not None
        else:
            self._compare(cards)
        self._settled = doubts
        return True

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    def _compare(self, cards: tuple[ModelCard, ...]) -> None:
        card = next((card for card in cards if card.id == self._model), None)
        if self._card is None:
            self._card, self._listed = card, card is not None
        elif card is None:
            now = plain(", ".join(card.id for card in cards[:5]), 300) or "no model"
            self._differs(f"it no longer serves {self._model!r}; it serves: {now}")
        elif words := difference(self._card, card):
            self._differs(words)

    def _differs(self, words: str) -> None:
        self.changed = self.changed or (
            f"{self._endpoint.label} came back as another model ({words}); it is asked nothing more"
        )

    def _looked(self, look: asyncio.Task[bool]) -> None:
        self._looking = None
        if look.cancelled() or look.exception() is not None or not look.result():
            self._not_before = time.monotonic() + _LOOK_AGAIN_SECONDS
