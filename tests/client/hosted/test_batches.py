"""Batches at five providers' wires and as files: the same answers as live, whatever is killed or lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from sightbench.client.batches.file_wire import FileBatches, answers_to
from sightbench.client.batches.ledger import Batch, Ledger
from sightbench.client.batches.machine import Machine, Place
from sightbench.client.batches.openai_wire import OpenAIBatches
from sightbench.client.batches.service import Limits, Progress, Read, Result, Service
from sightbench.client.journal import Journal
from tests.client.hosted import services
from tests.client.hosted.batch_machine import QUICK, batched, machine, replies, routed, writer
from tests.client.hosted.batch_process import WIRES, reader, service_at
from tests.client.samples import text, texts
from tests.faults.server import Request, Response, serving


@pytest.mark.parametrize("wire", WIRES)
async def test_a_batch_answers_every_sample_as_its_provider_documents(wire: str, tmp_path: Path) -> None:
    books = services.Books(seconds=0.05)
    async with serving() as server:
        routed(wire, books, server)
        tally = await batched(tmp_path, service_at(wire, server.url), wire, texts(7))
    assert (tally.answered, tally.failed) == (7, 0)
    found = replies(tmp_path)
    assert len(found) == 7 and all(reply.status == "ok" and reply.tier == "batch" for reply in found.values())
    assert {reply.usage.prompt_tokens for reply in found.values()} == {100}
    assert set(books.paid.values()) == {1}
    # What the provider has is not kept twice.
    assert not list((tmp_path / "batches").glob("000?.jsonl"))


async def test_requests_are_cut_into_batches_by_number_and_by_bytes(tmp_path: Path) -> None:
    books = services.Books()
    async with serving() as server:
        routed("openai", books, server)
        service = OpenAIBatches(server.url, "key")
        service.limits = Limits(3, 10**9)
        await batched(tmp_path / "a", service, "openai", texts(7))
        assert [len(job.items) for job in books.jobs.values()] == [3, 3, 1]
        books.jobs.clear()
        service = OpenAIBatches(server.url, "key")
        service.limits = Limits(100, 1200)
        await batched(tmp_path / "b", service, "openai", texts(7))
        sizes = [len(content) for content in books.files.values()]
    assert len(books.jobs) > 1 and max(sizes) <= 1200
    assert len(replies(tmp_path / "b")) == 7


async def test_a_request_that_no_batch_can_hold_fails_alone(tmp_path: Path) -> None:
    books = services.Books()
    async with serving() as server:
        routed("openai", books, server)
        service = OpenAIBatches(server.url, "key")
        service.limits = Limits(100, 700)
        samples = [text("small", "Which?"), text("large", "Which? " * 200)]
        await batched(tmp_path, service, "openai", samples)
    found = replies(tmp_path)
    assert found["small"].status == "ok"
    assert found["large"].error is not None and found["large"].error.kind == "too_large"


async def test_two_samples_that_ask_the_same_are_paid_once_and_both_answered(tmp_path: Path) -> None:
    books = services.Books()
    async with serving() as server:
        routed("openai", books, server)
        await batched(tmp_path, OpenAIBatches(server.url, "key"), "openai", [text("a"), text("b")])
    found = replies(tmp_path)
    assert sum(books.paid.values()) == 1 and found["a"].text == found["b"].text


@pytest.mark.parametrize("wire", WIRES)
async def test_failed_and_expired_items_are_asked_again_and_the_others_kept(
    wire: str, tmp_path: Path
) -> None:
    turns: list[str] = []

    def run(name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        turns.append(name)
        first = turns.count(name) == 1
        if first and len(turns) == 2:
            return 400, {"error": {"message": "broken", "type": "invalid_request_error", "code": None}}
        return None if first and len(turns) == 3 else services.chat(name, body)

    books = services.Books(run=run)
    async with serving() as server:
        routed(wire, books, server)
        first = await batched(tmp_path, service_at(wire, server.url), wire, texts(6))
        assert (first.answered, first.failed) == (4, 2)
        second = await batched(tmp_path, service_at(wire, server.url), wire, texts(6))
    assert (second.answered, second.failed) == (2, 0)
    assert {reply.status for reply in replies(tmp_path).values()} == {"ok"}
    assert set(books.paid.values()) == {1}


async def test_a_batch_that_fails_as_a_whole_leaves_its_samples_to_be_asked_again(tmp_path: Path) -> None:
    books = services.Books(seconds=60)
    notes: list[str] = []
    async with serving() as server:
        routed("openai", books, server)
        async with machine(tmp_path, OpenAIBatches(server.url, "key"), "openai", notes) as running:
            await running.submit(texts(3), writer())
            for job in books.jobs.values():
                job.state = "failed"
            await running.wait(QUICK)
            assert len(running.unanswered([f"q/{i}" for i in range(3)])) == 3
            assert any("Enqueued token limit" in note for note in notes)
            books.seconds = 0
            await running.submit(texts(3), writer())
            await running.wait(QUICK)
    assert len(replies(tmp_path)) == 3 and set(books.paid.values()) == {1}


@pytest.mark.parametrize("hours", [0.05, 9])
@pytest.mark.parametrize("wire", WIRES)
async def test_a_clock_that_is_ahead_pays_no_batch_twice(
    wire: str, hours: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the moment between the service's yes and its line in the ledger."""
    books = services.Books()
    async with serving() as server:
        routed(wire, books, server)
        answers, right = server.route, time.time

        def dated(request: Request) -> Response | None:
            found = answers(request)
            date = {"Date": formatdate(right(), usegmt=True)}
            return found and replace(found, headers={**found.headers, **date})

        server.route = dated
        books.now = right
        monkeypatch.setattr(time, "time", lambda: right() + 3600 * hours)
        service = service_at(wire, server.url)
        with Journal.open(tmp_path) as journal:
            dying = DyingService(service, Clock(2))
            ledger = Ledger(tmp_path)
            running = Machine(
                ledger, journal, dying, "/chat/completions", reader(wire), print, Place("x"), 0.1
            )
            with pytest.raises(Killed):
                await running.submit(texts(3), writer())
        await service.close()
        if wire in ("openai", "anthropic"):
            # These are looked through from the newest on, until they are too old.
            books.start("other-", "", [("other", {})])
        await batched(tmp_path, service_at(wire, server.url), wire, texts(3))
    assert len(replies(tmp_path)) == 3 and set(books.paid.values()) == {1}


