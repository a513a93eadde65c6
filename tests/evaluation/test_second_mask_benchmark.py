"""A second mask benchmark is one row and a reader: imported, judged and summed up like any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sightbench.commands.command import cli
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import open_run
from sightbench.sample import MaskTruth, Sample, Text, Turn, Video
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark, Needed, Problems

FRAMES = 5


def read(data: Path, profile: str, problems: Problems) -> Iterator[Sample]:
    for number, (clip, question) in enumerate(json.loads((data / "expressions.json").read_text()).items()):
        video = Video(f"tiny/{clip}", tuple(sorted((data / "videos" / clip).iterdir())))
        yield Sample(
            id=clip,
            benchmark="tinyvos",
            task="",
            category="",
            turns=(Turn("user", (video, Text(question))),),
            wants="masks",
            gold=MaskTruth(str(data / "masks" / clip), "object_1", FRAMES),
            order=number,
        )


TINYVOS = Benchmark(
    name="tinyvos",
    title="Tiny referring VOS",
    family="masks",
    scorers={"masks": "jf"},
    definition="mevis",
    read=read,
    prompt="{expression}",
    headline="J&F",
    metric="J and F as MeViS has them",
    reference="none",
    files=(Needed("expressions", ("expressions.json",)),),
)


def draw(path: Path, left: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((32, 32), np.uint8)
    pixels[8:20, left : left + 12] = 255
    Image.fromarray(pixels).save(path)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalog, "BENCHMARKS", (*catalog.BENCHMARKS, TINYVOS))
    root = tmp_path / "data"
    for clip in ("cat", "dog"):
        for frame in range(FRAMES):
            draw(root / "videos" / clip / f"{frame:05d}.png", frame)
            draw(root / "masks" / clip / f"frame_{frame:04d}_obj1.png", frame)
            # The first frame of what a model drew is far off.
            draw(tmp_path / "saved" / clip / f"frame_{frame:04d}_obj1.png", 20 if frame == 0 else frame)
    (root / "expressions.json").write_text(json.dumps({"cat": "the cat", "dog": "the dog"}))
    return root


def test_it_is_imported_judged_by_its_definition_and_summed_up(data: Path, tmp_path: Path) -> None:
    run = score(import_masks(["tinyvos"], data, tmp_path / "saved", tmp_path / "run", "me").run)
    (benchmark,) = run.summary.benchmarks
    assert (benchmark.headline.name, benchmark.headline.n) == ("J&F", 2)
    assert benchmark.headline.value == pytest.approx(80.0, abs=0.01)
    assert [part.name for part in benchmark.headline.parts] == ["J", "F"]
    assert [sample.id for sample, _, _ in open_run(tmp_path / "run")] == ["tinyvos/cat", "tinyvos/dog"]


def test_the_commands_import_it_and_judge_it_by_another_definition(data: Path, tmp_path: Path) -> None:
    where = ["--data", str(data), "--masks", str(tmp_path / "saved"), "--out", str(tmp_path / "run")]
    imported = CliRunner().invoke(cli, ["import", "--task", "tinyvos", *where], catch_exceptions=False)
    assert imported.exit_code == 0 and "80.0" in imported.output
    rescored = ["score", str(tmp_path / "run"), "--masks-as", "davis"]
    assert CliRunner().invoke(cli, rescored, catch_exceptions=False).exit_code == 0
    (benchmark,) = open_run(tmp_path / "run").summary.benchmarks
    # DAVIS leaves out the first and the last frame, and so the one that was wrong.
    assert benchmark.headline.value == 100.0
    assert "J_recall" in [part.name for part in benchmark.headline.parts]
    assert any("those of davis" in note for note in benchmark.notes)


def test_an_endpoint_without_masks_is_told_so(data: Path) -> None:
    from sightbench.evaluation.selection import select

    (dataset,) = select(["tinyvos"], data)
    assert dataset.only(masks=True) == dataset and dataset.only(masks=False) is None
