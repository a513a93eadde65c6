"""`--dry-run` shows the request that the run then sends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sightbench.evaluation.evaluate import evaluate
from sightbench.evaluation.options import Options
from sightbench.evaluation.plan import plan
from tests.faults.server import Response, serving
from tests.tasks import formats

VLLM = {"owned_by": "vllm", "root": "Qwen/Qwen2.5-VL-7B-Instruct"}
PLAIN = {"root": "OpenGVLab/InternVL3-8B"}


def without_media(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_media(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_media(inner) for inner in value]
    head, separator, data = str(value).partition(";base64,")
    return f"{head};base64,<{len(data)} characters>" if separator else value


@pytest.mark.parametrize(
    ("served", "task", "more"),
    [
        (VLLM, "dynbench-qa", {}),
        (PLAIN, "dynbench-qa", {"frames": 2}),
        (VLLM, "MMStar", {"system": "Be brief.", "suffix": "One letter."}),
        (PLAIN, "MMStar", {"detail": "low", "min_pixels": 90_000}),
    ],
    ids=["one video", "frames as images", "vllm", "images"],
)
async def test_the_request_of_a_dry_run_is_the_one_that_is_sent(served, task, more, tmp_path: Path) -> None:
    data = formats.make(task.removesuffix("-qa"), tmp_path / "data")
    notes: list[str] = []
    async with serving(**served) as server:
        server.other["/version"] = Response(body=b'{"version": "0.11"}')
        options = Options(endpoint=server.url, task=task, data=data, out=tmp_path / "run", **more)
        planned = await asyncio.to_thread(plan, options, notes.append)
        assert all(len(json.dumps(request.json)) < 300 for request in server.requests), "only probes"
        server.requests.clear()
        await asyncio.to_thread(evaluate, options)
        sent = [without_media(request.json) for request in server.requests]
    (shown,) = planned.examples.values()
    assert planned.seen and planned.model == "tiny"
    assert shown in sent
    assert not notes


async def test_a_server_that_is_not_up_is_named_and_the_options_decide(tmp_path: Path) -> None:
    data = formats.make("dynbench", tmp_path / "data")
    notes: list[str] = []
    options = Options(
        endpoint="http://127.0.0.1:9/v1", provider="vllm", model="Qwen2.5-VL-7B", task="qa", data=data
    )
    planned = await asyncio.to_thread(plan, options, notes.append)
    (request,) = planned.examples.values()
    assert not planned.seen and "127.0.0.1:9" in notes[0]
    assert request["messages"][0]["content"][0]["type"] == "video_url"
