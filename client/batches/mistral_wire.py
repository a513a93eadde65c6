"""Mistral's batches: https://docs.mistral.ai/capabilities/batch/"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson

from sightbench.client.batches.http import Http
from sightbench.client.batches.result_lines import openai, results
from sightbench.client.batches.service import Frame, Limits, Progress, Read, Result

_TOKEN = "sightbench"
_ENDED = frozenset({"SUCCESS", "TIMEOUT_EXCEEDED"})


class MistralBatches:
    """The model belongs to the job and stands in no request."""

    name = "mistral"
    # Files of up to 512 MB, a million requests under way in a workspace.
    limits = Limits(1_000_000, 512_000_000)
    frame = Frame()

    def __init__(self, http: Http, model: str) -> None:
        self._http = http
        self._model = model

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        content = orjson.loads(b"".join(body))
        content.pop("model", None)
        return [orjson.dumps({"custom_id": custom_id, "body": content}), b"\n"]

    async def create(self, file: Path, token: str) -> str:
        uploaded = await self._http.upload("/files", file, {"purpose": "batch"})
        made = await self._http.json(
            "POST",
            "/batch/jobs",
            {
                "input_files": [uploaded["id"]],
                "model": self._model,
                "endpoint": "/v1/chat/completions",
                "metadata": {_TOKEN: token},
                "timeout_hours": 24,
            },
        )
        return str(made["id"])

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        page = 0
        while True:
            found = await self._http.json("GET", f"/batch/jobs?page={page}&page_size=100")
            jobs = found.get("data") or []
            for job in jobs:
                if (job.get("metadata") or {}).get(_TOKEN) == token:
                    return str(job["id"])
            if len(jobs) < 100:
                return None
            page += 1

    async def poll(self, batch: str) -> Progress:
        job = await self._http.json("GET", f"/batch/jobs/{batch}")
        status = str(job.get("status"))
        note = f"{status.lower()}, {job.get('completed_requests')} of {job.get('total_requests')}"
        if status == "FAILED":
            errors = "; ".join(str(error.get("message")) for error in job.get("errors") or [])
            return Progress("failed", errors or note)
        if status == "CANCELLED":
            return Progress("cancelled", note)
        return Progress("ended" if status in _ENDED else "running", note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        job = await self._http.json("GET", f"/batch/jobs/{batch}")
        for file in (job.get("output_file"), job.get("error_file")):
            if file:
                content = await self._http.content("GET", f"/files/{file}/content")
                for result in results(content.splitlines(), openai, read):
                    yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json("POST", f"/batch/jobs/{batch}/cancel", {})

    async def close(self) -> None:
        await self._http.close()
