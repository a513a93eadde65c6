"""Answers of earlier runs are taken where exactly the same was asked of the same model, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightbench.client.journal import Journal
from sightbench.client.lines import to_line
from sightbench.errors import UsageError
from sightbench.evaluation.evaluate import evaluate_async
from sightbench.evaluation.options import Options
from sightbench.sample import Reply
from tests.client.hosted import live, services
from tests.faults.server import Scripted, error, healthy, serving
from tests.tasks import formats


def options(server: Scripted, tmp_path: Path, **given: Any) -> Options:
    data = tmp_path / "data"
    if not data.exists():
        formats.dynbench(data)
        options = ["A. left", "B. right"]
        for task in ("cameraqa", "qa", "sceneqa"):
            question = {"question": f"Where does the {task} go?", "options": options, "answer": "B"}
            formats.put(data / f"multi_json/davis/cow_{task}.json", [question])
    values: dict[str, Any] = {
        "endpoint": server.url, "task": "dynbench-qa", "data": data, "out": tmp_path / "second",
        "concurrency": 4,
    }  # fmt: skip
    return Options(**(values | given))


def replies(folder: Path) -> dict[str, Reply]:
    with Journal.open(folder, write=False) as journal:
        return {name: journal.at(place) for name, place in journal.index().items()}


async def test_a_second_run_asks_nothing_and_says_where_its_answers_are_from(tmp_path: Path) -> None:
    async with serving(root="/weights/a") as server:
        first = await evaluate_async(options(server, tmp_path, out=tmp_path / "runs" / "first"))
        asked = server.count
        notes: list[str] = []
        # Another split of the same questions, from all runs below a folder.
        again = options(server, tmp_path, reuse=(str(tmp_path / "runs"),), task="dynbench-objqa")
        second = await evaluate_async(again, note=notes.append)
        third = await evaluate_async(again)
    assert server.count == asked > 0
    assert second.outcome is not None and third.outcome is not None
    assert (second.outcome.asked, second.outcome.reused) == (0, len(replies(second.folder)))
    assert (third.outcome.reused, third.outcome.kept) == (0, second.outcome.reused)
    before = replies(first.folder)
    for name, reply in replies(second.folder).items():
        assert reply == replace(before[name], reused=str(first.folder))
    assert any("may be used again" in note for note in notes)
    told = " ".join((second.folder / "report.txt").read_text().split())
    assert f"{second.outcome.reused} answers were taken from earlier runs" in told and "first" in told


async def test_failed_replies_and_other_requests_are_asked(tmp_path: Path) -> None:
    async with serving(root="/weights/a") as server:
        server.script = lambda request, number: error(400) if number else healthy(request, number)
        await evaluate_async(options(server, tmp_path, out=tmp_path / "first"))
        server.script = healthy
        server.count = 0
        reuse = (str(tmp_path / "first"),)
        second = await evaluate_async(options(server, tmp_path, reuse=reuse))
        other = await evaluate_async(
            options(server, tmp_path, reuse=reuse, max_tokens=7, out=tmp_path / "third")
        )
    assert second.outcome is not None and other.outcome is not None
    assert second.outcome.reused == 1 and second.outcome.failed == 0 and second.outcome.answered > 1
    assert other.outcome.reused == 0


@pytest.mark.parametrize(
    ("entry", "given", "reused"),
    [
        ({"root": "/weights/b"}, {}, False),
        ({}, {}, False),
        ({"root": "/weights/b"}, {"same_model": True}, True),
        ({"root": "/weights/a", "owned_by": "sglang"}, {}, False),
    ],
)
async def test_answers_of_other_weights_are_left_alone(
    entry: dict[str, Any], given: dict[str, Any], reused: bool, tmp_path: Path
) -> None:
    async with serving(root="/weights/a") as server:
        await evaluate_async(options(server, tmp_path, out=tmp_path / "first"))
    notes: list[str] = []
    async with serving(**entry) as server:
        reuse = (str(tmp_path / "first"),)
        second = await evaluate_async(options(server, tmp_path, reuse=reuse, **given), note=notes.append)
    assert second.outcome is not None and bool(second.outcome.reused) == reused
    assert any("takes nothing from" in note for note in notes) == (not reused)


async def test_a_draw_is_taken_only_when_told_and_no_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that takes no temperature draws at its default of 1."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    service = live.anthropic()
    async with serving() as server:
        server.route = service.route
        hosted = {"provider": "anthropic", "model": "claude-opus-5", "max_tokens": 64}
        await evaluate_async(options(server, tmp_path, out=tmp_path / "first", **hosted))
        with pytest.raises(UsageError, match="--reuse-sampled"):
            await evaluate_async(options(server, tmp_path, reuse=(str(tmp_path / "first"),), **hosted))
        asked = len(service.asked)
        reuse = {"reuse": (str(tmp_path / "first"),), "reuse_sampled": True}
        second = await evaluate_async(options(server, tmp_path, **reuse, **hosted))
        # One request finds out what the model takes.
        assert len(service.asked) == asked + 1
        with pytest.raises(UsageError, match="no other run"):
            await evaluate_async(options(server, tmp_path, reuse=(str(tmp_path / "data"),), **hosted))
    spent = second.summary.spent
    assert spent is not None and spent.dollars == 0
    assert any("cost nothing here" in line for line in spent.lines)


async def test_batches_leave_out_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    service = live.openai()
    books = services.Books()
    async with serving() as server:
        batch_route = services.openai(books)
        server.route = lambda request: batch_route(request) or service.route(request)
        given = {"provider": "openai", "model": "gpt-5.1", "max_tokens": 64}
        await evaluate_async(options(server, tmp_path, out=tmp_path / "first", **given))
        given |= {"reuse": (str(tmp_path / "first"),), "reuse_sampled": True, "batch": "api"}
        second = await evaluate_async(options(server, tmp_path, **given))
    assert not books.jobs
    assert second.outcome is not None and second.outcome.reused == len(replies(second.folder)) > 0


def test_a_journal_that_was_written_anew_gives_nothing(tmp_path: Path) -> None:
    from sightbench.client.store import Store

    with Journal.open(tmp_path) as journal:
        journal.append(Reply("q", "a" * 64, "ok", "A"))
    store = Store([tmp_path])
    (tmp_path / "replies.jsonl").write_bytes(to_line(Reply("q", "b" * 64, "ok", "B")))
    assert len(store) == 1 and store.take("q", "a" * 64) is None
