"""The state machine of batches at a fake service, as tests drive it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from sightbench.client.batches.ledger import Ledger
from sightbench.client.batches.machine import Machine, Pace, Place, Tally
from sightbench.client.batches.service import Service
from sightbench.client.body import Body, Template, build
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache
from sightbench.client.providers import provider
from sightbench.families import Family
from sightbench.sample import Reply, Sample
from tests.client.hosted import services, services_alike
from tests.client.hosted.batch_process import reader
from tests.client.samples import to
from tests.faults.server import Scripted

QUICK = Pace(0.01, 0.05)


def routed(wire: str, books: services.Books, server: Scripted) -> None:
    if wire == "gemini":
        server.route = services.gemini(books, lambda: server.url.removesuffix("/v1"))
    else:
        server.route = {
            "openai": services.openai, "anthropic": services.anthropic, "mistral": services_alike.mistral,
            "together": services_alike.together,
        }[wire](books)  # fmt: skip


@contextlib.asynccontextmanager
async def machine(
    folder: Path, service: Service, wire: str, notes: list[str] | None = None
) -> AsyncIterator[Machine]:
    heard = [] if notes is None else notes
    try:
        with Journal.open(folder) as journal:
            ledger = Ledger(folder)
            yield Machine(
                ledger, journal, service, "/chat/completions", reader(wire), heard.append, Place("x"), 0.3
            )
    finally:
        await service.close()


def writer() -> Callable[[Sample], Any]:
    template = Template(to("http://localhost"), provider("generic"), Family())
    cache = MediaCache(template.plan)

    async def write(sample: Sample) -> Body:
        return await build(template, cache, sample)

    return write


async def batched(folder: Path, service: Service, wire: str, samples: Iterable[Sample]) -> Tally:
    async with machine(folder, service, wire) as running:
        await running.submit(samples, writer())
        return await running.wait(QUICK)


def replies(folder: Path) -> dict[str, Reply]:
    with Journal.open(folder, write=False) as journal:
        return {name: journal.at(place) for name, place in journal.index().items()}


def everything(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.rglob("*.json*"))
