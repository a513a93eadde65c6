"""The report page as files: what is in them, where images are looked for, what a zip takes along."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sightbench.errors import RunFolderError
from sightbench.reports.build import build, build_zip
from sightbench.reports.entry import Entry
from sightbench.reports.html import page as html
from sightbench.reports.pictures import linked, spread
from sightbench.sample import Image, Reply, Sample, Slice, Text, Turn
from sightbench.scorers.score import Score
from tests.browser import runs


def blocks(page: Path) -> dict[str, Any]:
    """The data inside a single-file page, by name."""
    found = re.findall(r'<script type="text/plain" id="data-([^"]+)">([^<]*)</script>', page.read_text())
    return {
        name: json.loads(text if name == "overview" else gzip.decompress(base64.b64decode(text)))
        for name, text in found
    }


def scripts(folder: Path) -> dict[str, Any]:
    """The data beside a page, by name."""
    found = {}
    for file in folder.glob("*.js"):
        call = re.fullmatch(r'sightbench\("\w+","([^"]+)","([^"]+)"\);\n', file.read_text())
        assert call is not None and call[1] == file.stem
        found[call[1]] = json.loads(gzip.decompress(base64.b64decode(call[2])))
    return found


@pytest.fixture
def made(tmp_path) -> list[Entry]:
    return runs.entries(runs.frames(tmp_path / "data"))


def test_the_page_without_data_is_small() -> None:
    assert len(b"".join(html("title", b"{}", (), single=True))) < 100_000


def test_the_same_run_gives_the_same_bytes_in_one_file_and_beside(made, tmp_path) -> None:
    run = runs.run(tmp_path, made)
    pages = [build([run], tmp_path / name / "report.html").path.read_bytes() for name in "ab"]
    assert pages[0] == pages[1]
    beside = build([run], tmp_path / "c" / "report.html", single=False).path
    inside = blocks(tmp_path / "a" / "report.html")
    inside.pop("overview")
    assert scripts(beside.parent / "report_data") == inside


def test_building_again_leaves_nothing_of_the_older_page(made, tmp_path) -> None:
    build([runs.run(tmp_path, made)], tmp_path / "report.html", single=False)
    assert (tmp_path / "report_data").is_dir()
    build([runs.run(tmp_path, made)], tmp_path / "report.html", single=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "report.html"]


def test_no_text_of_others_is_markup_in_the_file(made, tmp_path) -> None:
    path = build([runs.run(tmp_path, made, "<script>alert(1)</script>")], tmp_path / "report.html").path
    text = path.read_text()
    assert "<script>alert" not in text and "onerror=" not in text
    assert "<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>" in text


def test_near_files_are_linked_relative_and_far_ones_by_their_url(tmp_path) -> None:
    place = linked(tmp_path / "runs" / "r")
    assert place(tmp_path / "data" / "a b#1.jpg") == "../../data/a%20b%231.jpg"
    far = Path("/somewhere/else/entirely/f.jpg")
    assert place(far) == far.as_uri()
    assert place(b"bytes") is None


def test_a_zip_holds_the_page_and_exactly_the_images_it_shows(made, tmp_path) -> None:
    (tmp_path / "data" / "never shown.jpg").write_bytes(b"x")
    table = tmp_path / "table.bin"
    picture = (tmp_path / "data" / "video 0 #1" / "frame_0000.jpg").read_bytes()
    table.write_bytes(b"head" + base64.b64encode(picture))
    cell = Slice(table, 4, table.stat().st_size - 4, "base64")
    sample = Sample("toy/cell/qa/0", "toy", "qa", "Inter-Object", (Turn("user", (Image(cell), Text("?"))),))
    made.append(
        Entry(sample, sample.turns, None, Score(sample.id, None, None, "error", {"error": "unasked"}))
    )
    built = build_zip([runs.run(tmp_path, made)], tmp_path / "out.zip")
    assert built.missing == 0
    with zipfile.ZipFile(built.path) as packed:
        packed.extractall(tmp_path / "unzipped")
        names = packed.namelist()
    page = blocks(tmp_path / "unzipped" / "report.html")
    shown = {
        src
        for name, records in page.items()
        if name.startswith("samples-")
        for record in records
        for turn in record["turns"]
        for part in turn["parts"]
        for src in part.get("frames", ())
    }
    assert {name for name in names if name != "report.html"} == shown
    assert len(shown) == 3 * runs.FRAMES + 1
    contents = {(tmp_path / "unzipped" / name).read_bytes() for name in shown}
    assert picture in contents and b"x" not in contents


def test_images_that_are_gone_are_counted_when_packing(made, tmp_path) -> None:
    (tmp_path / "data" / "video 1 #1" / "frame_0002.jpg").unlink()
    assert build_zip([runs.run(tmp_path, made)], tmp_path / "out.zip").missing == 1


def test_embedded_images_are_small_few_and_kept_once(made, tmp_path) -> None:
    page = blocks(build([runs.run(tmp_path, made)], tmp_path / "report.html", embed=2).path)
    images = [image for name, chunk in page.items() if name.startswith("small-") for image in chunk]
    assert len(images) == 3 * 2  # two of each video, though five samples ask about each
    assert all(image.startswith("data:image/jpeg;base64,") for image in images)
    assert spread(16, 3) == [0, 8, 15] and spread(2, 5) == [0, 1]


def test_a_mask_that_cannot_be_read_is_named_and_left_out(made, tmp_path) -> None:
    from dataclasses import replace

    from sightbench.rle import Rle

    at = next(i for i, entry in enumerate(made) if entry.masks)
    masks = made[at].masks
    assert masks is not None
    broken = (Rle(runs.H, runs.W, "</script>"), *masks.predicted[1:])
    made[at] = replace(made[at], masks=replace(masks, predicted=broken))
    page = blocks(build([runs.run(tmp_path, made)], tmp_path / "report.html").path)
    record = page["masks-0-0"][0]
    assert record["predicted"][0] is None and list(record["broken"]) == ["0"]


def test_a_run_of_errors_only_has_a_page(tmp_path) -> None:
    sample = Sample("toy/v0/qa/0", "toy", "qa", "Inter-Object", (Turn("user", (Text("?"),)),), gold="A")
    entries = [Entry(sample, sample.turns, None, Score(sample.id, None, None, "error", {"error": "unasked"}))]
    page = blocks(build([runs.run(tmp_path, entries)], tmp_path / "report.html").path)
    assert page["overview"]["runs"][0]["tally"]["errors"]["unasked"]["n"] == 1
    assert page["index"]["runs"][0]["value"] == [None]


def test_half_a_surrogate_pair_does_not_stop_the_page(tmp_path) -> None:
    sample = Sample("toy/v0/qa/0", "toy", "qa", "Inter-Object", (Turn("user", (Text("a\ud83d"),)),), gold="A")
    reply = Reply(sample.id, "x", "ok", "b\udc80")
    entries = [Entry(sample, sample.turns, reply, Score(sample.id, 0.0, None, "unparsed"))]
    page = blocks(build([runs.run(tmp_path, entries)], tmp_path / "report.html").path)
    assert page["samples-0-0"][0]["reply"]["text"] == "b\udc80"


def test_two_runs_keep_the_ground_truth_once(tmp_path) -> None:
    folder = runs.frames(tmp_path / "data")
    both = [runs.run(tmp_path, runs.entries(folder, model=model), f"m{model}") for model in (0, 1)]
    page = blocks(build(both, tmp_path / "report.html").path)
    assert all("truth" in record for record in page["masks-0-0"])
    assert not any("truth" in record for record in page["masks-1-0"])


def test_a_folder_that_cannot_be_written_is_one_clear_line(made, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunFolderError, match="the report was not written"):
        build([runs.run(tmp_path, made)], tmp_path / "file" / "report.html")
