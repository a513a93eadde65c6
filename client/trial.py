"""A refusal that every request would meet is told from one that belongs to a sample (a moderation 403, say)
by a request that nobody could object to."""

from __future__ import annotations

import asyncio
import time

import orjson

from sightbench.client.completion import Completion
from sightbench.client.endpoint import Endpoint
from sightbench.client.failures import kind
from sightbench.sample import Failure

_OWN = (401, 402, 403, 404)
_GOOD_FOR_SECONDS = 1.0


class Trials:
    """Trial requests to the endpoints of a run, one at a time each."""

    def __init__(self, model: str, token_limit: str) -> None:
        hi = [{"role": "user", "content": "Hi"}]
        self._body = orjson.dumps({"model": model, "messages": hi, token_limit: 1})
        self._running: dict[Endpoint, asyncio.Task[Failure | None]] = {}
        self._passed: dict[Endpoint, float] = {}

    async def refused(self, endpoint: Endpoint, failure: Failure) -> bool:
        """Whether a request about nothing at all is refused as well, so that the failure is nobody's own."""
        if not kind(failure).may_be_own or failure.http_status not in _OWN:
            return True
        if time.monotonic() < self._passed.get(endpoint, 0.0):
            return False
        running = self._running.get(endpoint)
        if running is None:
            running = self._running[endpoint] = asyncio.create_task(self._try(endpoint))
        return await asyncio.shield(running) is not None

    async def _try(self, endpoint: Endpoint) -> Failure | None:
        """The refusal; None for an answer, or a failure that says nothing about key, model or account."""
        try:
            result = (await endpoint.ask((self._body,), len(self._body), {})).result
        finally:
            del self._running[endpoint]
        if isinstance(result, Completion) or not kind(result).stops:
            self._passed[endpoint] = time.monotonic() + _GOOD_FOR_SECONDS
            return None
        return result
