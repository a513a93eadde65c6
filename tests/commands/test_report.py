"""`bench.py report`, and the page every run leaves."""

import fcntl
import json
import os
import shlex
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightbench.client.journal import REPLIES
from tests.conftest import Command
from tests.reports.test_page import blocks
from tests.tasks import formats


@pytest.fixture
def answered(run, baseline: str, tmp_path: Path) -> Path:
    """A run of the synthetic benchmark: questions and masks."""
    code, out, err = run("synth", "--scenes", 2, "--frames", 4, "--out", tmp_path / "data")
    assert code == 0, out + err
    code, out, err = run(
        "--endpoint", baseline, "--task", "synthetic", "--data", tmp_path / "data", "--out", "RUN", "--quiet"
    )
    assert code == 0, out + err
    assert "RUN/report.html" in out
    return Path("RUN")


def overview(page: Path) -> dict[str, Any]:
    return blocks(page)["overview"]["runs"][0]


def test_the_page_of_a_run_holds_its_summary_prompts_and_masks(answered) -> None:
    page = blocks(answered / "report.html")
    made = page["overview"]["runs"][0]
    written = json.loads((answered / "summary.json").read_text())
    del written["run"]
    assert made["summary"] == written
    assert made["state"] == "complete"
    assert made["tally"]["requests"] == len(page["index"]["shared"]["id"])
    masks = page["masks-0-0"][0]
    assert len(masks["predicted"]) == len(masks["truth"]) == len(masks["j"]) == 4
    record = page["samples-0-0"][0]
    sources = record["turns"][0]["parts"][0]["frames"]
    assert all((answered / source).is_file() for source in sources) and len(sources) == 4


