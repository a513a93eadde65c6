"""Batches from samples to replies, in steps that each stand on disk before the next: written, sending,
running, collected. Whatever step a process is killed at, the next one goes on from it.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from sightbench.client.batches.ledger import Batch, Item, Ledger, State
from sightbench.client.batches.service import Progress, Read, Service
from sightbench.client.body import Body, misfit
from sightbench.client.journal import Journal
from sightbench.client.journal import Place as Kept
from sightbench.client.media import MediaError
from sightbench.client.providers import provider
from sightbench.client.store import Store
from sightbench.client.transport.completion import Completion, redacted
from sightbench.errors import RunFolderError
from sightbench.sample import Failure, Reply, Sample
from sightbench.terminal import plain

UNSEEN_SECONDS = 30.0
"""How long a batch that was being created when the process died may take to appear in the provider's list."""

Write = Callable[[Sample], Awaitable[Body]]
"""The request for a sample. Raises MediaError."""

Note = Callable[[str], None]

Afford = Callable[[Sample, Body], bool]
"""Whether one more request may be paid for; if so, the money is set aside."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where batches are: an endpoint without credentials, its provider, the model."""

    endpoint: str
    provider: str = "generic"
    model: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between two looks at a batch, in seconds: from `first`, doubling up to `most`."""

    first: float = 10.0
    most: float = 300.0


@dataclass(slots=True)
class Tally:
    """What was done: new answers, errors, what had been answered before, here or in earlier runs; `unpaid`
    are those that the rest of the money is not enough for."""

    kept: int = 0
    reused: int = 0
    answered: int = 0
    failed: int = 0
    waiting: int = 0
    unpaid: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Machine:
    """The batches of one run folder at one provider. `path` is the API path that its requests name, `read`
    takes an answer out of a result, `note` is told what happens in one line each. `place` is what the ledger
    keeps of where the batches are; what `store` has an answer to goes into no batch, nor does what `afford`
    refuses."""

    ledger: Ledger
    journal: Journal
    service: Service
    path: str
    read: Read
    note: Note
    place: Place
    unseen: float = UNSEEN_SECONDS
    store: Store = field(default_factory=Store)
    afford: Afford = lambda sample, body: True

    async def submit(self, samples: Iterable[Sample], write: Write) -> Tally:
        """Puts every sample that has no answer and is in no open batch into new ones, which are created."""
        await self.recover()
        tally = Tally()
        waiting = self._waiting()
        answered = self.journal.index()
        draft: _Draft | None = None
        for sample in samples:
            try:
                body = await write(sample)
            except MediaError as error:
                self.journal.append(_failed(sample.id, "", Failure("media", str(error)), self.place.endpoint))
                tally.failed += 1
                continue
            found = answered.get(sample.id)
            if found is not None and found.ok and found.fingerprint == body.fingerprint.encode():
                tally.kept += 1
                continue
            earlier = self.store.take(sample.id, body.fingerprint)
            if earlier is not None:
                self.journal.append(earlier)
                tally.reused += 1
                continue
            if body.fingerprint in waiting:
                self.afford(sample, body)
                tally.waiting += 1
                continue
            pieces = self.service.line(body.fingerprint, self.path, body.fragments)
            size = sum(map(len, pieces))
            unfit = misfit(provider(self.place.provider), body)
            if unfit is None and size > self.service.limits.bytes:
                words = f"the request has {size} bytes, a batch may have {self.service.limits.bytes}"
                unfit = Failure("too_large", words)
            if unfit is not None:
                self.journal.append(_failed(sample.id, body.fingerprint, unfit, self.place.endpoint))
                tally.failed += 1
                continue
            if (draft is None or not draft.holds(body.fingerprint)) and not self.afford(sample, body):
                tally.unpaid += 1
                continue
            if draft is not None and not draft.holds(body.fingerprint) and draft.full(size):
                await self._create(draft.finish())
                draft = None
            if draft is None:
                draft = _Draft(self.ledger, self.service, self.place)
            draft.add(sample.id, body, pieces, size)
        if draft is not None:
            await self._create(draft.finish())
        return tally

    async def recover(self, *, create: bool = True) -> None:
        """Finds out what became of batches that were being created when the process ended; creates those that
        do not exist, or leaves them be for good."""
        for batch in self._mine():
            if batch.state == "sending":
                known = frozenset(other.id for other in self.ledger if other.id)
                found = await self.service.find(batch.token, batch.items, batch.at, known)
                # Somebody may have set the clock back since.
                deadline = time.monotonic() + min(self.unseen, batch.at + self.unseen - time.time())
                while found is None and (wait := deadline - time.monotonic()) > 0:
                    await asyncio.sleep(min(wait, 5.0))
                    found = await self.service.find(batch.token, batch.items, batch.at, known)
                if found is not None:
                    self.note(f"batch {batch.number} had been created: {found}")
                    self._running(batch, found)
                    continue
            if batch.state not in ("sending", "written"):
                continue
            if create:
                await self._create(batch)
            else:
                self.ledger.step(batch, "cancelled", time.time(), note="it was never created")
                self.ledger.requests(batch).unlink(missing_ok=True)

    async def look(self) -> dict[int, Progress]:
        """How the open batches stand at the provider's."""
        return {
            batch.number: await self._progress(batch.id)
            for batch in self._mine()
            if batch.state == "running" and batch.id
        }

    async def collect(self) -> Tally:
        """Turns the results of every batch that has ended into replies; leaves the others."""
        tally = Tally()
        for batch in self._mine():
            if batch.state != "running" or batch.id is None:
                continue
            progress = await self._progress(batch.id)
            if progress.status == "running":
                tally.waiting += batch.items
                tally.notes.append(f"batch {batch.number}: {progress.note}")
                continue
            if progress.status == "failed":
                self.note(f"batch {batch.number} failed: {progress.note}")
                self.ledger.step(batch, "failed", time.time(), note=progress.note)
                continue
            await self._take(batch, tally)
            ended: State = "cancelled" if progress.status == "cancelled" else "collected"
            self.journal.sync()
            self.ledger.step(batch, ended, time.time(), note=progress.note)
            self.note(f"batch {batch.number}: {progress.note}")
        return tally

    async def wait(self, pace: Pace) -> Tally:
        """Collects until no batch is open. May be killed and called again at any moment."""
        total = Tally()
        seconds = pace.first
        while True:
            found = await self.collect()
            total.answered += found.answered
            total.failed += found.failed
            if not any(batch.open for batch in self._mine()):
                return total
            for line in found.notes:
                self.note(line)
            await asyncio.sleep(seconds)
            seconds = min(pace.most, seconds * 2)

    async def cancel(self) -> None:
        """Asks the provider to end every batch that runs; what it answered is still collected."""
        await self.recover(create=False)
        for batch in self._mine():
            if batch.state != "running" or batch.id is None:
                continue
            progress = await self._progress(batch.id)
            if progress.status != "running":
                # Services refuse to cancel it, and the batches after it would go on.
                self.note(f"batch {batch.number} is over: {progress.note}")
                continue
            await self.service.cancel(batch.id)
            self.note(f"batch {batch.number}: asked to end")

    def unanswered(self, samples: Iterable[str]) -> list[str]:
        """Those of `samples` without an answer: failed, expired, or missing in the results."""
        index = self.journal.index()
        return [name for name in samples if (place := index.get(name)) is None or not place.ok]

    def _mine(self) -> list[Batch]:
        """The batches of this service: a run may have some over an API and some as files."""
        return [batch for batch in self.ledger if batch.service == self.service.name]

    async def _progress(self, batch: str) -> Progress:
        """How the batch stands, in words that can be kept and shown."""
        found = await self.service.poll(batch)
        return replace(found, note=plain(self.service.redaction.text(found.note)))

    def _waiting(self) -> frozenset[str]:
        return frozenset(
            item.fingerprint for batch in self.ledger if batch.open for item in self.ledger.items(batch)
        )

    async def _create(self, batch: Batch) -> None:
        batch = self.ledger.step(batch, "sending", time.time())
        made = await self.service.create(self.ledger.requests(batch), batch.token)
        self._running(batch, made)
        self.note(f"batch {batch.number}: {batch.items} requests, {made}")

    def _running(self, batch: Batch, made: str) -> None:
        self.ledger.step(batch, "running", time.time(), id=made)
        if self.service.name != "file":
            self.ledger.requests(batch).unlink(missing_ok=True)

    async def _take(self, batch: Batch, tally: Tally) -> None:
        """Replies for what the batch has; the same results taken twice are written once, and of several lines
        about one request the first answer."""
        items = {item.fingerprint: item for item in self.ledger.items(batch)}
        before = dict(self.journal.index())
        assert batch.id is not None
        redaction = self.service.redaction
        answered: set[str] = set()
        failures: dict[str, Failure] = {}
        surplus = 0
        async for name, told in self.service.results(batch.id, self.read):
            result = redacted(told, redaction)
            item = items.get(name)
            if item is None:
                unnamed = result.message if not name and isinstance(result, Failure) else None
                what = unnamed or f"{plain(name, 80)} was never asked"
                self.note(f"batch {batch.number}: {what}; it is passed over")
                continue
            surplus += name in answered or name in failures
            if name in answered:
                continue
            if isinstance(result, Failure):
                # Another line may have the answer.
                failures[name] = result
                continue
            answered.add(name)
            failures.pop(name, None)
            for sample in self._without_answer(item, before):
                self.journal.append(_answered(sample, item, result, self.place.endpoint))
                tally.answered += 1
        for name, failure in failures.items():
            for sample in self._without_answer(items[name], before):
                self.journal.append(_failed(sample, name, failure, self.place.endpoint))
                tally.failed += 1
        if surplus:
            words = "of its lines are about requests that other lines tell of: the first answer counts"
            self.note(f"batch {batch.number}: {surplus} {words}")

    def _without_answer(self, item: Item, before: Mapping[str, Kept]) -> Iterator[str]:
        """The samples of an item that had no answer to exactly this request before."""
        asked = item.fingerprint.encode()
        for sample in item.samples:
            place = before.get(sample)
            if place is None or not place.ok or place.fingerprint != asked:
                yield sample


