"""The batches of a run folder: how they stand, what they answered, and ending them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sightbench.client.batches.ledger import Batch, Ledger
from sightbench.client.batches.machine import Machine, Place, Tally
from sightbench.client.batches.run import batch_service, read_as
from sightbench.client.batches.service import Progress
from sightbench.client.dialects.table import DIALECTS
from sightbench.client.journal import Journal
from sightbench.client.providers import provider
from sightbench.client.settings import Settings, Target
from sightbench.client.transport.credential import Credential
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.settings import target

NOWHERE = "http://localhost/v1"
"""The endpoint of requests that are written to files: nothing is sent to it."""

Note = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """One batch and how it stands at the provider's; `progress` None: it is over, or was never created."""

    batch: Batch
    progress: Progress | None

    def __str__(self) -> str:
        told = self.progress.note if self.progress else self.batch.note or ""
        minutes = (time.time() - self.batch.at) / 60
        what = f"batch {self.batch.number}: {self.batch.items} requests, {self.batch.state}"
        return f"{what} for {minutes:.0f} min" + (f" ({told})" if told else "")


def refuse_open(folder: Path) -> None:
    """Raises UsageError where batches of the run are open: what is in them would be paid twice."""
    waiting = [batch for batch in Ledger(folder) if batch.open]
    if waiting:
        count = sum(batch.items for batch in waiting)
        kind = "file" if waiting[0].service == "file" else "api"
        raise UsageError(
            f"{folder}: what waits in its batches (requests: {count}) would be paid twice: go on with "
            f"--batch {kind}, or end them first with `batch cancel {folder}` and `batch collect {folder}`"
        )


def status(
    folder: Path, key_env: str | None = None, note: Note = print, header_command: str | None = None
) -> list[Standing]:
    """How every batch of the run stands. Raises EndpointError, RunFolderError."""

    async def look(machine: Machine) -> list[Standing]:
        found = await machine.look()
        return [Standing(batch, found.get(batch.number)) for batch in machine.ledger]

    return asyncio.run(_with(folder, key_env, note, header_command, look))


def collect(
    folder: Path, key_env: str | None = None, note: Note = print, header_command: str | None = None
) -> Tally:
    """Writes the answers of batches that have ended into the run's journal; the run is then to be scored."""

    async def take(machine: Machine) -> Tally:
        await machine.recover()
        return await machine.collect()

    return asyncio.run(_with(folder, key_env, note, header_command, take))


def cancel(
    folder: Path, key_env: str | None = None, note: Note = print, header_command: str | None = None
) -> None:
    """Asks the provider to end every open batch; what they have answered can still be collected."""

    async def end(machine: Machine) -> None:
        await machine.cancel()

    asyncio.run(_with(folder, key_env, note, header_command, end))


async def _with(
    folder: Path,
    key_env: str | None,
    note: Note,
    header_command: str | None,
    work: Callable[[Machine], Awaitable[T]],
) -> T:
    ledger = Ledger(folder)
    batches = list(ledger)
    if not batches:
        raise RunFolderError(f"{folder} has no batches: nothing was asked with --batch")
    last = batches[-1]
    service = provider(last.provider)
    settings = Settings(
        endpoints=(Target(NOWHERE) if last.service == "file" else target(last.endpoint),),
        model=last.model,
        api_key=os.environ.get(key_env or service.key_env) or None,
        provider=service.name,
        credential=Credential(header_command) if header_command else None,
    )
    speaks = batch_service("file" if last.service == "file" else "api", settings, ledger)
    place = Place(last.endpoint, last.provider, last.model)
    try:
        with Journal.open(folder) as journal:
            path = DIALECTS[service.dialect].path
            return await work(Machine(ledger, journal, speaks, path, read_as(service), note, place))
    finally:
        await speaks.close()
