"""batches.jsonl: what is known of every batch of a run, one line per step, fsynced before the next step.

A process may be killed between any two lines. `sending` is written before a batch is created, `running` with
its id after: where the first stands without the second, the provider is asked whether it has the batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from sightbench.errors import RunFolderError
from sightbench.files import append_line
from sightbench.json_record import from_json
from sightbench.sample import Sent

LEDGER = "batches.jsonl"
FOLDER = "batches"

State = Literal["written", "sending", "running", "collected", "failed", "cancelled"]
OPEN: tuple[State, ...] = ("written", "sending", "running")


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: its number in the run, how far it is, and the name the provider gives it.

    `token` is what it is found again by, in its metadata or its display name; `service` is its wire,
    `endpoint` where (without credentials), `provider` and `model` whose; `items` how many requests it holds,
    `at` when this was written, in seconds since the epoch; `note` why it failed, or how it stands.
    """

    number: int
    state: State
    token: str
    items: int
    service: str
    endpoint: str = ""
    provider: str = "generic"
    model: str = ""
    at: float = 0.0
    id: str | None = None
    note: str | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch: the fingerprint is its custom id, `samples` are all that ask exactly this,
    `sent` is the record of what went out."""

    fingerprint: str
    samples: tuple[str, ...]
    sent: Sent | None = None


class Ledger:
    """The batches of one run folder, in memory and on disk. The folder's journal holds its lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self._path = folder / LEDGER
        self._batches: dict[int, Batch] = {}
        try:
            lines = self._path.read_bytes().splitlines(keepends=True) if self._path.exists() else []
        except OSError as error:
            raise RunFolderError(f"{self._path}: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                break
            try:
                batch = from_json(line, Batch)
            except ValueError as error:
                raise RunFolderError(f"{self._path}, line {number}: not a batch ({error})") from None
            self._batches[batch.number] = batch
        if lines and not lines[-1].endswith(b"\n"):
            # A torn last line is a step that was not taken.
            os.truncate(self._path, sum(map(len, lines[:-1])))

    def __iter__(self) -> Iterator[Batch]:
        return iter([self._batches[number] for number in sorted(self._batches)])

    def next_number(self) -> int:
        return max(self._batches, default=0) + 1

    def write(self, batch: Batch) -> Batch:
        """Puts the step on disk before anything else happens; returns the batch."""
        append_line(self._path, msgspec.json.encode(batch))
        self._batches[batch.number] = batch
        return batch

    def step(self, batch: Batch, state: State, now: float, **fields: str | None) -> Batch:
        return self.write(replace(batch, state=state, at=now, **fields))  # type: ignore[arg-type]

    def requests(self, batch: Batch) -> Path:
        """The file of its requests; gone once the provider has it."""
        return self.folder / f"{batch.number:04d}.jsonl"

    def answers(self, batch: Batch) -> Path:
        """Where the answers to a batch that is exchanged as files are expected."""
        return self.folder / f"{batch.number:04d}.answers.jsonl"

    def items(self, batch: Batch) -> list[Item]:
        """Its requests' fingerprints and samples. Raises RunFolderError when the file cannot be read."""
        path = self.items_path(batch.number)
        try:
            return [from_json(line, Item) for line in path.read_bytes().splitlines()]
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{path}: cannot be read ({error})") from None

    def items_path(self, number: int) -> Path:
        return self.folder / f"{number:04d}.items.jsonl"
