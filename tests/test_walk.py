"""docs/walk.md names what is there, and the numbers it prints are those of the run it tells to make."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.paths import ROOT

WALK = (ROOT / "docs/walk.md").read_text()
PLACES = re.findall(r"`([a-z_/]+\.py)`(?:\s+\(([^)]*)\))?", WALK)


@pytest.mark.parametrize(("path", "names"), PLACES, ids=[path for path, _ in PLACES])
def test_every_place_it_names_is_there(path: str, names: str) -> None:
    source = (ROOT / path).read_text()
    for name in re.findall(r"`(\w+)`", names):
        assert re.search(rf"^\s*(async def|def|class) {name}\b", source, re.MULTILINE), (
            f"{path} has no {name}"
        )


def test_its_numbers_are_those_of_its_run(run: Command) -> None:
    assert run("--scenes", 4, "--out", "runs/walk", "--quiet")[0] == 0
    lines = Path("runs/walk/scores.jsonl").read_text().splitlines()
    scores = {score["sample"]: score for score in map(json.loads, lines)}
    assert f"asks it {len(scores)} samples" in WALK
    question = scores["synthetic/s0-00000/qa/0"]
    mask = scores["synthetic/s0-00000/cameramask/object_3"]
    assert question["value"] == 1.0
    assert f'"value": {mask["value"]}' in WALK
    assert f'"J": {mask["detail"]["J"]}, "F": {mask["detail"]["F"]}' in WALK
    summary = json.loads(Path("runs/walk/summary.json").read_text())
    overall = summary["benchmarks"][0]["headline"]
    assert f"{overall['value']:.1f} ±{overall['stderr']:.1f}" in WALK
