"""What the batch services that do not speak OpenAI's wire have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from sightbench.client.batches.result_lines import Line, openai, results
from sightbench.client.batches.service import Read, Result
from sightbench.client.transport.http import Http
from sightbench.redaction import Redaction


class HttpBatches:
    """A service at `http`; the wires add what differs."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def redaction(self) -> Redaction:
        return self._http.redaction

    async def close(self) -> None:
        await self._http.close()

    async def _lines_of(self, paths: Iterable[str], read: Read, line: Line = openai) -> AsyncIterator[Result]:
        """What the lines of some files of results say."""
        for path in paths:
            for result in results((await self._http.content(path)).splitlines(), line, read):
                yield result
