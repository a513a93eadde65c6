"""What the state machine asks of a provider's batch API; one module per wire implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from sightbench.client.transport.completion import Completion
from sightbench.redaction import Redaction
from sightbench.sample import Failure

Exchange = Literal["api", "file"]
"""Over the provider's batch API, or as files that somebody else answers."""

Read = Callable[[int, bytes], Completion | Failure]
"""(HTTP status, body) -> the answer, in the dialect of the batch's requests."""

Status = Literal["running", "ended", "failed", "cancelled"]

Result = tuple[str, Completion | Failure]
"""(custom id, what became of the request)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one batch may hold, in requests and in bytes of its file."""

    requests: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around and between the requests in a batch's file."""

    head: bytes = b""
    between: bytes = b""
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a batch stands at the provider's. `ended`: nothing more will come of it; `note` is for people."""

    status: Status
    note: str


class Created(msgspec.Struct):
    """A file or a job that has been made, as most services answer."""

    id: str


class Service(Protocol):
    """A provider's batch API. Every method raises EndpointError, in one line, for what goes wrong."""

    name: str
    limits: Limits
    frame: Frame

    @property
    def redaction(self) -> Redaction:
        """What must be taken out of everything it says."""
        ...

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        """The pieces of one request in the batch's file; `path` is the API's (`/chat/completions`)."""
        ...

    async def create(self, file: Path, token: str) -> str:
        """Uploads the file and creates a batch of it that can be found by `token`; returns its id."""
        ...

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        """The id of the batch that was created with `token`, None if there is none."""
        ...

    async def poll(self, batch: str) -> Progress: ...

    def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        """What there is of an ended batch, in any order; requests that never ran are left out."""
        ...

    async def cancel(self, batch: str) -> None: ...

    async def close(self) -> None: ...
