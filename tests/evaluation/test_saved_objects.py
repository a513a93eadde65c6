"""Saved masks of objects that no words name: DAVIS 2016 and 2017, MOSEv2, SA-V, each in its own folders."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sightbench import rle
from sightbench.commands.command import cli
from sightbench.errors import DatasetError, SightbenchError, UsageError
from sightbench.evaluation.export import export
from sightbench.evaluation.imports import Imported, import_masks
from sightbench.evaluation.options import Options
from sightbench.evaluation.plan import plan
from sightbench.evaluation.rescore import by_every_definition, score
from sightbench.evaluation.run import Run, open_run
from sightbench.reports.mask_files import SUBMISSIONS, Drawn, submission
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.score import Metric, Score
from tests.tasks import formats
from tests.tasks.mask_formats import FRAMES, HEIGHT, WIDTH, block, palette_png, track, two_objects

TRUE_MASKS = {
    "davis16": "DAVIS/Annotations/480p",
    "davis17-semi": "DAVIS/Annotations/480p",
    "davis17-unsup": "DAVIS/Annotations_unsupervised/480p",
    "mosev2": "MOSEv2/valid/Annotations",
    "vos": "Annotations",
    "sa-v-val": "sav_val/Annotations_6fps",
}
OBJECTS = {"davis16": 1, "davis17-semi": 4, "davis17-unsup": 4, "mosev2": 2, "sa-v-val": 2, "vos": 2}


def kept(name: str, data: Path, masks: Path) -> Imported:
    return import_masks([name], data, masks, masks.parent / f"run-{masks.name}", "theirs")


def judged(name: str, data: Path, masks: Path) -> tuple[Metric, dict[str, Score]]:
    run = score(kept(name, data, masks).run)
    return run.summary.benchmarks[0].headline, {sample.id: result for sample, _, result in run}


def truth_as_saved(name: str, data: Path, out: Path) -> Path:
    shutil.copytree(data / TRUE_MASKS[name], out)
    for path in out.rglob("*.png"):
        pixels = np.asarray(Image.open(path))
        if name != "davis16":
            palette_png(path, np.where(pixels == 255, 0, pixels))
    return out


def part(metric: Metric, name: str) -> float | None:
    return next((part.value for part in metric.parts if part.name == name), None)


@pytest.mark.parametrize("name", TRUE_MASKS)
def test_the_true_masks_as_somebody_saved_them_are_all_right(name: str, tmp_path: Path) -> None:
    data = formats.make(name, tmp_path / "data")
    headline, _ = judged(name, data, truth_as_saved(name, data, tmp_path / "saved"))
    assert (part(headline, "J"), headline.n) == (100.0, OBJECTS[name])
    assert headline.clusters == (2 if name.startswith("davis17") else 1), "objects of a video go together"
    # MOSEv2's disk of frames as small as these is empty, and so is what it matches.
    assert headline.value == 100.0 or name == "mosev2"


@pytest.mark.parametrize("name", TRUE_MASKS)
def test_a_frame_that_is_wrong_or_missing_costs_what_the_definition_says(name: str, tmp_path: Path) -> None:
    data = formats.make(name, tmp_path / "data")
    saved = truth_as_saved(name, data, tmp_path / "saved")
    frames = {video: sorted(video.glob("*.png")) for video in {path.parent for path in saved.rglob("*.png")}}
    for paths in frames.values():
        paths[1].unlink()
    headline, _ = judged(name, data, saved)
    # Of three frames the middle one counts alone where the ends are left out.
    lost = 1 / 3 if name == "davis17-unsup" else 1.0
    assert part(headline, "F") == pytest.approx(100 * (1 - lost))
    smoothed = name == "mosev2"
    assert part(headline, "J") == pytest.approx(100 / 17 if smoothed else 100 * (1 - lost))


def unsupervised(tmp_path: Path, labels: dict[int, int]) -> tuple[Metric, Score]:
    """Scores of label maps whose labels are exchanged for others."""
    data = formats.make("davis17-unsup", tmp_path / "data")
    for video in ("cat", "dog"):
        for at, name in enumerate(FRAMES):
            index = two_objects(at)
            # What is drawn where the truth is void costs nothing.
            index[0, :5] = max(labels.values())
            swapped = np.zeros_like(index)
            for old, new in labels.items():
                swapped[index == old] = new
            palette_png(tmp_path / "saved" / video / f"{name}.png", swapped)
    headline, scores = judged("davis17-unsup", data, tmp_path / "saved")
    return headline, scores["davis17-unsup/cat"]


def test_proposals_are_matched_whatever_their_labels(tmp_path: Path) -> None:
    headline, cat = unsupervised(tmp_path, {1: 7, 2: 3})
    assert headline.value == 100.0 and [
        (each["object"], each["proposal"]) for each in cat.detail["objects"]
    ] == [(2, 3), (1, 7)]
    assert part(headline, "J_recall") == 100.0 and part(headline, "F_decay") == 0.0


def test_an_object_without_a_proposal_counts_and_is_named(tmp_path: Path) -> None:
    headline, cat = unsupervised(tmp_path, {2: 1})
    assert headline.value == 50.0
    assert cat.detail["notes"] == ["1 true objects without a proposal: scored as empty masks"]


def test_more_proposals_than_twenty_are_refused(tmp_path: Path) -> None:
    headline, cat = unsupervised(tmp_path, {1: 1, 2: 21})
    assert (headline.value, cat.status) == (0.0, "unparsed")
    assert "21 objects in a video, more than 20" in cat.detail["error"]


def test_masks_of_another_size_cost_the_object_and_are_named(tmp_path: Path) -> None:
    data = formats.make("davis17-semi", tmp_path / "data")
    saved = truth_as_saved("davis17-semi", data, tmp_path / "saved")
    palette_png(saved / "cat" / "00001.png", two_objects(1)[:-1])
    headline, scores = judged("davis17-semi", data, saved)
    assert headline.value == 50.0
    error = scores["davis17-semi/cat/1"].detail["error"]
    assert "size [11, 16] is not the frame's [12, 16]" in error and "frame 1" in error
    (note,) = (
        note for note in open_run(tmp_path / "run-saved").summary.benchmarks[0].notes if "hold" in note
    )
    assert note.startswith("2 answers hold masks that cannot be judged, for example davis17-semi/cat/1: ")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    data = formats.make("davis17-semi", tmp_path / "data")
    saved = truth_as_saved("davis17-semi", data, tmp_path / "saved")
    shutil.rmtree(saved / "dog")
    found = kept("davis17-semi", data, saved)
    assert found.missing == ("davis17-semi/dog/1", "davis17-semi/dog/2")
    told = " ".join((score(found.run).folder / "report.txt").read_text().split())
    assert (
        "2 of 4 answered (2 unasked). The others are in no number above; what was imported does not" in told
    )
    (saved / "cat/00002.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match="not a readable mask image"):
        kept("davis17-semi", data, saved)
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="label maps <video>/<frame>"):
        kept("mosev2", formats.make("mosev2", tmp_path / "data"), tmp_path / "none")


@pytest.mark.parametrize(
    ("mode", "size", "said"),
    [
        ("RGB", (WIDTH, HEIGHT), "no label map: its mode is RGB"),
        ("1", (9_000, 9_000), "is 9000 x 9000: a mask has at most"),
    ],
)
def test_a_saved_file_that_is_no_mask_is_one_line(
    mode: str, size: tuple[int, int], said: str, tmp_path: Path
) -> None:
    data = formats.make("davis17-semi", tmp_path / "data")
    saved = truth_as_saved("davis17-semi", data, tmp_path / "saved")
    Image.new(mode, size).save(saved / "dog/00001.png")
    with pytest.raises(DatasetError) as raised:
        kept("davis17-semi", data, saved)
    assert said in str(raised.value) and "dog/00001.png" in str(raised.value)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (
            "MOSEv2/valid/meta.json",
            b'{"videos": {"cat": {"objects": ["300"]}}}',
            "300 is no label of",
        ),
        (
            "MOSEv2/valid/meta.json",
            b'{"videos": {"cat": {"objects": [1], "length": 4}}}',
            "a label map, not 4",
        ),
        ("MOSEv2/valid/meta.json", b'{"videos": {"owl": {"objects": [1]}}}', "owl has no annotations in"),
        ("MOSEv2/valid/meta.json", b'{"videos": {"../x": {"objects": [1]}}}', "cannot be a video's name"),
        ("MOSEv2/valid/meta.json", b"[1]", "not a list of videos"),
        ("MOSEv2/valid/Annotations/cat/00000.png", b"x", "not a readable image"),
    ],
)
def test_a_damaged_set_is_named_in_one_line(file: str, content: bytes, said: str, tmp_path: Path) -> None:
    data = formats.make("mosev2", tmp_path / "data")
    saved = truth_as_saved("mosev2", data, tmp_path / "saved")
    (data / file).write_bytes(content)
    with pytest.raises(DatasetError) as raised:
        kept("mosev2", data, saved)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_two_folders_of_pngs_are_judged_by_every_definition_in_one_command(tmp_path: Path) -> None:
    data = formats.make("vos", tmp_path / "data")
    # An object a folder, beside the video of label maps; and one that only the frames that are dropped show.
    for at, name in enumerate(FRAMES):
        palette_png(data / "Annotations/owl/3" / f"{name}.png", (two_objects(at) == 1).astype(np.uint8))
    first = two_objects(0)
    first[-2:] = 9
    palette_png(data / "Annotations/cat" / f"{FRAMES[0]}.png", first)
    saved = tmp_path / "saved"
    shutil.copytree(data / "Annotations", saved)
    flags = ["--data", str(data), "--masks", str(saved), "--out", str(tmp_path / "run"), "--masks-as", "all"]
    told = CliRunner().invoke(cli, ["import", "--task", "vos", *flags], catch_exceptions=False)
    rows = [line.split("\t") for line in told.output.splitlines() if line.startswith("vos\t")]
    assert told.exit_code == 0 and [row[1] for row in rows] == list(DEFINITIONS)
    assert {(row[2], row[-1]) for row in rows if row[1] != "mosev2"} == {("100.00", "3")}
    assert set(judged("vos", data, saved)[1]) == {"vos/cat/1", "vos/cat/2", "vos/owl/3"}


def test_of_a_mask_in_colours_all_that_is_not_black_is_foreground(tmp_path: Path) -> None:
    data = formats.make("davis16", tmp_path / "data")
    saved = truth_as_saved("davis16", data, tmp_path / "saved")
    for path in (saved / "cat/00001.png", data / TRUE_MASKS["davis16"] / "cat/00001.png"):
        grey = np.asarray(Image.open(path))
        Image.fromarray(np.stack([grey, 0 * grey, 0 * grey], axis=2)).save(path)
    assert judged("davis16", data, saved)[0].value == 100.0


def test_a_sequence_whose_truth_lacks_a_frame_is_named(tmp_path: Path) -> None:
    data = formats.make("davis17-semi", tmp_path / "data")
    saved = truth_as_saved("davis17-semi", data, tmp_path / "saved")
    (data / TRUE_MASKS["davis17-semi"] / "cat/00001.png").unlink()
    with pytest.raises(DatasetError, match="sequence cat has 2 label maps for 3 frames"):
        kept("davis17-semi", data, saved)


def test_nothing_is_asked(tmp_path: Path) -> None:
    data = formats.make("sa-v-val", tmp_path / "data")
    with pytest.raises(UsageError, match="sa-v-val is not asked: its objects are named by a mask"):
        plan(Options(task="sa-v-val", data=data), lambda line: None)


def test_every_definition_judges_the_same_folder(tmp_path: Path) -> None:
    for name in ("davis17-semi", "davis17-unsup"):
        data = formats.make(name, tmp_path / name)
        saved = truth_as_saved(name, data, tmp_path / f"{name}-saved")
        run: Run = kept(name, data, saved).run
        values = {each.definition: each.headline.value for each in by_every_definition(run)}
        assert {values[definition] for definition in values if definition != "mosev2"} == {100.0}


def exported(run: Run, form: str) -> dict[str, np.ndarray]:
    """Name -> indices of every PNG in a submission, whose PNGs are all label maps."""
    (written,) = export(run, form)
    found = {}
    with zipfile.ZipFile(written.path) as packed:
        for name in packed.namelist():
            with packed.open(name) as file, Image.open(file) as image:
                assert image.mode == "P" and (image.getpalette() or [])[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
                found[name] = np.asarray(image)
    assert written.count == len(found) and not list(run.folder.glob("*.part*"))
    return found


@pytest.mark.parametrize("name", ["davis17-semi", "davis17-unsup", "mosev2"])
def test_a_submission_of_label_maps_holds_the_saved_ones(name: str, tmp_path: Path) -> None:
    data = formats.make(name, tmp_path / "data")
    run = kept(name, data, truth_as_saved(name, data, tmp_path / "saved")).run
    found = exported(run, "submission")
    videos = ("cat",) if name == "mosev2" else ("cat", "dog")
    assert set(found) == {f"{video}/{frame}.png" for video in videos for frame in FRAMES}
    for at, frame in enumerate(FRAMES):
        assert (found[f"cat/{frame}.png"] == two_objects(at)).all()
    assert set(exported(run, "youtube-vos")) == {f"Annotations/{file}" for file in found}


def test_where_expressions_overlap_the_first_one_has_the_pixel(tmp_path: Path) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    # The second expression means the first one's object too.
    masks = {"0": track(1), "1": [rle.encode(block(1 + at) | block(9)) for at in range(3)]}
    content = {"cat": {id: {"prediction_masks": found} for id, found in masks.items()}}
    saved = tmp_path / "results.json"
    saved.write_text(json.dumps(content))
    found = exported(kept("mevis-valid-u", data, saved).run, "davis")
    for at, frame in enumerate(FRAMES):
        assert (found[f"cat/{frame}.png"] == two_objects(at)).all()
    assert not found["zoo/dog/00000.png"].any(), "no mask was saved of it"


def test_a_stopped_export_goes_on_where_it_was(tmp_path: Path) -> None:
    """The second video is refused after the first one was packed, which is not packed again."""
    target = tmp_path / "submission.zip"
    masks = tuple(rle.read(mask) for mask in track(1) if mask)
    first = Drawn("cat", "1", "cat/1", FRAMES, (HEIGHT, WIDTH), (masks,), 1)
    second = replace(first, video="dog", id="dog/300", label=300)
    packing = SUBMISSIONS["davis"]
    with pytest.raises(SightbenchError, match="dog has object 300: a label map holds 255 at most"):
        submission([first, second], target, packing)
    (part,) = (tmp_path / "submission.zip.parts").iterdir()
    before = part.stat().st_mtime_ns, part.read_bytes()
    with pytest.raises(SightbenchError, match="dog has object 300"):
        submission([first, second], target, packing)
    assert (part.stat().st_mtime_ns, part.read_bytes()) == before
    assert submission([first, replace(second, label=2)], target, packing) == 2 * len(FRAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["submission.zip"]


def test_a_hidden_set_is_not_judged_but_packed(tmp_path: Path) -> None:
    data = formats.make("mosev2", tmp_path / "data")
    saved = truth_as_saved("mosev2", data, tmp_path / "saved")
    for name in FRAMES[1:]:
        (data / TRUE_MASKS["mosev2"] / "cat" / f"{name}.png").unlink()
    headline, scores = judged("mosev2", data, saved)
    assert headline.value is None and {each.status for each in scores.values()} == {"ungraded"}
    assert len(exported(open_run(tmp_path / "run-saved"), "submission")) == len(FRAMES)
