"""Batches at five providers' wires and as files: the same answers as live, whatever is killed or lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from sightbench.client.batches.file_wire import FileBatches, answers_to
from sightbench.client.batches.ledger import Batch, Ledger
from sightbench.client.batches.machine import Machine, Pace, Place, Tally
from sightbench.client.batches.openai_wire import OpenAIBatches
from sightbench.client.batches.service import Limits, Progress, Read, Result, Service
from sightbench.client.body import Body, Template, build
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache
from sightbench.client.providers import provider
from sightbench.errors import EndpointError
from sightbench.families import Family
from sightbench.sample import Reply, Sample, Video
from tests.client.hosted import services
from tests.client.hosted.batch_process import WIRES, reader, service_at
from tests.client.samples import about, text, texts, to
from tests.faults.server import Response, Scripted, serving

QUICK = Pace(0.01, 0.05)


def routed(wire: str, books: services.Books, server: Scripted) -> None:
    if wire == "gemini":
        server.route = services.gemini(books, lambda: server.url.removesuffix("/v1"))
    else:
        server.route = {
            "openai": services.openai, "anthropic": services.anthropic, "mistral": services.mistral,
            "together": services.together,
        }[wire](books)  # fmt: skip


@contextlib.asynccontextmanager
async def machine(
    folder: Path, service: Service, wire: str, notes: list[str] | None = None
) -> AsyncIterator[Machine]:
    heard = [] if notes is None else notes
    try:
        with Journal.open(folder) as journal:
            ledger = Ledger(folder)
            yield Machine(
                ledger, journal, service, "/chat/completions", reader(wire), heard.append, Place("x"), 0.3
            )
    finally:
        await service.close()


def writer() -> Callable[[Sample], Any]:
    template = Template(to("http://localhost"), provider("generic"), Family())
    cache = MediaCache(template.plan)

    async def write(sample: Sample) -> Body:
        return await build(template, cache, sample)

    return write


async def batched(folder: Path, service: Service, wire: str, samples: Iterable[Sample]) -> Tally:
    async with machine(folder, service, wire) as running:
        await running.submit(samples, writer())
        return await running.wait(QUICK)


def replies(folder: Path) -> dict[str, Reply]:
    with Journal.open(folder, write=False) as journal:
        return {name: journal.at(place) for name, place in journal.index().items()}


def everything(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.rglob("*.json*"))


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
                    process.kill()
                    killed += 1
                await process.communicate()
                finished = process.returncode == 0
        runs += 1
        found = replies(folder)
        assert len(found) == 60 and {reply.status for reply in found.values()} == {"ok"}
        assert len(books.paid) == 60 and set(books.paid.values()) == {1}
    print(f"{killed} kills in {runs} runs of 60 requests: none lost, none paid twice")


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
