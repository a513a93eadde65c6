"""One field is one flag, one name of a config file, one entry of the body and of run.json."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from sightbench.client.sampling import RequestOptions, Sampling
from sightbench.evaluation.options import Options
from sightbench.flags import flags, spelled
from tests.conftest import Command
from tests.faults.server import serving
from tests.tasks import formats

VALUES = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "repetition_penalty": 1.1, "seed": 3}


def test_every_sampling_parameter_has_a_value_here() -> None:
    assert set(VALUES) == {entry.name for entry in fields(Sampling)}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(VALUES))
    return path


def record_of(folder: Path) -> Any:
    return json.loads((folder / "run.json").read_bytes())["request"]


@pytest.mark.parametrize("way", ["flag", "config"])
async def test_a_sampling_parameter_reaches_the_body_and_the_record(
    way: str, run: Command, config: Path, tmp_path: Path
) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    given: list[object] = ["--config", config]
    if way == "flag":
        given = [word for name, value in VALUES.items() for word in (spelled(name), value)]
    async with serving() as server:
        flags_ = ("--endpoint", server.url, "--model", "tiny", "--task", "MMStar", "--data", data)
        code, out, err = await asyncio.to_thread(run, *flags_, "--out", "RUN", "--quiet", *given)
        assert code == 0, out + err
        bodies = [request.json for request in server.requests]
    assert bodies
    assert all({name: body[name] for name in VALUES} == VALUES for body in bodies)
    record = record_of(tmp_path / "RUN")
    assert {name: record[name] for name in VALUES} == VALUES
    assert set(record) == {entry.name for entry in fields(RequestOptions)} | {"mode"}


def test_every_field_of_the_options_is_a_flag(run: Command) -> None:
    shown = run("--help")[1]
    by_repeats = {"repeat"}
    assert {name for name, _ in flags(Options)} == {entry.name for entry in fields(Options)} - by_repeats
    assert all(spelled(name) in shown for name, _ in flags(Options))


async def test_a_models_name_in_another_spelling_is_recognised(run: Command, tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    async with serving() as server:
        flags_ = ("--endpoint", server.url, "--model", "Tiny", "--task", "MMStar", "--data", data)
        code, _, err = await asyncio.to_thread(run, *flags_)
    assert code == 1
    assert "does not serve 'Tiny', did you mean tiny; it serves: tiny" in err
