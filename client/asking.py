"""One sample after the other: from a request to an answer or an error in the journal."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

from sightbench.client.body import Body, Message, Template, answer, body, prompt
from sightbench.client.endpoint import Completion
from sightbench.client.failures import explain
from sightbench.client.journal import Journal
from sightbench.client.limits import Pace
from sightbench.client.media import MediaCache, MediaError
from sightbench.client.order import Unit
from sightbench.client.pool import Member, open_pool
from sightbench.client.progress import Progress
from sightbench.client.retry import decide
from sightbench.errors import EndpointError
from sightbench.sample import Failure, Reply, Sample


class Asker:
    """Asks units of samples, several at once; each sample ends as a line in the journal, unless the run
    stops first.

    `stopping` is set when nothing new is to be sent. `on_budget` is called with one line once the tokens
    of the run are spent.
    """

    def __init__(self, template: Template, journal: Journal, on_budget: Callable[[str], None]) -> None:
        self.counts = Progress(started=time.monotonic())
        self.pool = open_pool(template.settings, template.provider)
        self.stopping = False
        self._template = template
        self._settings = template.settings
        self._journal = journal
        self._answered = journal.index()
        self._media = MediaCache(template.plan)
        self._pace = Pace(template.settings.rpm, template.settings.tpm)
        self._on_budget = on_budget

    async def close(self) -> None:
        self._media.close()
        await self.pool.close()

    async def ask(self, unit: Unit) -> None:
        """Asks the unit's samples in sequence, each with the ones before as its history.

        Raises EndpointError when the run cannot go on, RunFolderError when a reply cannot be written.
        """
        history: tuple[Message, ...] = ()
        broken: str | None = None
        for position, sample in enumerate(unit):
            if self.stopping:
                return
            if position == 0 and sample.follows is not None:
                broken = sample.follows
            if broken is not None:
                failure = Failure(
                    "conversation_broken", f"there is no answer to {broken}, which comes before"
                )
                self._write(self._failed(sample, "", failure))
                broken = sample.id
                continue
            try:
                turn = await prompt(self._template, self._media, sample, first=not history)
            except MediaError as error:
                self._write(self._failed(sample, "", Failure("media", str(error))))
                broken = sample.id
                continue
            request = body(self._template, sample, turn, history)
            reply = self._kept(sample, request, needed=position + 1 < len(unit))
            if reply is None:
                reply = await self._answer(sample, request, unit[0].affinity)
                if reply is None:
                    return
                self._write(reply)
            if reply.status != "ok":
                broken = sample.id
            elif position + 1 < len(unit):
                history = (*history, *turn.messages, answer(reply.text or ""))

    def _kept(self, sample: Sample, request: Body, *, needed: bool) -> Reply | None:
        """The answer the journal has to exactly this request."""
        place = self._answered.get(sample.id)
        if place is None or not place.ok or place.fingerprint != request.fingerprint.encode():
            return None
        self.counts.kept += 1
        return self._journal.at(place) if needed else Reply(sample.id, request.fingerprint, "ok")

    async def _answer(self, sample: Sample, request: Body, affinity: str) -> Reply | None:
        """Asks until there is an answer or no more sense in asking; None when the run is stopping."""
        counts, settings = self.counts, self._settings
        headers = _sticky(affinity)
        masks = sample.wants == "masks"
        tries = 0
        avoid: Member | None = None
        while True:
            charged = 0.0 if self._pace.free else await self._pace.acquire(request.tokens)
            member = await self.pool.acquire(affinity, avoid)
            if self.stopping:
                self.pool.release(member, None)
                return None
            tries += 1
            counts.in_flight += 1
            attempt = None
            try:
                attempt = await member.endpoint.ask(request.fragments, request.size, headers, masks=masks)
            finally:
                counts.in_flight -= 1
                self.pool.release(member, attempt)
            result = attempt.result
            if isinstance(result, Completion):
                used = _total(result)
                self._pace.settle(request.tokens, charged, used)
                self._spend(used)
                return Reply(
                    sample=sample.id,
                    fingerprint=request.fingerprint,
                    status="ok",
                    text=result.text,
                    reasoning=result.reasoning,
                    masks=result.masks,
                    refusal=result.refusal,
                    finish_reason=result.finish_reason,
                    usage=result.usage,
                    latency_s=round(attempt.seconds, 4),
                    attempts=tries,
                    endpoint=member.endpoint.label,
                    at=round(time.time(), 3),
                    sent=request.sent,
                )
            self._pace.settle(request.tokens, charged, None)
            decision = decide(
                result,
                tries,
                settings.attempts,
                retry_after=attempt.retry_after,
                remaining=self._remaining(),
            )
            if decision.action == "again" and decision.delay > settings.patience:
                raise EndpointError(
                    f"{member.endpoint.label} asks to wait {decision.delay:.0f} s ({result.message}); "
                    "start the same run again then"
                )
            if decision.action != "again":
                reply = self._failed(sample, request.fingerprint, result, tries, attempt.seconds)
                reply = replace(reply, endpoint=member.endpoint.label, sent=request.sent)
                if decision.action == "stop":
                    self._write(reply)
                    raise EndpointError(explain(member.endpoint.label, result, settings.model))
                return reply
            if self.stopping:
                return None
            counts.retries += 1
            avoid = member
            if decision.delay:
                await asyncio.sleep(decision.delay)

    def _failed(
        self, sample: Sample, fingerprint: str, failure: Failure, attempts: int = 0, seconds: float = 0.0
    ) -> Reply:
        return Reply(
            sample=sample.id,
            fingerprint=fingerprint,
            status="error",
            error=failure,
            attempts=attempts,
            latency_s=round(seconds, 4),
            at=round(time.time(), 3),
        )

    def _write(self, reply: Reply) -> None:
        self._journal.append(reply)
        if reply.status == "ok":
            self.counts.answered += 1
        else:
            self.counts.failed += 1

    def _spend(self, tokens: int | None) -> None:
        self.counts.tokens += tokens or 0
        budget = self._settings.max_tokens_total
        if budget is not None and self.counts.tokens >= budget:
            self._on_budget(f"the budget of {budget} tokens is spent")

    def _remaining(self) -> float | None:
        if self._settings.deadline is None:
            return None
        return self._settings.deadline - (time.monotonic() - self.counts.started)


def _sticky(affinity: str) -> dict[str, str]:
    """What routers in front of several servers keep a video's questions together by."""
    name = hashlib.blake2b(affinity.encode(), digest_size=8).hexdigest()
    return {"X-Session-ID": name, "X-SMG-Routing-Key": name}


def _total(result: Completion) -> int | None:
    total = result.usage.get("total_tokens")
    return total if isinstance(total, int) else None
