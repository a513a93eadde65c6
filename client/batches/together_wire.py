"""Together's batches: https://docs.together.ai/docs/inference/batch/overview and .../manage, and the
description of the API in https://github.com/togethercomputer/openapi

Nearly OpenAI's: a line has neither method nor URL, files are uploaded elsewhere, a job comes in an envelope
when it is made and in a list without one, and statuses are in capitals.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from sightbench.client.batches.over_http import HttpBatches
from sightbench.client.batches.service import Created, Frame, Limits, Progress, Read, Result

_ENDED = frozenset({"COMPLETED", "EXPIRED"})


class _File(msgspec.Struct):
    id: str
    filename: str | None = None


class _Files(msgspec.Struct):
    data: list[_File]


class _Job(msgspec.Struct):
    id: str
    status: str
    input_file_id: str | None = None
    progress: object = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    error: object = None


class _Made(msgspec.Struct):
    job: Created


class TogetherBatches(HttpBatches):
    """A job has no place for a name of ours, but the file of its requests has: one that was created unseen is
    the job of the file that is called after its token."""

    name = "together"
    # "Up to 50,000 requests per batch", "up to 100 MB per input file"; custom ids have at most 64 letters.
    limits = Limits(50_000, 100_000_000)
    frame = Frame()

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return [b'{"custom_id":"%b","body":' % custom_id.encode(), *body, b"}\n"]

    async def create(self, file: Path, token: str) -> str:
        fields = {"purpose": "batch-api", "file_name": _called(token), "file_type": "jsonl"}
        uploaded = await self._http.upload(Created, "/files/upload", file, fields)
        job = {
            "input_file_id": uploaded.id,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
        return (await self._http.json(_Made, "POST", "/batches", job)).job.id

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        listed = await self._http.json(_Files, "GET", "/files")
        ours = {file.id for file in listed.data if file.filename == _called(token)}
        if not ours:
            return None
        jobs = await self._http.json(list[_Job], "GET", "/batches")
        return next((job.id for job in jobs if job.input_file_id in ours), None)

    async def poll(self, batch: str) -> Progress:
        job = await self._job(batch)
        note = job.status.lower() + (f", {job.progress} %" if job.progress is not None else "")
        if job.status == "FAILED":
            return Progress("failed", str(job.error or "the provider does not say why"))
        if job.status == "CANCELLED":
            return Progress("cancelled", note)
        return Progress("ended" if job.status in _ENDED else "running", note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        job = await self._job(batch)
        files = filter(None, (job.output_file_id, job.error_file_id))
        async for result in self._lines_of((f"/files/{file}/content" for file in files), read):
            yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json(object, "POST", f"/batches/{batch}/cancel", {})

    async def _job(self, batch: str) -> _Job:
        return await self._http.json(_Job, "GET", f"/batches/{batch}")


def _called(token: str) -> str:
    return f"{token}.jsonl"