class _Draft:
    """A batch that is being written: requests and items in two files, and a line of the ledger once both are
    on disk. A draft that was not finished is overwritten by the next."""

    def __init__(self, ledger: Ledger, service: Service, place: Place) -> None:
        self._ledger = ledger
        self._place = place
        self._service = service
        self._number = ledger.next_number()
        self._items: dict[str, Item] = {}
        try:
            ledger.folder.mkdir(exist_ok=True)
            self._path = ledger.folder / f"{self._number:04d}.jsonl"
            self._file = self._path.open("wb")
        except OSError as error:
            raise RunFolderError(f"{ledger.folder}: {error.strerror}") from error
        self._file.write(service.frame.head)
        self._bytes = len(service.frame.head) + len(service.frame.tail)

    def holds(self, fingerprint: str) -> bool:
        return fingerprint in self._items

    def full(self, size: int) -> bool:
        limits = self._service.limits
        between = len(self._service.frame.between)
        return bool(self._items) and (
            len(self._items) >= limits.requests or self._bytes + between + size > limits.bytes
        )

    def add(self, sample: str, body: Body, pieces: Sequence[bytes], size: int) -> None:
        same = self._items.get(body.fingerprint)
        if same is not None:
            # Two samples that ask exactly the same are one request: custom ids are unique.
            self._items[body.fingerprint] = replace(same, samples=(*same.samples, sample))
            return
        if self._items:
            self._file.write(self._service.frame.between)
            self._bytes += len(self._service.frame.between)
        self._file.writelines(pieces)
        self._bytes += size
        self._items[body.fingerprint] = Item(body.fingerprint, (sample,), body.sent)

    def finish(self) -> Batch:
        try:
            self._file.write(self._service.frame.tail)
            _synced(self._file.fileno(), self._file.flush)
            self._file.close()
            with self._ledger.items_path(self._number).open("wb") as items:
                items.writelines(msgspec.json.encode(item) + b"\n" for item in self._items.values())
                _synced(items.fileno(), items.flush)
        except OSError as error:
            raise RunFolderError(f"{self._path}: {error.strerror}") from error
        return self._ledger.write(
            Batch(
                number=self._number,
                state="written",
                token=uuid.uuid4().hex,
                items=len(self._items),
                service=self._service.name,
                endpoint=self._place.endpoint,
                provider=self._place.provider,
                model=self._place.model,
                at=time.time(),
            )
        )


def _synced(descriptor: int, flush: Callable[[], object]) -> None:
    flush()
    os.fsync(descriptor)


def _failed(sample: str, fingerprint: str, failure: Failure, endpoint: str) -> Reply:
    at = round(time.time(), 3)
    return Reply(sample, fingerprint, "error", error=failure, endpoint=endpoint, attempts=1, at=at)


def _answered(sample: str, item: Item, completion: Completion, endpoint: str) -> Reply:
    return Reply(
        sample=sample,
        fingerprint=item.fingerprint,
        status="ok",
        text=completion.text,
        reasoning=completion.reasoning,
        refusal=completion.refusal,
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        endpoint=endpoint,
        at=round(time.time(), 3),
        sent=item.sent,
        model=completion.model,
        system_fingerprint=completion.system_fingerprint,
        served_by=completion.served_by,
        tier="batch",
    )
