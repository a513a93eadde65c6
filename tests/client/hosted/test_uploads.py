"""Videos in Gemini's file store: uploaded once whatever happens, and referred to when they are ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sightbench.client.probe import ServerInfo
from sightbench.client.run import settle
from sightbench.client.settings import Settings
from sightbench.errors import EndpointError, UsageError
from sightbench.sample import Sample, Video
from tests.client.hosted import live
from tests.client.hosted.file_store import FileStore
from tests.client.samples import about, run, to
from tests.faults.server import Request, Response, Scripted, serving


@contextlib.asynccontextmanager
async def gemini(**given: Any) -> AsyncIterator[tuple[Scripted, FileStore, live.Service]]:
    service = live.gemini()
    async with serving() as server:
        store = FileStore(lambda: server.url.removesuffix("/v1"), **given)
        server.route = lambda request: store.route(request) or service.route(request)
        yield server, store, service


def settings(server: Scripted, **given: Any) -> Settings:
    values = {"provider": "gemini", "model": "gemini-3.6-flash", "api_key": "sk-test", "mode": "upload"}
    return to(server.url, **(values | given))


def films(tmp_path: Path, count: int = 2, questions: int = 3) -> list[Sample]:
    samples = []
    for number in range(count):
        file = tmp_path / f"film{number}.mp4"
        file.write_bytes(b"moving pictures %d" % number)
        video = Video(file.name, file=file)
        samples += [about(video, f"q/{number}/{one}", f"question {one}") for one in range(questions)]
    return samples


async def test_each_video_is_uploaded_once_and_asked_about_when_it_is_ready(tmp_path: Path) -> None:
    async with gemini(slow=1) as (server, store, service):
        outcome, replies = await run(tmp_path / "run", settings(server, fps=2.0), films(tmp_path))
        assert (outcome.answered, len(store.uploads), len(set(store.uploads))) == (6, 2, 2)
        assert all(entry["state"] == "ACTIVE" for entry in store.files.values())
        parts = [body["contents"][0]["parts"][0] for body in service.asked]
        uris = {part["fileData"]["fileUri"] for part in parts}
        assert uris == {entry["uri"] for entry in store.files.values()}
        assert {json.dumps(part["videoMetadata"]) for part in parts} == {'{"fps": 2.0}'}
        # The next invocation asks nothing, and another question in it uploads nothing.
        more = [*films(tmp_path), about(films(tmp_path)[0].turns[0].parts[0], "q/new", "And?")]  # type: ignore[arg-type]
        outcome, _ = await run(tmp_path / "run", settings(server, fps=2.0), more)
        assert (outcome.kept, outcome.answered, len(store.uploads)) == (6, 1, 2)
    assert {medium.kind for reply in replies.values() if reply.sent for medium in reply.sent.media} == {
        "file"
    }


async def test_an_upload_that_nobody_wrote_down_is_found_in_the_store(tmp_path: Path) -> None:
    """A process killed between the upload and its line, and another run of the same videos."""
    async with gemini() as (server, store, _):
        await run(tmp_path / "run", settings(server), films(tmp_path))
        (tmp_path / "run" / "uploads.jsonl").write_bytes(b'{"sha256":"torn')
        await run(tmp_path / "run", settings(server, max_tokens=7), films(tmp_path))
        await run(tmp_path / "other", settings(server), films(tmp_path))
    assert len(store.uploads) == 2


async def test_what_the_store_has_deleted_is_uploaded_again(tmp_path: Path) -> None:
    async with gemini() as (server, store, _):
        await run(tmp_path / "run", settings(server), films(tmp_path))
        store.files.clear()
        outcome, _ = await run(tmp_path / "run", settings(server, max_tokens=7), films(tmp_path))
    assert (outcome.failed, len(store.uploads)) == (0, 4)


async def test_a_video_that_cannot_be_read_costs_its_own_samples(tmp_path: Path) -> None:
    samples = films(tmp_path)
    (tmp_path / "film0.mp4").write_bytes(b"broken")
    missing = about(Video("none", file=tmp_path / "none.mp4"), "q/none")
    async with gemini() as (server, _, _):
        outcome, replies = await run(tmp_path / "run", settings(server), [*samples, missing])
    assert (outcome.answered, outcome.failed) == (3, 4)
    words = {name: reply.error.message for name, reply in replies.items() if reply.error is not None}
    assert "cannot be decoded" in words["q/0/0"] and "film0.mp4" in words["q/0/0"]
    assert "none.mp4" in words["q/none"]


async def test_a_store_that_refuses_everything_ends_the_run_in_one_line(tmp_path: Path) -> None:
    async with gemini() as (server, _, service):
        refused = json.dumps({"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}).encode()

        def route(request: Request) -> Response | None:
            return Response(401, refused) if "/files" in request.path else service.route(request)

        server.route = route
        outcome, _ = await run(tmp_path / "run", settings(server), films(tmp_path))
    assert outcome.answered == 0 and "upload" in str(outcome.stopped) and "key" in str(outcome.stopped)
    assert len(str(outcome.stopped).splitlines()) == 1


async def test_killed_at_any_step_nothing_is_uploaded_twice(tmp_path: Path) -> None:
    """The run ends without a word at the n-th request that reaches the service."""

    class Killed(BaseException):
        pass

    async with gemini(slow=1) as (server, store, _):
        whole = server.route
        for moment in range(1, 9):
            seen = 0

            def route(request: Request, moment: int = moment) -> Response | None:
                nonlocal seen
                seen += 1
                answer = whole(request)
                if seen == moment:
                    raise Killed
                return answer

            server.route = route
            task = asyncio.create_task(
                run(tmp_path / "run", settings(server, concurrency=1, attempts=1), films(tmp_path, 1, 1))
            )
            await asyncio.sleep(0.2)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, EndpointError):
                await task
        server.route = whole
        outcome, _ = await run(tmp_path / "run", settings(server), films(tmp_path, 1, 1))
    assert outcome.failed == 0 and len(store.uploads) == 1


def test_only_gemini_has_a_store_and_each_project_its_own() -> None:
    with pytest.raises(UsageError, match="only Gemini"):
        settle(to("https://api.openai.com/v1"), ServerInfo("x", model="m"), mode="upload")
    two = to("https://generativelanguage.googleapis.com/v1beta", "https://generativelanguage.googleapis.com")
    with pytest.raises(UsageError, match="one endpoint"):
        settle(two, ServerInfo("x", model="m"), mode="upload")
