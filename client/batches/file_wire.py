"""Batches exchanged as files: the requests are written, something else answers them, the answers are read.

The format is OpenAI's, which `vllm run-batch` takes and writes
(https://docs.vllm.ai/en/latest/examples/offline_inference/openai_batch/), so a cluster without a network
between client and engine can be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from sightbench.client.batches.result_lines import openai, results
from sightbench.client.batches.service import Frame, Limits, Progress, Read, Result
from sightbench.errors import EndpointError
from sightbench.redaction import Redaction

ANSWERS = ".answers.jsonl"


class FileBatches:
    """A batch's id is the name of its requests' file in `folder`, which stays there; the answers are expected
    beside it. A run folder may be moved to another machine in between."""

    name = "file"
    limits = Limits(1_000_000, 2_000_000_000)
    frame = Frame()
    redaction = Redaction()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return request_line(custom_id, path, body)

    async def create(self, file: Path, token: str) -> str:
        return file.name

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        return None

    async def poll(self, batch: str) -> Progress:
        answers = answers_to(self._folder / batch)
        if answers.exists():
            return Progress("ended", f"{answers.name} is there")
        if not (self._folder / batch).exists():
            return Progress("cancelled", f"{batch} is gone")
        return Progress("running", f"waits for {answers}")

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        path = answers_to(self._folder / batch)
        if not path.exists():
            return
        try:
            with path.open("rb") as lines:
                for result in results(lines, openai, read):
                    yield result
        except OSError as error:
            raise EndpointError(f"{path}: {error.strerror}") from error

    async def cancel(self, batch: str) -> None:
        await asyncio.to_thread((self._folder / batch).unlink, missing_ok=True)

    async def close(self) -> None:
        pass


def request_line(custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
    """The pieces of one request in a file of OpenAI's format."""
    asked = (custom_id.encode(), path.encode())
    return [b'{"custom_id":"%b","method":"POST","url":"/v1%b","body":' % asked, *body, b"}\n"]


def answers_to(requests: Path) -> Path:
    """Where the answers to a file of requests are expected."""
    return requests.with_suffix(ANSWERS)
