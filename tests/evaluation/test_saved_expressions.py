"""Masks of expressions that exist already: imported, judged by anybody's rule, and written out again."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sightbench import rle
from sightbench.commands.command import cli
from sightbench.evaluation.export import export
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.report import report
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run, open_run
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.score import Metric
from tests.tasks import formats
from tests.tasks.mask_formats import FRAMES, HEIGHT, WIDTH, block, track

TRUTH = {
    ("cat", "0"): [block(1 + at) for at in range(3)],
    ("cat", "1"): [block(1), block(2), block(3)],
    ("zoo/dog", "0"): [block(4 + at) for at in range(3)],
}
BOTH = [block(1) | block(9), block(2), block(3) | block(11)]


def png(path: Path, pixels: np.ndarray, foreground: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8) * np.uint8(foreground)).save(path)


def save_pngs(root: Path, foreground: int = 255) -> Path:
    for (video, expression), masks in TRUTH.items():
        for name, pixels in zip(FRAMES, masks, strict=True):
            png(root / video / expression / f"{name}.png", pixels, foreground)
    return root


def imported(task: str, data: Path, masks: Path, out: Path, profile: str | None = None) -> Run:
    return score(import_masks([task], data, masks, out, "theirs", profile).run)


def headline(run: Run) -> Metric:
    (benchmark,) = run.summary.benchmarks
    return benchmark.headline


def values(run: Run) -> dict[str, float | None]:
    return {sample.id: result.value for sample, _, result in open_run(run.folder)}


@pytest.mark.parametrize("foreground", [1, 255])
@pytest.mark.parametrize("below", ["", "Annotations"])
def test_a_folder_of_pngs_is_judged(foreground: int, below: str, tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    save_pngs(tmp_path / "saved" / below, foreground)
    run = imported("mevis", data, tmp_path / "saved", tmp_path / "run")
    found = values(run)
    assert found["mevis-valid-u/cat/0"] == found["mevis-valid-u/zoo/dog/0"] == 1.0
    assert 0 < found["mevis-valid-u/cat/1"] < 1, "one of its two objects is missing"
    assert headline(run).n == 3


def results(path: Path, reverse: bool = False) -> Path:
    content: dict[str, dict[str, object]] = {}
    for (video, expression), masks in TRUTH.items():
        names, wire = list(FRAMES), [rle.encode(pixels) for pixels in masks]
        if reverse:
            names, wire = names[::-1], wire[::-1]
        content.setdefault(video, {})[expression] = {"frames": names, "prediction_masks": wire}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("reverse", [False, True])
def test_results_json_gives_what_the_pngs_give_whatever_the_order_of_its_frames(
    reverse: bool, tmp_path: Path
) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    by_png = imported("mevis-valid-u", data, save_pngs(tmp_path / "saved"), tmp_path / "a")
    saved = results(tmp_path / "results.json", reverse)
    by_json = imported("mevis-valid-u", data, saved, tmp_path / "b")
    assert values(by_json) == values(by_png)


def test_the_same_masks_under_two_profiles_are_two_robustnesses(tmp_path: Path) -> None:
    data = formats.make("revos", tmp_path / "data")
    moved = tmp_path / "results.json"
    saved = json.loads(results(moved).read_text())
    saved["cat"]["2"] = {"prediction_masks": [None] * 3}
    saved["cat"]["1"]["prediction_masks"] = track(2)
    moved.write_text(json.dumps(saved))
    found = {}
    for profile in ("sa2va", "visa"):
        run = imported("revos", data, moved, tmp_path / profile, profile)
        parts = {part.name: part.value for part in headline(run).parts}
        found[profile] = parts
        assert parts["J&F no_target"] == 100.0
    assert found["sa2va"]["J"] == found["visa"]["J"]
    assert found["sa2va"]["R referring"] > found["visa"]["R referring"] == 0.0
    assert found["sa2va"]["R_corrected"] == found["visa"]["R_corrected"]


def test_lines_of_image_masks_are_judged_and_written_out_again(tmp_path: Path) -> None:
    data = formats.make("refcoco-seg-val", tmp_path / "data")
    lines = tmp_path / "masks.jsonl"
    square = block(1, 3, 4)
    named: list[dict[str, object]] = [{"id": "0/0"}, {"ref_id": 0, "sent_id": 1}, {"ref_id": 1, "sent_id": 2}]
    entries = [{**name, "prediction_masks": [rle.encode(square)]} for name in named]
    lines.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    run = imported("refcoco-seg-val", data, lines, tmp_path / "run")
    found = values(run)
    assert found["refcoco-seg-val/0/0"] == found["refcoco-seg-val/0/1"] > 0.6
    assert found["refcoco-seg-val/1/2"] == 0.0
    (written,) = export(run, "results", tmp_path / "out")
    again = imported("refcoco-seg-val", data, written.path, tmp_path / "again")
    assert values(again) == found


@pytest.mark.parametrize("format", ["results", "pngs"])
def test_what_is_written_out_is_read_in_again(format: str, tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    run = imported("mevis-valid-u", data, save_pngs(tmp_path / "saved"), tmp_path / "run")
    (written,) = export(run, format, tmp_path / "out")
    assert written.count == (3 if format == "results" else 9)
    again = imported("mevis-valid-u", data, written.path, tmp_path / "again")
    assert values(again) == values(run)


@pytest.mark.parametrize(("task", "prefix"), [("mevis-valid", ""), ("ref-youtube-vos", "Annotations/")])
def test_a_submission_holds_every_frame_of_every_expression(task: str, prefix: str, tmp_path: Path) -> None:
    data = formats.make(task, tmp_path / "data")
    save_pngs(tmp_path / "saved")
    for path in (tmp_path / "saved/cat/1").iterdir():
        path.unlink()
    run = imported(task, data, tmp_path / "saved", tmp_path / "run")
    (written,) = export(run, "submission")
    assert "1 expressions without an answer are empty masks" in written.of
    first = written.path.read_bytes()
    with zipfile.ZipFile(written.path) as packed:
        names = [f"{prefix}{video}/{expression}/{name}.png" for video, expression in TRUTH for name in FRAMES]
        assert sorted(packed.namelist()) == sorted(names)
        for (video, expression), masks in TRUTH.items():
            for name, pixels in zip(FRAMES, masks, strict=True):
                with (
                    packed.open(f"{prefix}{video}/{expression}/{name}.png") as file,
                    Image.open(file) as image,
                ):
                    assert (image.mode, image.size) == ("L", (WIDTH, HEIGHT))
                    shown = pixels if (video, expression) != ("cat", "1") else np.zeros_like(pixels)
                    assert (np.asarray(image) == shown * np.uint8(255)).all()
    assert export(run, "submission")[0].path.read_bytes() == first
    assert not list(tmp_path.glob("run/*.part*"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("results.json", "[1, 2]", "results.json: not {video: {expression: {prediction_masks}}}"),
        ("results.json", "", "results.json: not {video"),
        ("results.json", '{"cat": {"0": {"prediction_masks": 3}}}', "results.json: cat/0: "),
        (
            "results.json",
            '{"cat": {"0": {"frames": ["a"], "prediction_masks": []}}}',
            "0 masks for 1 frames",
        ),
        ("results.json", '{"cow": {}}', "it holds nothing of any sample of these tasks"),
        ("lines.jsonl", '{"id": "x"}\n', "lines.jsonl:1: not a line of masks"),
    ],
)
def test_files_that_are_none_are_one_line_each(name: str, content: str, said: str, tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    (tmp_path / name).write_text(content)
    flags = ["--data", str(data), "--masks", str(tmp_path / name), "--out", str(tmp_path / "run")]
    told = CliRunner().invoke(cli, ["import", "--task", "mevis-valid-u", *flags])
    assert told.exit_code in (1, 2) and said in " ".join(str(told.output + str(told.exception)).split())
    assert not (tmp_path / "run").exists()


def test_a_folder_of_pngs_is_judged_by_every_definition_in_one_command(tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    run = imported("mevis", data, save_pngs(tmp_path / "saved"), tmp_path / "run")
    before = (run.folder / "scores.jsonl").read_bytes()
    shown = CliRunner().invoke(cli, ["score", str(run.folder), "--masks-as", "all"], catch_exceptions=False)
    rows = [line.split("\t") for line in shown.output.splitlines()]
    assert [row[1] for row in rows] == list(DEFINITIONS) and {row[0] for row in rows} == {"mevis-valid-u"}
    by_name = {row[1]: row for row in rows}
    assert by_name["mevis"][2] == f"{headline(run).value:.2f}" != by_name["davis"][2]
    assert (run.folder / "scores.jsonl").read_bytes() == before
    images = imported_images(tmp_path)
    told = CliRunner().invoke(cli, ["score", str(images.folder), "--masks-as", "all"])
    assert "holds no masks of videos" in str(told.output) + str(told.exception)


def test_the_curves_behind_j_and_f_are_printed_and_drawn(tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    run = imported("mevis", data, save_pngs(tmp_path / "saved"), tmp_path / "run")
    shown = CliRunner().invoke(cli, ["score", str(run.folder), "--curves"], catch_exceptions=False)
    rows = {(row[1], row[2]): row[3] for row in (line.split("\t") for line in shown.output.splitlines())}
    (published,) = (part.value for part in headline(run).parts if part.name == "F")
    assert rows["boundaries", "F within 0.8 %"] == f"{published:.2f}"
    (at_half,) = (part.value for part in headline(run).parts if part.name == "J at least 0.5")
    assert rows["objects", "J >= 0.50"] == f"{at_half:.2f}"
    page = report([run], out=tmp_path / "page.html").path.read_text()
    assert '"curves":{"mevis-valid-u":{"definition":"mevis"' in page
    images = imported_images(tmp_path)
    told = CliRunner().invoke(cli, ["score", str(images.folder), "--curves"])
    assert "holds no masks of videos" in str(told.output) + str(told.exception)


def imported_images(folder: Path) -> Run:
    data = formats.make("refcoco-seg-val", folder / "images")
    lines = folder / "masks.jsonl"
    lines.write_text(json.dumps({"id": "0/0", "prediction_masks": [rle.encode(block(1))]}) + "\n")
    return imported("refcoco-seg-val", data, lines, folder / "image-run")