async def test_a_clock_that_was_set_back_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = services.Books()
    async with serving() as server:
        routed("openai", books, server)
        service = service_at("openai", server.url)
        with Journal.open(tmp_path) as journal:
            dying = DyingService(service, Clock(1))
            ledger = Ledger(tmp_path)
            running = Machine(
                ledger, journal, dying, "/chat/completions", reader("openai"), print, Place("x")
            )
            with pytest.raises(Killed):
                await running.submit(texts(3), writer())
        await service.close()
        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() - 86_400)
        async with asyncio.timeout(10):
            await batched(tmp_path, service_at("openai", server.url), "openai", texts(3))
    assert len(replies(tmp_path)) == 3 and set(books.paid.values()) == {1}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_cancelled_batch_keeps_what_it_answered(wire: str, tmp_path: Path) -> None:
    books = services.Books(seconds=60)
    async with serving() as server:
        routed(wire, books, server)
        async with machine(tmp_path, service_at(wire, server.url), wire) as running:
            await running.submit(texts(6), writer())
            waiting = await running.collect()
            assert waiting.waiting == 6
            await running.cancel()
            tally = await running.wait(QUICK)
    assert tally.answered == 3 and len(replies(tmp_path)) == 3


class Killed(BaseException):
    """Stands for the end of the process: nothing after it runs."""


class Clock:
    """Counts moments and dies at one of them; 0 never dies."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class DyingLedger(Ledger):
    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder)
        self._clock = clock

    def write(self, batch: Batch) -> Batch:
        self._clock.tick()
        written = super().write(batch)
        self._clock.tick()
        return written


class DyingService:
    """A service whose caller may die before it asks, and after the provider has done what was asked."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service, self._clock = service, clock
        self.name, self.limits, self.frame, self.line, self.redaction = (
            service.name, service.limits, service.frame, service.line, service.redaction,
        )  # fmt: skip

    async def create(self, file: Path, token: str) -> str:
        return await self._dying(self._service.create(file, token))

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        return await self._dying(self._service.find(token, items, since, known))

    async def poll(self, batch: str) -> Progress:
        return await self._dying(self._service.poll(batch))

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        async for found in self._service.results(batch, read):
            self._clock.tick()
            yield found

    async def cancel(self, batch: str) -> None:
        await self._service.cancel(batch)

    async def close(self) -> None:
        await self._service.close()

    async def _dying(self, work: Any) -> Any:
        try:
            self._clock.tick()
        except Killed:
            work.close()
            raise
        made = await work
        self._clock.tick()
        return made


@pytest.mark.parametrize("wire", WIRES)
async def test_killed_at_any_step_nothing_is_lost_and_nothing_paid_twice(wire: str, tmp_path: Path) -> None:
    """Before and after every line of the ledger, every request to the provider and every result."""
    moment = 0
    died = True
    while died:
        moment += 1
        died = False
        folder = tmp_path / str(moment)
        books = services.Books()
        async with serving() as server:
            routed(wire, books, server)
            clock = Clock(moment)
            service = service_at(wire, server.url)
            service.limits = Limits(4, 10**9)
            with Journal.open(folder) as journal:
                dying = DyingService(service, clock)
                ledger = DyingLedger(folder, clock)
                running = Machine(
                    ledger, journal, dying, "/chat/completions", reader(wire), print, Place("x"), 0.1
                )
                try:
                    await running.submit(texts(6), writer())
                    await running.wait(QUICK)
                except Killed:
                    died = True
            await service.close()
            service = service_at(wire, server.url)
            service.limits = Limits(4, 10**9)
            await batched(folder, service, wire, texts(6))
        found = replies(folder)
        assert len(found) == 6 and {reply.status for reply in found.values()} == {"ok"}, moment
        assert set(books.paid.values()) == {1}, moment
    assert moment > 20


