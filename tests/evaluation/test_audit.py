"""The audit of a server whose answers depend on its load, and of one whose do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import sightbench
from sightbench.evaluation.studies.audit import audit
from sightbench.reports.studies.audit import sentence
from tests.evaluation.test_compare import data
from tests.faults.server import Request, Response, Scripted, completion, healthy, serving


def options(server: Scripted, root: Path) -> sightbench.Options:
    return sightbench.Options(
        endpoint=server.url, model="tiny", task="MMStar", data=data(root / "data"), out=root / "audit"
    )


async def test_answers_that_depend_on_the_load_are_found(tmp_path: Path) -> None:
    busy: list[int] = []

    def script(request: Request, number: int) -> Response:
        # Right while it was only ever asked one at a time; among others every second answer is another.
        busy.append(server.most)
        return Response(body=completion("A" if server.most > 1 and number % 2 else "B"), delay=0.02)

    async with serving(script) as server:
        (found,) = await asyncio.to_thread(audit, options(server, tmp_path), 20, note=print)
    assert busy[0] == 1 and max(busy) > 1
    scores = {name: metric.value for name, metric in found.scores}
    assert scores["alone"] == 100.0 and scores["together"] == pytest.approx(50.0, abs=6)
    last = found.changes[-1]
    assert (last.first, last.second) == ("alone", "together")
    assert last.answers.value == last.judged.value == pytest.approx(100 - scores["together"])
    assert found.samples == 20 and found.spread is not None
    assert "with nothing changed but the load" in sentence(found)


async def test_a_steady_server_is_called_steady_and_is_not_asked_twice_for_what_is_there(
    tmp_path: Path,
) -> None:
    async with serving(healthy) as server:
        given = options(server, tmp_path)
        (found,) = await asyncio.to_thread(audit, given, 16, note=print)
        count = len(server.requests)
        again = await asyncio.to_thread(audit, given, 16, note=print)
        assert len(server.requests) == count == 64
    assert again == (found,) and found.spread == 0
    assert "all 16 answers are the same" in sentence(found)
