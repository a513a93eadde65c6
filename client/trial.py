"""A refusal that every request would meet is told from one that belongs to a sample (a moderation 403, say)
by a request that nobody could object to."""

from __future__ import annotations

import asyncio
import math
import time

from sightbench.client.body import Template
from sightbench.client.dialects.messages import Message
from sightbench.client.hosted.negotiation import apply
from sightbench.client.transport.endpoint import Endpoint
from sightbench.client.transport.failures import kind
from sightbench.sample import Failure

_OWN = (401, 402, 403, 404)


class Trials:
    """Trial requests to the endpoints of a run, one at a time each."""

    def __init__(self, template: Template) -> None:
        limit = {"model": template.settings.model, template.provider.token_limit: 1}
        fragments = template.dialect.request(
            (Message("user", "Hi"),), apply(template.settings.changes, limit)
        )
        self._body = b"".join(fragment.data for fragment in fragments)
        self._running: dict[Endpoint, asyncio.Task[Failure | None]] = {}
        self._passed: dict[Endpoint, float] = {}

    async def refused(self, endpoint: Endpoint, failure: Failure, sent: float) -> bool:
        """Whether a request about nothing at all is refused as well, so that the failure is nobody's own.

        It counts only if it was made after the one that failed (`sent`, on the monotonic clock).
        """
        if not kind(failure).may_be_own or failure.http_status not in _OWN:
            return True
        while self._passed.get(endpoint, -math.inf) < sent:
            running = self._running.get(endpoint)
            if running is None:
                running = self._running[endpoint] = asyncio.create_task(self._try(endpoint))
            if await asyncio.shield(running) is not None:
                return True
        return False

    async def _try(self, endpoint: Endpoint) -> Failure | None:
        """The refusal; None for an answer, or a failure that says nothing about key, model or account."""
        started = time.monotonic()
        try:
            result = (await endpoint.ask((self._body,), len(self._body), {})).result
        finally:
            del self._running[endpoint]
        if isinstance(result, Failure) and kind(result).stops:
            return result
        self._passed[endpoint] = started
        return None