LONG = [
    pytest.mark.soak,
    pytest.mark.skipif(not os.environ.get("SIGHTBENCH_SOAK"), reason="long form: make soak"),
]


@pytest.mark.parametrize(
    ("wire", "kills"), [("openai", 4), *(pytest.param(wire, 40, marks=LONG) for wire in WIRES)]
)
async def test_killed_processes_lose_nothing_and_pay_nothing_twice(
    wire: str, kills: int, tmp_path: Path
) -> None:
    """Real processes, killed at random moments, one run after the other until that many were killed."""
    draw = random.Random(3)
    killed = runs = 0
    while killed < kills:
        books = services.Books(seconds=0.3)
        folder = tmp_path / str(runs)
        async with serving() as server:
            routed(wire, books, server)
            finished = False
            while not finished:
                command = (
                    sys.executable,
                    "-m",
                    "tests.client.hosted.batch_process",
                    wire,
                    server.url,
                    str(folder),
                    "60",
                )
                process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
                assert process.stdout is not None
                # Its imports are over then: a kill before would find nothing begun.
                await process.stdout.readline()
                try:
                    await asyncio.wait_for(process.wait(), draw.uniform(0.0, 0.5) if killed < kills else None)
                except TimeoutError:
                    # It may have ended while the wait for it was given up.
                    if process.returncode is None:
                        process.kill()
                        killed += 1
                await process.communicate()
                finished = process.returncode == 0
        runs += 1
        found = replies(folder)
        assert len(found) == 60 and {reply.status for reply in found.values()} == {"ok"}
        assert len(books.paid) == 60 and set(books.paid.values()) == {1}
    print(f"{killed} kills in {runs} runs of 60 requests: none lost, none paid twice")


async def test_several_lines_about_a_request_are_one_answer(tmp_path: Path) -> None:
    """Two files of answers put together: in another order, twice, a failure beside an answer, one missing."""
    async with machine(tmp_path, FileBatches(tmp_path / "batches"), "openai") as running:
        await running.submit(texts(4), writer())
    file = tmp_path / "batches" / "0001.jsonl"
    names = [json.loads(line)["custom_id"] for line in file.read_text().splitlines()]

    def line(name: str, text: str | None) -> str:
        response = text and {"status_code": 200, "request_id": "x", "body": services.answered(text)}
        error = None if text else {"message": "the engine died"}
        return json.dumps({"id": "1", "custom_id": name, "response": response, "error": error})

    told = [(2, "A"), (0, None), (0, "B"), (2, "C"), (2, None), (1, None), (1, None)]
    answers_to(file).write_text("\n".join(line(names[number], text) for number, text in told))
    notes: list[str] = []
    async with machine(tmp_path, FileBatches(tmp_path / "batches"), "openai", notes) as running:
        tally = await running.collect()
        assert running.unanswered([f"q/{i}" for i in range(4)]) == ["q/1", "q/3"]
    assert (tally.answered, tally.failed) == (2, 1)
    assert any("4 of its lines" in note for note in notes)
    found = replies(tmp_path)
    assert {name: reply.text for name, reply in found.items()} == {"q/0": "B", "q/1": None, "q/2": "A"}
    assert len((tmp_path / "replies.jsonl").read_bytes().splitlines()) == 3


async def test_answers_may_come_from_anywhere_as_a_file(tmp_path: Path) -> None:
    """The requests are OpenAI's JSONL, the answers are read back, and what is missing is written again."""
    async with machine(tmp_path, FileBatches(tmp_path / "batches"), "openai") as running:
        await running.submit(texts(3), writer())
        tally = await running.collect()
        assert tally.waiting == 3
    file = tmp_path / "batches" / "0001.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(row["method"] == "POST" and row["url"] == "/v1/chat/completions" for row in rows)
    with answers_to(file).open("w") as out:
        for row in rows[:2]:
            response = {"status_code": 200, "request_id": "x", "body": services.chat("", row["body"])[1]}
            out.write(json.dumps({"id": "1", "custom_id": row["custom_id"], "response": response}) + "\n")
    async with machine(tmp_path, FileBatches(tmp_path / "batches"), "openai") as running:
        tally = await running.collect()
        assert (tally.answered, tally.failed) == (2, 0)
        await running.submit(texts(3), writer())
    again = [json.loads(line) for line in (tmp_path / "batches" / "0002.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in again] == [rows[2]["custom_id"]]
