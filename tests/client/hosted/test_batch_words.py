"""What services say of batches: refusals, keys that come back, counts written in another way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from sightbench.client.batches.ledger import Ledger
from sightbench.client.batches.machine import Machine, Place
from sightbench.client.journal import Journal
from sightbench.errors import EndpointError
from sightbench.sample import Video
from tests.client.hosted import services
from tests.client.hosted.batch_machine import QUICK, batched, everything, machine, replies, routed, writer
from tests.client.hosted.batch_process import WIRES, reader, service_at
from tests.client.samples import about, text, texts
from tests.faults.server import Response, serving

REFUSALS: dict[str, object] = {
    "openai": {"error": {"message": "Incorrect key", "type": "x", "code": "invalid_api_key"}},
    "anthropic": {"type": "error", "error": {"type": "authentication_error", "message": "Incorrect key"}},
    "gemini": {"error": {"code": 401, "message": "Incorrect key", "status": "UNAUTHENTICATED"}},
    "mistral": {"detail": "Incorrect key"},
    "together": {"error": "Incorrect key"},
}  # fmt: skip


@pytest.mark.parametrize("wire", WIRES)
async def test_a_provider_that_refuses_says_so_in_one_line(wire: str, tmp_path: Path) -> None:
    async with serving() as server:
        server.route = lambda request: Response(401, json.dumps(REFUSALS[wire]).encode())
        with pytest.raises(EndpointError, match=r"batch: .*Incorrect key") as caught:
            await batched(tmp_path, service_at(wire, server.url), wire, texts(1))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_a_key_that_comes_back_in_a_batch_is_kept_nowhere(wire: str, tmp_path: Path) -> None:
    """In an answer, in a failed item, in how a batch stands."""
    key = "sk-of-the-tests"
    turns: list[str] = []

    def run(name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        turns.append(name)
        words = f"you sent {key}"
        if len(turns) > 1:
            return 200, services.answered(words)
        return 400, {"error": {"message": words, "type": "invalid_request_error", "code": None}}

    books = services.Books(run=run)
    notes: list[str] = []
    async with serving() as server:
        routed(wire, books, server)
        async with machine(tmp_path, service_at(wire, server.url), wire, notes) as running:
            await running.submit(texts(3), writer())
            await running.wait(QUICK)
    kept = everything(tmp_path)
    assert "you sent ***" in kept and key not in kept and key not in "".join(notes)


@pytest.mark.parametrize(
    ("wire", "told"),
    [
        ("openai", {"errors": [], "request_counts": {"total": "3"}}),
        ("gemini", {"error": "none", "metadata": {"state": "JOB_STATE_RUNNING", "batchStats": []}}),
        ("mistral", {"status": "RUNNING", "errors": {}, "completed_requests": "0"}),
        ("together", {"status": "IN_PROGRESS", "progress": "0", "error": {}}),
    ],
)
async def test_what_is_only_said_of_a_batch_stops_nothing(wire: str, told: dict[str, Any]) -> None:
    """Counts and words are for people: a service that writes them in another way is still waited for."""
    job = {"id": "1", "name": "batches/1", "status": "in_progress", "created_at": 1} | told
    async with serving() as server:
        server.route = lambda request: Response(body=json.dumps(job).encode())
        service = service_at(wire, server.url)
        assert (await service.poll("1")).status == "running"
        await service.close()


async def test_a_request_that_the_provider_would_not_take_goes_into_no_batch(tmp_path: Path) -> None:
    books = services.Books()
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "frame.png")
    video = Video("cow", (tmp_path / "frame.png",) * 9)
    async with serving() as server:
        routed("mistral", books, server)
        service = service_at("mistral", server.url)
        with Journal.open(tmp_path) as journal:
            place = Place("x", "mistral", "m")
            running = Machine(
                Ledger(tmp_path), journal, service, "/chat/completions", reader("mistral"), print, place
            )
            await running.submit([about(video, "q/many"), text("q/none", "Which?")], writer())
            await running.wait(QUICK)
        await service.close()
    found = replies(tmp_path)
    assert found["q/none"].status == "ok" and sum(books.paid.values()) == 1
    assert found["q/many"].error is not None and "takes at most 8" in found["q/many"].error.message
