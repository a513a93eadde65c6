"""One sample after the other: from a request to an answer or an error in the journal."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sightbench.client.body import Body, Template, answer, body, misfit, prompt
from sightbench.client.dialects.messages import Message
from sightbench.client.hosted.purse import purse
from sightbench.client.hosted.uploads import uploads
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache, MediaError
from sightbench.client.order import Unit
from sightbench.client.pool import Member, Turn, open_pool
from sightbench.client.progress import Progress
from sightbench.client.store import Store
from sightbench.client.transport.completion import Completion
from sightbench.client.transport.endpoint import Attempt
from sightbench.client.transport.failures import TAKEN_BACK, explain
from sightbench.client.transport.retry import decide
from sightbench.client.trial import Trials
from sightbench.errors import EndpointError, RunFolderError
from sightbench.sample import Failure, Reply, Sample


class Asker:
    """Asks units of samples, several at once; each sample ends as a line in the journal, unless the run
    stops first.

    `stopping` is set when nothing new is to be sent. `on_stop` is called with one line once the tokens of the
    run are spent, or the journal cannot be written any more.
    """

    def __init__(
        self, template: Template, journal: Journal, store: Store, on_stop: Callable[[str], None]
    ) -> None:
        self._purse = purse(template, journal)
        self._uploads = uploads(template.settings, journal.path.parent)
        self.counts = Progress(started=time.monotonic())
        if self._purse is not None:
            self.counts.dollars = self._purse.spent
        self.pool = open_pool(template.settings, template.provider, self._take_back)
        self.stopping = False
        self._template = template
        self._settings = template.settings
        self._journal = journal
        self._store = store
        self._answered = journal.index()
        self._media = MediaCache(template.plan, upload=self._uploads.uri if self._uploads else None)
        self._trials = Trials(template)
        self._on_stop = on_stop

    async def close(self) -> None:
        self._media.close()
        try:
            if self._uploads is not None:
                await self._uploads.close()
        finally:
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
            unfit = misfit(self._template.provider, request)
            if unfit is not None:
                self._write(self._failed(sample, request.fingerprint, unfit))
                broken = sample.id
                continue
            reply = self._kept(sample, request, needed=position + 1 < len(unit))
            if reply is None:
                reply = self._reused(sample, request)
            if reply is None:
                reply = await self._afforded(sample, request, unit[0].affinity)
                if reply is None:
                    return
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

    def _reused(self, sample: Sample, request: Body) -> Reply | None:
        """The answer an earlier run has to exactly this request, now also in this journal."""
        reply = self._store.take(sample.id, request.fingerprint)
        if reply is not None:
            self._journal.append(reply)
            self.counts.reused += 1
        return reply

    async def _afforded(self, sample: Sample, request: Body, affinity: str) -> Reply | None:
        """`_answer` within what the run may cost; None when it is stopping, or the rest is not enough."""
        if self._purse is None:
            return await self._answer(sample, request, affinity)
        longest = self._template.max_tokens(sample)
        guess = max(1, request.tokens - longest)
        aside = await self._purse.take(guess, longest)
        if aside is None:
            self._on_stop(self._purse.told())
            return None
        reply = None
        try:
            reply = await self._answer(sample, request, affinity)
            return reply
        finally:
            await self._purse.settle(aside, guess, reply)
            self.counts.dollars = self._purse.spent

    async def _answer(self, sample: Sample, request: Body, affinity: str) -> Reply | None:
        """Asks until there is an answer or no more sense in asking, and writes it; None when the run is
        stopping."""
        counts, settings = self.counts, self._settings
        headers = _sticky(affinity)
        tries = 0
        avoid: Member | None = None
        while True:
            turn = await self.pool.acquire(affinity, avoid, request.tokens)
            if self.stopping:
                self.pool.release(turn, None)
                return None
            tries += 1
            member = turn.member
            attempt = await self._send(turn, request, headers)
            result = attempt.result
            if isinstance(result, Completion):
                self._spend(result.usage.total_tokens)
                return self._keep(_answered(sample, request, result, attempt, tries, member), attempt)
            decision = decide(
                result,
                tries,
                settings.attempts,
                retry_after=attempt.retry_after,
                remaining=self._remaining(),
            )
            asked_to_wait = attempt.retry_after or 0.0
            if decision.action == "again" and asked_to_wait > settings.patience:
                raise EndpointError(
                    f"{member.endpoint.label} asks to wait {asked_to_wait:.0f} s ({result.message}); "
                    "start the same run again then"
                )
            if decision.action != "again":
                sent = time.monotonic() - attempt.seconds
                stop = decision.action == "stop" and await self._trials.refused(member.endpoint, result, sent)
                reply = self._failed(sample, request.fingerprint, result, tries, attempt.seconds)
                reply = replace(reply, endpoint=member.endpoint.label, sent=request.sent)
                self._write(reply)
                if stop:
                    raise EndpointError(explain(member.endpoint.label, result, settings.model))
                return reply
            if self.stopping:
                return None
            counts.retries += 1
            avoid = member
            if decision.delay:
                await asyncio.sleep(decision.delay)

    async def _send(self, turn: Turn, request: Body, headers: Mapping[str, str]) -> Attempt:
        """One attempt; an answer only if the model is still the same one and the connection in order."""
        member = turn.member
        self.counts.in_flight += 1
        attempt = None
        try:
            attempt = await member.endpoint.ask(
                request.fragments, request.size, headers, limit=request.reply_limit
            )
        finally:
            self.counts.in_flight -= 1
            self.pool.release(turn, attempt)
        if not isinstance(attempt.result, Completion):
            return attempt
        if self._template.provider.hosted:
            # A service's model may change under its name; that is reported beside the number, not refused.
            return attempt
        if changed := await member.same_model.after(attempt.result.model):
            self.pool.retire(member)
            return replace(attempt, result=Failure("other_model", changed))
        if attempt.connection is not None and attempt.connection.stray:
            return replace(attempt, result=Failure(TAKEN_BACK, "more answers than questions on a connection"))
        return attempt

    def _keep(self, reply: Reply, attempt: Attempt) -> Reply:
        self._write(reply)
        if attempt.connection is not None:
            attempt.connection.answers.append(reply.sample)
        return reply

    def _take_back(self, samples: Sequence[str]) -> None:
        """Answers that may be other questions' answers become errors, to be asked again by the next run."""
        failure = Failure(TAKEN_BACK, "the server sent more answers than it got questions on one connection")
        try:
            for sample in samples:
                self._journal.append(Reply(sample, "", "error", error=failure, at=round(time.time(), 3)))
                self.counts.answered -= 1
                self.counts.failed += 1
        except RunFolderError as error:
            self._on_stop(str(error))

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
            self._on_stop(f"the budget of {budget} tokens is spent")

    def _remaining(self) -> float | None:
        if self._settings.deadline is None:
            return None
        return self._settings.deadline - (time.monotonic() - self.counts.started)


def _sticky(affinity: str) -> dict[str, str]:
    """What routers in front of several servers keep a video's questions together by."""
    name = hashlib.blake2b(affinity.encode(), digest_size=8).hexdigest()
    return {"X-Session-ID": name, "X-SMG-Routing-Key": name}


def _answered(
    sample: Sample, request: Body, completion: Completion, attempt: Attempt, tries: int, member: Member
) -> Reply:
    return Reply(
        sample=sample.id,
        fingerprint=request.fingerprint,
        status="ok",
        text=completion.text,
        reasoning=completion.reasoning,
        masks=completion.masks,
        refusal=completion.refusal,
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        latency_s=round(attempt.seconds, 4),
        attempts=tries,
        endpoint=member.endpoint.label,
        at=round(time.time(), 3),
        sent=request.sent,
        model=completion.model,
        system_fingerprint=completion.system_fingerprint,
        served_by=completion.served_by,
        tier=completion.tier,
    )
