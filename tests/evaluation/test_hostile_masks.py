"""True masks that are none: found before anything is asked; what comes later costs one sample."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightbench.evaluation.export import MASK_FORMATS
from sightbench.evaluation.exports.forms import FORMS
from sightbench.reports.submission import FORMATS
from tests.conftest import Command
from tests.tasks import formats

MASK = "masks/davis/cow/frame_0001_obj1.png"


def bomb(path: Path, side: int) -> None:
    """A PNG of side x side black pixels, one bit each."""
    row = b"\0" * (1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", body), (b"IEND", b""))
    raw = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        raw += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(raw)


def damage(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "12,000 x 12,000":
        bomb(path, 12_000)
    elif kind == "30,000 x 30,000":
        bomb(path, 30_000)
    else:
        Image.fromarray(np.zeros((9000, 9000), np.uint8)).save(path.with_suffix(".jpg"), "JPEG")
        path.with_suffix(".jpg").rename(path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pipe", "is no file but a folder, a pipe or a device"),
        ("folder", "is no file but a folder, a pipe or a device"),
        ("12,000 x 12,000", "is 12000 x 12000: a mask has at most"),
        ("30,000 x 30,000", "is 30000 x 30000: a mask has at most"),
        ("a JPEG of 9,000 x 9,000", "is 9000 x 9000: a mask has at most"),
    ],
)
def test_a_true_mask_that_is_none_is_found_before_anything_is_asked(
    kind: str, words: str, run: Command, tmp_path: Path, baseline: str
) -> None:
    data = formats.make("dynbench", tmp_path / "data")
    damage(data / MASK, kind)
    asked = ("--endpoint", baseline, "--task", "objmask", "--data", data, "--out", "RUN", "--quiet")
    code, _, err = run(*asked)
    assert code == 1 and words in err and MASK in err and "Traceback" not in err
    assert not (tmp_path / "RUN/replies.jsonl").exists()
    assert "holds no sample of dynbench" in run(*asked, "--skip-broken")[2]


@pytest.mark.parametrize("name", ["dynbench", "revos", "refcoco-seg-val", "MMStar"])
def test_every_form_of_export_is_files_or_one_line(
    name: str, run: Command, tmp_path: Path, baseline: str
) -> None:
    data = formats.make(name, tmp_path / "data")
    asked = ("--endpoint", baseline, "--task", name, "--data", data, "--out", "RUN", "--quiet")
    assert run(*asked)[0] == 0
    for form in sorted({"dynbench", "leap", "submission", *FORMS, *MASK_FORMATS, *FORMATS}):
        code, _, err = run("export", "RUN", "--format", form, "--data", data)
        assert code == 0 or (err.startswith("error: ") and err.count("\n") == 1), (form, err)


def test_a_frame_that_is_a_pipe_costs_its_samples_and_no_others(
    run: Command, tmp_path: Path, baseline: str
) -> None:
    data = formats.make("revos", tmp_path / "data")
    frame = next(data.rglob("dog/00000.jpg"))
    frame.unlink()
    os.mkfifo(frame)
    asked = ("--endpoint", baseline, "--task", "revos", "--data", data, "--out", "RUN", "--quiet")
    assert run(*asked)[0] == 1
    replies = Path("RUN/replies.jsonl").read_text()
    assert "dog/00000.jpg" in replies and "it is no file but a folder, a pipe or a device" in replies
    scores = [json.loads(line) for line in Path("RUN/scores.jsonl").read_text().splitlines()]
    failed = {score["sample"] for score in scores if score["status"] == "error"}
    assert failed and len(failed) < len(scores) and all("dog" in sample for sample in failed)


def test_a_plan_of_damaged_frames_is_one_line(run: Command, tmp_path: Path, baseline: str) -> None:
    data = formats.make("mevis-valid-u", tmp_path / "data")
    for frame in data.rglob("00001.jpg"):
        frame.write_bytes(bytes(200))
    task = ("--task", "mevis-valid-u", "--data", data)
    code, _, err = run("--endpoint", baseline, *task, "--dry-run")
    assert code == 1 and "cannot be asked" in err and ".jpg is not a JPEG" in err


def test_one_that_becomes_none_later_costs_its_sample(run: Command, tmp_path: Path, baseline: str) -> None:
    data = formats.make("dynbench", tmp_path / "data")
    for frame in range(3):
        formats.put(data / f"masks/davis/cow/frame_{frame:04d}_obj2.png", formats.picture(frame, "PNG"))
    two = {name: {"question": "Segment the cow."} for name in ("object_1", "object_2")}
    formats.put(data / "multi_json/davis/cow_objmask.json", two)
    asked = ("--endpoint", baseline, "--task", "objmask", "--data", data, "--out", "RUN", "--quiet")
    assert run(*asked)[0] == 0
    (data / ".sightbench-masks.jsonl").unlink()
    damage(data / MASK, "pipe")
    run("score", "RUN", "--data", data)
    scores = [json.loads(line) for line in Path("RUN/scores.jsonl").read_text().splitlines()]
    assert [score["status"] == "ungraded" for score in scores] == [True, False]
    assert "frame_0001_obj1.png is no file" in scores[0]["detail"]["reason"]
