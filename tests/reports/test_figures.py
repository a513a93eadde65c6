"""Figures: written in every form, twice the same, with their fonts in them, told apart without colour."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.studies.figures import KINDS, draw, draw_curve
from sightbench.files import replace_file
from sightbench.reports.studies.sweep import Line, to_json
from sightbench.scorers.score import Metric
from sightbench.tasks import catalog
from tests.evaluation.test_compare import data, run
from tests.tasks import formats

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    root = tmp_path_factory.mktemp("runs")
    data(root / "data")
    base = run(root, "base", {at: "B" if at % 3 else "A" for at in range(60)})
    return [base, run(root, "better", {at: "B" for at in range(60)})]


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_comes_in_every_form_and_twice_the_same(
    runs: list[Run], tmp_path: Path, kind: str
) -> None:
    for ending in ("svg", "pdf", "png"):
        for name in ("one", "two"):
            draw(kind, runs, tmp_path / f"{name}.{ending}")
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    drawing = (tmp_path / "one.svg").read_text()
    assert "<text" not in drawing, "every letter is an outline: no font is missing anywhere"
    assert b"/FontFile2" in (tmp_path / "one.pdf").read_bytes(), "TrueType, embedded"
    with Image.open(tmp_path / "one.png") as image:
        assert image.width > 900 and len(set(image.convert("L").tobytes())) > 20


def test_two_models_are_told_apart_without_colour(runs: list[Run], tmp_path: Path) -> None:
    draw("bars", runs, tmp_path / "bars.svg")
    assert "<pattern" in (tmp_path / "bars.svg").read_text(), "the second model is hatched"
    draw("radar", runs, tmp_path / "radar.svg")
    assert "stroke-dasharray" in (tmp_path / "radar.svg").read_text(), "the second model is dashed"


def test_curves_are_drawn_from_what_a_sweep_left(tmp_path: Path) -> None:
    import orjson

    lines = [
        Line("B", f"checkpoint-{step}", Metric("accuracy", 50 + step / 100, 9, "%", 2.0, (46.0, 60.0)), None,
             0, 9, 9, "sft", float(step))
        for step in (200, 400, 1000)
    ]  # fmt: skip
    replace_file(tmp_path / "sweep.json", orjson.dumps(to_json(lines)))
    draw_curve(tmp_path, tmp_path / "curve.svg")
    assert len(re.findall("<use", (tmp_path / "curve.svg").read_text())) >= 3
    with pytest.raises(UsageError, match="it has B"):
        draw_curve(tmp_path, tmp_path / "curve.svg", "C")
    with pytest.raises(RunFolderError, match=r"sweep\.json"):
        draw_curve(tmp_path / "nowhere", tmp_path / "curve.svg")


@pytest.mark.parametrize("content", ["[]", "{}", "[1]", "null", "nonsense", '[{"benchmark": "B"}]'])
def test_a_sweep_that_holds_nothing_to_draw_is_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises((UsageError, RunFolderError), match=re.escape(str(tmp_path))):
        draw_curve(tmp_path, tmp_path / "curve.svg")


def test_marks_out_of_eighty_lie_on_the_histograms_scale(tmp_path: Path) -> None:
    tree = formats.make("vlabench", tmp_path / "data")
    (selection,) = catalog.resolve(["vlabench"])
    steps = [{"name": name, "params": {"target_entity_name": 1}} for name in ("pick", "place")]
    said = f"```json\n{json.dumps(steps)}\n```"
    rows = [{"id": sample.id, "prediction": said} for sample in catalog.read(selection, tree)]
    file = formats.lines(tmp_path / "answers.jsonl", rows)
    one = score(import_predictions("vlabench", tree, file, tmp_path / "run", None).run)
    with warnings.catch_warnings():
        # What lies far off its axes leaves no room for them, and matplotlib says so.
        warnings.simplefilter("error")
        draw("histogram", [one], tmp_path / "histogram.png")


def test_what_cannot_be_drawn_is_one_line(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.svg"):
        draw("bars", runs, tmp_path / "bars.gif")
    with pytest.raises(UsageError, match="share MMStar"):
        draw("bars", runs, tmp_path / "bars.svg", "MME")
    command = [sys.executable, "-m", "sightbench", "plot", "bars", str(runs[0].folder)]
    done = subprocess.run([*command, "--out", str(tmp_path / "x.bmp")], capture_output=True, text=True)
    assert done.returncode == 2 and "error:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["bars", "radar", "histogram"])
def test_a_run_without_a_value_is_one_line(kind: str, tmp_path: Path) -> None:
    data(tmp_path / "data")
    lost = run(tmp_path, "lost", {0: "B"})
    (lost.folder / "replies.jsonl").write_bytes(b"")
    with pytest.raises(UsageError, match=r"has no value there|has a score"):
        draw(kind, [score(open_run(lost.folder, tmp_path / "data"))], tmp_path / "figure.svg")
