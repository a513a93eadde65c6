"""Batches that are called off: nothing new is paid, and every one that runs is ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightbench.client.batches.machine import Machine, Place
from sightbench.client.batches.service import Limits
from sightbench.client.journal import Journal
from tests.client.hosted import services
from tests.client.hosted.batch_machine import batched, machine, replies, routed, writer
from tests.client.hosted.batch_process import WIRES, reader, service_at
from tests.client.hosted.test_batches import Clock, DyingLedger, DyingService, Killed
from tests.client.samples import texts
from tests.faults.server import Request, Response, error, serving


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("wire", WIRES)
async def test_what_was_never_created_is_not_created_to_be_cancelled(
    wire: str, made: bool, tmp_path: Path
) -> None:
    """Killed before the batch was sent, and between the service's yes and its line in the ledger."""
    books = services.Books(seconds=60)
    async with serving() as server:
        routed(wire, books, server)
        service = service_at(wire, server.url)
        with Journal.open(tmp_path) as journal:
            clock = Clock(6 if made else 2)
            dying = DyingService(service, clock)
            ledger = DyingLedger(tmp_path, clock)
            running = Machine(
                ledger, journal, dying, "/chat/completions", reader(wire), print, Place("x"), 0.1
            )
            with pytest.raises(Killed):
                await running.submit(texts(6), writer())
        await service.close()
        assert len(books.jobs) == made
        async with machine(tmp_path, service_at(wire, server.url), wire) as again:
            await again.cancel()
            assert len(books.jobs) == made and not (again.ledger.folder / "0001.jsonl").exists()
            assert [batch.state for batch in again.ledger] == ["running" if made else "cancelled"]
        # Whoever asks again gets everything: what was answered, then what was not.
        books.seconds = 0
        for _ in range(2):
            await batched(tmp_path, service_at(wire, server.url), wire, texts(6))
    assert {reply.status for reply in replies(tmp_path).values()} == {"ok"} and len(replies(tmp_path)) == 6
    assert set(books.paid.values()) == {1}


async def test_a_batch_that_is_over_keeps_none_after_it_running(tmp_path: Path) -> None:
    """https://developers.openai.com/api/docs/guides/batch: only what is in progress can be cancelled."""
    books = services.Books(seconds=60)
    notes: list[str] = []
    async with serving() as server:
        routed("openai", books, server)
        answers = server.route

        def route(request: Request) -> Response | None:
            name = request.path.split("/")[3] if request.path.endswith("/cancel") else ""
            over = name and books.jobs[name].state != "running"
            return error(409, "Cannot cancel a batch with status 'completed'.") if over else answers(request)

        server.route = route
        service = service_at("openai", server.url)
        service.limits = Limits(2, 10**9)
        async with machine(tmp_path, service, "openai", notes) as running:
            await running.submit(texts(4), writer())
            first, second = books.jobs.values()
            books.finish(first)
            await running.cancel()
    assert (first.state, second.state) == ("ended", "cancelled")
    assert any("batch 1 is over" in note for note in notes)