def test_scores_in_the_page_are_those_of_the_file(answered) -> None:
    page = blocks(answered / "report.html")
    scores = [json.loads(line) for line in (answered / "scores.jsonl").read_text().splitlines()]
    assert page["index"]["shared"]["id"] == [score["sample"] for score in scores]
    told = [record["score"]["value"] for record in page["samples-0-0"]]
    assert told == [score["value"] for score in scores]
    masks = {
        place: page["masks-0-0"][place] for place in page["index"]["runs"][0]["masks"] if place is not None
    }
    with_masks = [score for score in scores if "J" in score["detail"] and score["status"] == "scored"]
    means = [sum(masks[place]["j"]) / 4 for place in sorted(masks) if masks[place]["j"]]
    assert means == pytest.approx([score["detail"]["J"] for score in with_masks], abs=1e-4)


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(answered, run) -> None:
    replies = (answered / REPLIES).read_bytes().splitlines(keepends=True)
    (answered / REPLIES).write_bytes(b"".join(replies[:5]) + b'{"sample": "cut')
    before = (answered / "scores.jsonl").read_bytes()
    later = (answered / "scores.jsonl").stat().st_mtime_ns + 10**9
    os.utime(answered / REPLIES, ns=(later, later))
    lock = os.open(answered / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        code, out, err = run("report", answered)
    finally:
        os.close(lock)
    assert code == 0, out + err
    made = overview(answered / "report.html")
    assert made["state"] == "running"
    assert made["summary"]["benchmarks"][0]["coverage"]["answered"] == 5
    assert made["tally"]["errors"]["unasked"]["n"] == len(replies) - 5
    assert (answered / "scores.jsonl").read_bytes() == before


def test_a_page_that_cannot_be_written_does_not_fail_the_run(answered, run) -> None:
    (answered / "report.html").unlink()
    (answered / "report.html").mkdir()
    (answered / "report.html" / "in the way").touch()
    code, out, err = run("score", answered)
    assert code == 0
    assert "note: the report page was not built" in err and "Traceback" not in err
    assert "RUN/report.txt" in out
    code, _, err = run("report", answered)
    assert code == 1 and err.count("\n") == 1


def test_a_zip_for_a_colleague(answered, run) -> None:
    code, out, err = run("report", answered, "--pack", "out.zip")
    assert code == 0, out + err
    with zipfile.ZipFile("out.zip") as packed:
        images = [name for name in packed.namelist() if name.endswith(".jpg")]
    assert len(images) == 2 * 4


def test_two_runs_side_by_side_and_no_more_than_four(answered, run) -> None:
    for name in "BCDE":
        code, _, err = run("merge", answered, "--out", name)
        assert code == 0, err
    code, out, err = run("report", answered, "B", "--folder")
    assert code == 0, out + err
    assert (answered / "report-with-B.html").is_file()
    assert (answered / "report-with-B_data" / "index.js").is_file()
    (comparison,) = blocks(answered / "report-with-B.html")["overview"]["comparisons"]
    assert comparison["run"] == 1 and comparison["differences"][0]["value"] == 0
    labels = [one["label"] for one in blocks(answered / "report-with-B.html")["overview"]["runs"]]
    assert labels == ["pixel-baseline (RUN)", "pixel-baseline (B)"]
    code, _, err = run("report", answered, "B", "C", "D", "E")
    assert code == 2 and "one to 4" in err
    code, _, err = run("report", answered, answered)
    assert code == 2 and "named twice" in err


def repeated(run: Command, folder: Path, page: Path) -> list[str]:
    """Types the command under "How to repeat it", which has to find every answer kept; gives its words."""

    def kept() -> tuple[bytes, dict[str, Any]]:
        record = json.loads((folder / "run.json").read_text())
        same = ("model", "alias", "benchmarks", "request", "scoring", "deterministic")
        return (folder / REPLIES).read_bytes(), {name: record.get(name) for name in same}

    words = shlex.split(overview(page)["command"])
    assert words[:2] == ["python", "bench.py"]
    before = kept()
    code, out, err = run(*words[2:])
    assert code != 2, (words, out + err)
    assert kept() == before, words
    return words


@pytest.mark.parametrize(
    "flags",
    [
        ("--task", "qa", "--control", "shuffled", "--alias", "a model", "--skip-broken", "--deterministic",
         "--unparsed", "random", "--unparsed-seed", "7"),
        ("--task", "all", "--masks-as", "davis", "--tolerance", "3", "--on-error", "zero"),
        ("--task", "qa", "--batch", "file", "--model", "M"),
        ("--task", "own/mine.jsonl", "--metric", "anls"),
    ],
)  # fmt: skip
def test_how_to_repeat_it_asks_the_same(run: Command, tmp_path: Path, flags: tuple[str, ...]) -> None:
    run("synth", "--scenes", 1, "--frames", 2, "--out", "data")
    Image.new("RGB", (64, 48)).save("a.png")
    row = {"image": str(tmp_path / "a.png"), "question": "What?", "question_id": 1, "answer": "a"}
    Path("own").mkdir()
    Path("own/mine.jsonl").write_text(json.dumps(row))
    data = () if "own/mine.jsonl" in flags else ("--data", "data")
    code, out, err = run(*flags, *data, "--limit", 3, "--out", "RUN", "--quiet")
    assert code != 2, out + err
    repeated(run, Path("RUN"), Path("RUN/report.html"))


def test_how_to_repeat_a_repeat_is_the_command_of_the_first_time(run: Command) -> None:
    run("synth", "--scenes", 1, "--frames", 2, "--out", "data")
    run("--task", "qa", "--data", "data", "--limit", 2, "--repeats", 2, "--out", "RUN", "--quiet")
    assert run("report", "RUN/repeats/2")[0] == 0
    words = repeated(run, Path("RUN/repeats/2"), Path("RUN/repeats/2/report.html"))
    assert words[-4:] == ["--repeats", "2", "--out", "RUN"]


def test_how_to_repeat_it_names_the_judge(run: Command, answered: Path) -> None:
    record = json.loads((answered / "run.json").read_text())
    record["judge"] = {"model": "J", "endpoint": "http://h/v1", "profile": "reference"}
    (answered / "run.json").write_text(json.dumps(record))
    assert run("report", answered)[0] == 0
    command = overview(answered / "report.html")["command"]
    assert " --judge-endpoint http://h/v1 --judge-model J --judge-profile reference " in command


def test_how_to_repeat_an_import_says_whose_way_of_reading_masks(run: Command) -> None:
    run("synth", "--layout", "revos", "--scenes", 1, "--frames", 2, "--out", "R")
    run("--task", "revos", "--data", "R", "--limit", 2, "--out", "ASKED", "--quiet")
    run("export", "ASKED", "--format", "results", "--out", "E")
    masks = ("--masks", "E/revos-results.json", "--profile", "visa", "--model", "theirs", "--out", "THEIRS")
    run("import", "--task", "revos", "--data", "R", *masks)
    words = repeated(run, Path("THEIRS"), Path("THEIRS/report.html"))
    assert words[2] == "import" and "visa" in words


def test_an_alias_of_a_leaderboard_names_a_run_that_is_there(run: Command, answered: Path) -> None:
    assert "| A model |" in run("leaderboard", answered, "--alias", "RUN=A model")[1]
    code, _, err = run("leaderboard", answered, "--alias", "runs/RUN=A model")
    said = "--alias runs/RUN: no run here is called so; there are RUN, pixel-baseline"
    assert (code, said in err) == (2, True), err


def test_graded_answers_without_media_have_a_page(run, tmp_path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    predictions = tmp_path / "answers.jsonl"
    predictions.write_text('{"question_id": 0, "answer": "A"}\n{"question_id": 1, "answer": "B"}\n')
    _, _, err = run(
        "grade", "--task", "MMStar", "--data", data, "--predictions", predictions, "--out", "GRADED"
    )
    assert "Traceback" not in err
    page = blocks(Path("GRADED/report.html"))
    assert page["overview"]["runs"][0]["command"].startswith("python bench.py grade --task MMStar")
    (image,) = [part for part in page["samples-0-0"][0]["turns"][0]["parts"] if "image" in part]
    assert image["frames"] == [None] and image["inside"]


def test_frames_that_a_definition_leaves_out_have_no_j(run, answered) -> None:
    code, out, err = run("score", answered, "--masks-as", "davis")
    assert code == 0, out + err
    masks = [entry for entry in blocks(answered / "report.html")["masks-0-0"] if entry["j"]]
    assert masks and all((entry["first"], len(entry["j"])) == (1, 2) for entry in masks)
