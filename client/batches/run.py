"""A run asked in batches: which service, which rounds, and what is left to do by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sightbench.client.batches.anthropic_wire import AnthropicBatches
from sightbench.client.batches.file_wire import FileBatches, answers_to
from sightbench.client.batches.gemini_wire import GeminiBatches
from sightbench.client.batches.ledger import Ledger
from sightbench.client.batches.machine import Afford, Machine, Note, Pace, Place
from sightbench.client.batches.mistral_wire import MistralBatches
from sightbench.client.batches.service import Exchange, Read, Service
from sightbench.client.batches.together_wire import TogetherBatches
from sightbench.client.body import Body, Template, build
from sightbench.client.dialects.table import DIALECTS
from sightbench.client.hosted.prices import BATCH
from sightbench.client.hosted.purse import Purse, purse
from sightbench.client.hosted.uploads import uploads
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache
from sightbench.client.providers import Provider, provider
from sightbench.client.run import Outcome
from sightbench.client.settings import Settings
from sightbench.client.store import Store
from sightbench.client.transport.completion import Completion, parse
from sightbench.client.transport.http import Http
from sightbench.client.transport.opening import opened
from sightbench.errors import UsageError
from sightbench.families import named
from sightbench.sample import Failure, Sample

ROUNDS = 3
"""Batches after the first are for what failed, expired or is missing in the ones before."""


async def ask_batches(
    samples: Callable[[], Iterable[Sample]],
    settings: Settings,
    journal: Journal,
    folder: Path,
    exchange: Exchange,
    *,
    note: Note,
    store: Store | None = None,
    pace: Pace = Pace(),  # noqa: B008
) -> Outcome:
    """Asks every sample that has no answer yet in batches, and waits for them; `file` does not wait.

    May be interrupted and called again at any moment. Raises UsageError for a provider without batches and
    for conversations, whose turns need the answers before; EndpointError for what goes wrong on the way.
    """
    started = time.monotonic()
    template = Template(settings, provider(settings.provider), named(settings.family or "generic"))
    if len(settings.endpoints) > 1:
        raise UsageError("--batch asks one endpoint: leave the other --endpoint flags out")
    where = "file" if exchange == "file" else settings.endpoints[0].label
    place = Place(where, settings.provider, settings.model)
    ledger = Ledger(folder)
    service = batch_service(exchange, settings, ledger)
    # A batch may take a day, and only then are its files looked at.
    store_of_files = uploads(settings, folder, needed=26 * 3600.0)
    cache = MediaCache(template.plan, upload=store_of_files.uri if store_of_files else None)

    async def write(sample: Sample) -> Body:
        if sample.follows is not None or sample.wants == "masks":
            raise UsageError(f"{sample.id}: a batch has no conversations and no masks; ask this task live")
        return await build(template, cache, sample)

    path = template.dialect.path
    reader = read_as(template.provider)
    machine = Machine(ledger, journal, service, path, reader, note, place, store=store or Store())
    answered = failed = kept = reused = 0
    stopped: str | None = None
    try:
        for turn in range(ROUNDS):
            before = await machine.collect()
            answered, failed = answered + before.answered, failed + before.failed
            till = purse(template, journal)
            machine = replace(machine, afford=_afford(template, till))
            sent = await machine.submit(samples(), write)
            stopped = till.told() if till is not None and sent.unpaid else None
            kept = sent.kept if turn == 0 else kept
            reused += sent.reused
            failed += sent.failed
            if exchange == "file":
                break
            found = await machine.wait(pace)
            answered, failed = answered + found.answered, failed + found.failed
            if (not found.failed and not _open(machine.ledger)) or not found.answered:
                break
    finally:
        cache.close()
        await service.close()
        if store_of_files is not None:
            await store_of_files.close()
    return Outcome(
        asked=answered + failed,
        answered=answered,
        failed=failed,
        kept=kept,
        tokens=0,
        seconds=time.monotonic() - started,
        stopped=_by_hand(machine.ledger, settings) if exchange == "file" else stopped,
        reused=reused,
    )


def batch_service(exchange: Exchange, settings: Settings, ledger: Ledger) -> Service:
    """The batch API of the run's provider. UsageError where it has none."""
    if exchange == "file":
        return FileBatches(ledger.folder)
    service = provider(settings.provider)
    target = settings.endpoints[0]
    if service.batches == "openai":
        from sightbench.client.batches.openai_wire import OpenAIBatches

        key = target.api_key or settings.api_key
        return OpenAIBatches(
            target.url, key, settings.headers, target.label, settings.credential, settings.insecure
        )
    if service.batches is None:
        raise UsageError(
            f"{service.name} has no batch API that is known here: leave --batch out, or write --batch file"
        )
    http = Http(opened(settings, target, provider=service))
    match service.batches:
        case "anthropic":
            return AnthropicBatches(http)
        case "gemini":
            return GeminiBatches(http, settings.model)
        case "together":
            return TogetherBatches(http)
        case "mistral":
            return MistralBatches(http, settings.model)


def read_as(service: Provider) -> Read:
    """How a result of the provider's dialect is read."""
    decode = DIALECTS[service.dialect].completion

    def read(status: int, raw: bytes) -> Completion | Failure:
        return parse(status, {}, raw, service.name, decode)

    return read


def _afford(template: Template, till: Purse | None) -> Afford:
    """Sets money aside for each request at batch prices, where the run has a bound."""
    if till is None or till.limit is None:
        return lambda sample, body: True

    def afford(sample: Sample, body: Body) -> bool:
        longest = template.max_tokens(sample)
        return till.put_aside(max(1, body.tokens - longest), longest, BATCH)

    return afford


def _open(ledger: Ledger) -> bool:
    return any(batch.open for batch in ledger)


def _by_hand(ledger: Ledger, settings: Settings) -> str | None:
    """What to do with the files that wait for answers."""
    waiting = [ledger.requests(batch) for batch in ledger if batch.state == "running"]
    if not waiting:
        return None
    first = waiting[0]
    more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
    return (
        f"requests wait for answers: vllm run-batch -i {first} -o {answers_to(first)} --model "
        f"{settings.model}{more}; then type the same command again"
    )
