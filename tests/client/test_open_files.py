"""A process with few files to open, and a number of requests that nothing can hold."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

import pytest

from tests.client.samples import run, texts, to
from tests.faults.server import Request, Response, completion, serving
from tests.paths import ROOT


@pytest.mark.parametrize("files", [64, 256])
async def test_the_number_in_flight_follows_the_limit_on_open_files(files: int, tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(), delay=0.02)

    async with serving(script) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.ask", server.url, str(tmp_path), "1500", "1000"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
        )
        out, said = await process.communicate()
        assert files // 4 < server.most < files
    assert process.returncode == 0, said.decode()
    outcome = json.loads(out.splitlines()[-1])
    assert (outcome["answered"], outcome["failed"], outcome["stopped"]) == (1500, 0, None)
    assert f"may have {files} files open" in said.decode()


async def test_a_hundred_million_requests_at_once_are_as_many_as_there_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as server:
        outcome, _ = await run(tmp_path, to(server.url, concurrency=100_000_000), texts(200))
    assert outcome.answered == 200 and outcome.seconds < 20
    assert any("100,000,000 requests at once" in line for line in caplog.messages)
