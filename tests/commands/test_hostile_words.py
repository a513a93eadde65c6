"""Names, categories and answers that would steer a terminal, and terminals that know ASCII only."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.server import Response, Scripted, completion, serving
from tests.paths import ROOT
from tests.tasks import formats

STEERS = "\x1b[2J\x1b]0;owned\x07[/red][bold]漢字\u202eabc\u2028\ud7ff\r\n\t{x}%s"
MODEL = "模型[/red]\x1b[2J"
ASCII = {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """MMStar's table with categories and options that would steer a terminal."""
    root = formats.make("MMStar", tmp_path / "data")
    table = root / "MMStar.tsv"
    head, *rows = table.read_text().splitlines()
    column = head.split("\t").index("category")
    wild = STEERS.replace("\r\n\t", " ").replace("\u2028", " ")
    for number, row in enumerate(rows):
        cells = row.split("\t")
        cells[column] = f"{wild} {number}"
        rows[number] = "\t".join(cells)
    table.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return root


async def bench(*words: object, env: dict[str, str] = ASCII) -> tuple[int | None, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "bench.py", *map(str, words)),
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out


@asynccontextmanager
async def steering() -> AsyncIterator[Scripted]:
    """A server whose model, owner and answers would steer a terminal."""
    answer = completion(f"A {STEERS}", model=MODEL, reasoning=STEERS)
    async with serving(lambda request, number: Response(body=answer)) as server:
        models = [{"id": MODEL, "object": "model", "owned_by": STEERS, "root": STEERS}]
        server.other["/v1/models"] = Response(body=json.dumps({"data": models}).encode())
        yield server


def harmless(out: bytes) -> bool:
    """Nothing that steers: no escape of theirs, no bell, no title, no mark that turns text around."""
    return not any(each in out for each in (b"\x1b[2J", b"\x1b]0;", b"\x07", "\u202e".encode(), b"Traceback"))


async def test_a_whole_run_on_an_ascii_terminal(data: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    async with steering() as server:
        for run in runs:
            asked = ("--endpoint", server.url, "--model", MODEL, "--task", "MMStar", "--data", data)
            code, out = await bench(*asked, "--alias", f"[/red]{STEERS}", "--out", run)
            assert code == 0 and harmless(out), out.decode()
    for words in (
        ("score", runs[0], "--data", data),
        ("report", *runs, "--data", data, "--out", tmp_path / "page.html"),
        ("compare", *runs, "--data", data),
        ("leaderboard", *runs, "--data", data),
        ("plan", runs[0], "--data", data),
        ("export", runs[0], "--data", data, "--format", "vlmevalkit"),
    ):
        code, out = await bench(*words)
        assert code in (0, 1, 2) and harmless(out), out.decode()
    assert harmless((runs[0] / "report.txt").read_bytes())


async def test_listings_fit_an_ascii_terminal() -> None:
    for words in (
        ("tasks",),
        ("models",),
        ("tasks", "MMStar"),
        ("--help",),
        ("grade", "--metric", "cmmmu", "-h"),
    ):
        code, out = await bench(*words)
        assert code == 0 and harmless(out), out.decode()


async def test_a_run_on_a_terminal_that_obeys_escapes(data: Path, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    async with steering() as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "bench.py", "--endpoint", server.url, "--model", MODEL, "--task", "MMStar"),
            *("--data", str(data), "--alias", STEERS.replace("\x1b", ""), "--out", str(tmp_path / "run")),
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        out = bytearray()
        reading = asyncio.create_task(asyncio.to_thread(_drain, master, out))
        code = await asyncio.wait_for(process.wait(), 120)
        await reading
    os.close(master)
    assert code in (0, 1) and b"MMStar" in out and harmless(bytes(out)), out.decode(errors="replace")


def _drain(master: int, out: bytearray) -> None:
    while True:
        try:
            read = os.read(master, 65536)
        except OSError:  # how a terminal whose other side is closed ends
            return
        if not read:
            return
        out += read
