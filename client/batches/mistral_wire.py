"""Mistral's batches: https://docs.mistral.ai/capabilities/batch/"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import orjson

from sightbench.client.batches.over_http import HttpBatches
from sightbench.client.batches.service import Created, Frame, Limits, Progress, Read, Result
from sightbench.client.transport.http import Http
from sightbench.json_record import NOTHING, told

_TOKEN = "sightbench"
_ENDED = frozenset({"SUCCESS", "TIMEOUT_EXCEEDED"})


class _Error(msgspec.Struct):
    message: str | None = None


class _Job(msgspec.Struct):
    id: str
    status: str
    metadata: dict[str, object] | None = None
    completed_requests: object = None
    total_requests: object = None
    output_file: str | None = None
    error_file: str | None = None
    errors: msgspec.Raw = NOTHING


class _Jobs(msgspec.Struct):
    data: list[_Job] | None = None


class MistralBatches(HttpBatches):
    """The model belongs to the job and stands in no request."""

    name = "mistral"
    # https://docs.mistral.ai/resources/known-limitations: 100,000 requests and 512 MB
    limits = Limits(100_000, 512_000_000)
    frame = Frame()

    def __init__(self, http: Http, model: str) -> None:
        super().__init__(http)
        self._model = model

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        content = orjson.loads(b"".join(body))
        content.pop("model", None)
        return [orjson.dumps({"custom_id": custom_id, "body": content}), b"\n"]

    async def create(self, file: Path, token: str) -> str:
        uploaded = await self._http.upload(Created, "/files", file, {"purpose": "batch"})
        job = {
            "input_files": [uploaded.id],
            "model": self._model,
            "endpoint": "/v1/chat/completions",
            "metadata": {_TOKEN: token},
            "timeout_hours": 24,
        }
        return (await self._http.json(Created, "POST", "/batch/jobs", job)).id

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        page = 0
        while True:
            found = await self._http.json(_Jobs, "GET", f"/batch/jobs?page={page}&page_size=100")
            jobs = found.data or []
            for job in jobs:
                if (job.metadata or {}).get(_TOKEN) == token:
                    return job.id
            if len(jobs) < 100:
                return None
            page += 1

    async def poll(self, batch: str) -> Progress:
        job = await self._job(batch)
        note = f"{job.status.lower()}, {job.completed_requests} of {job.total_requests}"
        if job.status == "FAILED":
            errors = told(job.errors, list[_Error]) or []
            return Progress("failed", "; ".join(error.message for error in errors if error.message) or note)
        if job.status == "CANCELLED":
            return Progress("cancelled", note)
        return Progress("ended" if job.status in _ENDED else "running", note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        job = await self._job(batch)
        files = filter(None, (job.output_file, job.error_file))
        async for result in self._lines_of((f"/files/{file}/content" for file in files), read):
            yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json(object, "POST", f"/batch/jobs/{batch}/cancel", {})

    async def _job(self, batch: str) -> _Job:
        return await self._http.json(_Job, "GET", f"/batch/jobs/{batch}")
