"""Anthropic's Message Batches: https://platform.claude.com/docs/en/build-with-claude/batch-processing"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sightbench.client.batches.http import Http
from sightbench.client.batches.result_lines import anthropic, results
from sightbench.client.batches.service import Frame, Limits, Progress, Read, Result

_PATH = "/messages/batches"


class AnthropicBatches:
    """A batch has no name of ours: one that was created unseen is known by its time and its size, and by the
    custom ids in it once it has ended."""

    name = "anthropic"
    # "100,000 Message requests or 256 MB in size, whichever is reached first"
    limits = Limits(100_000, 256_000_000)
    frame = Frame(b'{"requests":[', b",", b"]}")

    def __init__(self, http: Http) -> None:
        self._http = http

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return [b'{"custom_id":"%b","params":' % custom_id.encode(), *body, b"}"]

    async def create(self, file: Path, token: str) -> str:
        made = await self._http.send_file("POST", _PATH, file)
        return str(made["id"])

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        after = ""
        while True:
            page = await self._http.json("GET", f"{_PATH}?limit=100{after}")
            for batch in page.get("data", []):
                if _time(batch.get("created_at")) < since - 60:
                    return None
                counts = batch.get("request_counts") or {}
                if batch.get("id") not in known and sum(counts.values()) == items:
                    return str(batch["id"])
            if not page.get("has_more"):
                return None
            after = f"&after_id={page['last_id']}"

    async def poll(self, batch: str) -> Progress:
        found = await self._http.json("GET", f"{_PATH}/{batch}")
        status = found.get("processing_status")
        counts: Mapping[str, Any] = found.get("request_counts") or {}
        note = f"{status}, " + ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return Progress("ended" if status == "ended" else "running", note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        content = await self._http.content("GET", f"{_PATH}/{batch}/results")
        for result in results(content.splitlines(), anthropic, read):
            yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json("POST", f"{_PATH}/{batch}/cancel", {})

    async def close(self) -> None:
        await self._http.close()


def _time(text: object) -> float:
    return datetime.fromisoformat(str(text)).timestamp() if text else 0.0
