"""Gemini's batches: https://ai.google.dev/gemini-api/docs/batch-api, https://ai.google.dev/api/batch-mode"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from sightbench.client.batches.over_http import HttpBatches
from sightbench.client.batches.result_lines import gemini
from sightbench.client.batches.service import Frame, Limits, Progress, Read, Result, Status
from sightbench.client.hosted.uploads import upload_file
from sightbench.client.transport.http import Http
from sightbench.json_record import NOTHING, told

_STATES: dict[str, Status] = {
    "SUCCEEDED": "ended",
    "EXPIRED": "ended",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}


class _Stats(msgspec.Struct, rename="camel"):
    request_count: object = None
    successful_request_count: object = None


class _Output(msgspec.Struct, rename="camel"):
    responses_file: str | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    state: str = ""
    display_name: str | None = None
    batch_stats: msgspec.Raw = NOTHING
    output: _Output | None = None


class _Error(msgspec.Struct):
    message: str | None = None


class _Operation(msgspec.Struct):
    name: str
    metadata: _Metadata | None = None
    response: _Output | None = None
    error: msgspec.Raw = NOTHING


class _Page(msgspec.Struct, rename="camel"):
    operations: list[_Operation] = []
    next_page_token: str | None = None


class GeminiBatches(HttpBatches):
    """`model` is part of the path a batch is created at."""

    name = "gemini"
    # The input file may have 2 GB; a number of requests is not documented.
    limits = Limits(1_000_000, 2_000_000_000)
    frame = Frame()

    def __init__(self, http: Http, model: str) -> None:
        super().__init__(http)
        self._model = model.removeprefix("models/")

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return [b'{"key":"%b","request":' % custom_id.encode(), *body, b"}\n"]

    async def create(self, file: Path, token: str) -> str:
        uploaded = await upload_file(self._http, file, token, "application/jsonl")
        batch = {"displayName": token, "inputConfig": {"fileName": uploaded.name}}
        path = f"/models/{self._model}:batchGenerateContent"
        return (await self._http.json(_Operation, "POST", path, {"batch": batch})).name

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        page = ""
        while True:
            found = await self._http.json(_Page, "GET", f"/batches?pageSize=100{page}")
            for batch in found.operations:
                if batch.metadata is not None and batch.metadata.display_name == token:
                    return batch.name
            following = f"&pageToken={found.next_page_token}"
            if not found.next_page_token or following == page:
                return None
            page = following

    async def poll(self, batch: str) -> Progress:
        found = await self._batch(batch)
        metadata = found.metadata or _Metadata()
        state = metadata.state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
        note = state.lower()
        stats = told(metadata.batch_stats, _Stats)
        if stats is not None and stats.successful_request_count is not None:
            note += f", {stats.successful_request_count} of {stats.request_count}"
        status = _STATES.get(state, "running")
        error = told(found.error, _Error)
        if status == "failed" and error is not None and error.message:
            note = error.message
        return Progress(status, note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        found = await self._batch(batch)
        output = (found.metadata and found.metadata.output) or found.response
        if output is None or not output.responses_file:
            return
        path = self._http.beside("/download", f"/{output.responses_file}:download?alt=media")
        async for result in self._lines_of([path], read, gemini):
            yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json(object, "POST", f"/{batch}:cancel", {})

    async def _batch(self, name: str) -> _Operation:
        return await self._http.json(_Operation, "GET", f"/{name}")
