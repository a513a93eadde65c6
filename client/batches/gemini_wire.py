"""Gemini's batches: https://ai.google.dev/gemini-api/docs/batch-api, https://ai.google.dev/api/batch-mode"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from sightbench.client.batches.http import Http
from sightbench.client.batches.result_lines import gemini, results
from sightbench.client.batches.service import Frame, Limits, Progress, Read, Result
from sightbench.client.hosted.uploads import upload_file
from sightbench.terminal import plain

_STATES = {"SUCCEEDED": "ended", "EXPIRED": "ended", "FAILED": "failed", "CANCELLED": "cancelled"}


class GeminiBatches:
    """`model` is part of the path a batch is created at."""

    name = "gemini"
    # The input file may have 2 GB; a number of requests is not documented.
    limits = Limits(1_000_000, 2_000_000_000)
    frame = Frame()

    def __init__(self, http: Http, model: str) -> None:
        self._http = http
        self._model = model.removeprefix("models/")

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return [b'{"key":"%b","request":' % custom_id.encode(), *body, b"}\n"]

    async def create(self, file: Path, token: str) -> str:
        uploaded = await upload_file(self._http, file, token, "application/jsonl")
        made = await self._http.json(
            "POST",
            f"/models/{self._model}:batchGenerateContent",
            {"batch": {"displayName": token, "inputConfig": {"fileName": uploaded["name"]}}},
        )
        return str(made["name"])

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        page = ""
        while True:
            found = await self._http.json("GET", f"/batches?pageSize=100{page}")
            for batch in found.get("operations", []):
                if (batch.get("metadata") or {}).get("displayName") == token:
                    return str(batch["name"])
            if not found.get("nextPageToken"):
                return None
            page = f"&pageToken={found['nextPageToken']}"

    async def poll(self, batch: str) -> Progress:
        found = await self._http.json("GET", f"/{batch}")
        metadata = found.get("metadata") or {}
        state = str(metadata.get("state", "")).removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
        stats = metadata.get("batchStats") or {}
        done = stats.get("successfulRequestCount")
        note = state.lower() + (f", {done} of {stats.get('requestCount')}" if done is not None else "")
        status = _STATES.get(state, "running")
        if status == "failed":
            error = found.get("error") or {}
            return Progress("failed", plain(str(error.get("message") or note)))
        return Progress(
            "ended" if status == "ended" else "cancelled" if status == "cancelled" else "running", note
        )

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        found = await self._http.json("GET", f"/{batch}")
        output = (found.get("metadata") or {}).get("output") or found.get("response") or {}
        name = output.get("responsesFile")
        if not name:
            return
        content = await self._http.content(
            "GET", self._http.beside("/download", f"/{name}:download?alt=media")
        )
        for result in results(content.splitlines(), gemini, read):
            yield result

    async def cancel(self, batch: str) -> None:
        await self._http.json("POST", f"/{batch}:cancel", {})

    async def close(self) -> None:
        await self._http.close()
