"""Anthropic's Message Batches: https://platform.claude.com/docs/en/build-with-claude/batch-processing"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import msgspec

from sightbench.client.batches.over_http import HttpBatches
from sightbench.client.batches.result_lines import anthropic
from sightbench.client.batches.service import Created, Frame, Limits, Progress, Read, Result

_PATH = "/messages/batches"


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    request_counts: dict[str, int]
    created_at: datetime


class _Page(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False
    last_id: str | None = None


class AnthropicBatches(HttpBatches):
    """A batch has no name of ours: one that was created unseen is known by its time and its size, and by the
    custom ids in it once it has ended."""

    name = "anthropic"
    # "100,000 Message requests or 256 MB in size, whichever is reached first"
    limits = Limits(100_000, 256_000_000)
    frame = Frame(b'{"requests":[', b",", b"]}")

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return [b'{"custom_id":"%b","params":' % custom_id.encode(), *body, b"}"]

    async def create(self, file: Path, token: str) -> str:
        return (await self._http.send_file(Created, "POST", _PATH, file)).id

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        after = ""
        while True:
            page = await self._http.json(_Page, "GET", f"{_PATH}?limit=100{after}")
            for batch in page.data:
                # By the service's clock: where ours is ahead the batch would be passed over and paid twice.
                if batch.created_at.timestamp() < since + self._http.ahead - 60:
                    return None
                if batch.id not in known and sum(batch.request_counts.values()) == items:
                    return batch.id
            last = f"&after_id={page.last_id}"
            if not page.has_more or last == after:
                return None
            after = last

    async def poll(self, batch: str) -> Progress:
        found = await self._http.json(_Batch, "GET", f"{_PATH}/{batch}")
        status = found.processing_status
        counts = (f"{count} {name}" for name, count in found.request_counts.items() if count)
        note = ", ".join((status, *counts))
        return Progress("ended" if status == "ended" else "running", note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        async for result in self._lines_of([f"{_PATH}/{batch}/results"], read, anthropic):
            yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json(object, "POST", f"{_PATH}/{batch}/cancel", {})
