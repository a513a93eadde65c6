"""Every benchmark of the catalog, from a file in its real format to a number, over real HTTP."""

import json
from pathlib import Path

import pytest

from sightbench.tasks import catalog
from tests.reports.test_page import blocks
from tests.tasks import formats

ASKED = [benchmark for benchmark in catalog.BENCHMARKS if not benchmark.saved]
NAMES = [benchmark.name for benchmark in ASKED]
SUBMITTED = [benchmark.name for benchmark in ASKED if benchmark.submission]


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_is_asked_scored_and_reported(name: str, run, baseline: str, tmp_path: Path) -> None:
    data = formats.make(name, tmp_path / "data")
    code, out, err = run("--endpoint", baseline, "--task", name, "--data", data, "--out", "RUN", "--quiet")
    assert code == 0, out + err
    summary = json.loads(Path("RUN/summary.json").read_text())
    (benchmark,) = summary["benchmarks"]
    scores = [json.loads(line) for line in Path("RUN/scores.jsonl").read_text().splitlines()]
    assert benchmark["name"] == name
    assert benchmark["coverage"]["answered"] == len(scores) > 0
    assert all(score["status"] in ("scored", "unparsed", "ungraded") for score in scores)
    graded = [score for score in scores if score["status"] != "ungraded"]
    if graded and all(score["value"] is not None for score in scores):
        value = benchmark["headline"]["value"]
        assert value is None or isinstance(value, float)
    assert benchmark["title"] in Path("RUN/report.txt").read_text()
    # Every shape of sample, gold and score goes into the page.
    assert len(blocks(Path("RUN/report.html"))["index"]["shared"]["id"]) == len(scores)


@pytest.mark.parametrize("name", SUBMITTED)
def test_a_hidden_gold_gives_a_submission_and_no_number(
    name: str, run, baseline: str, tmp_path: Path
) -> None:
    data = formats.make(name, tmp_path / "data")
    code, out, _ = run("--endpoint", baseline, "--task", name, "--data", data, "--out", "RUN", "--quiet")
    assert code == 0
    scores = [json.loads(line) for line in Path("RUN/scores.jsonl").read_text().splitlines()]
    if all(score["status"] == "ungraded" for score in scores):
        assert "no gold" in out
        assert json.loads(Path("RUN/summary.json").read_text())["benchmarks"][0]["headline"]["value"] is None
    code, out, _ = run("export", "RUN", "--format", "submission", "--data", data)
    assert code == 0
    written = list(Path("RUN").glob("submission-*"))
    assert len(written) == 1
    if written[0].suffix == ".json":
        assert json.loads(written[0].read_text())
    if name == "CMMMU_TEST":
        # What its eval_script.py takes: just these three fields, and the id as a number.
        rows = [json.loads(line) for line in written[0].read_text().splitlines()]
        assert [(row["id"], row["type"]) for row in rows] == [(1, "选择"), (2, "判断"), (3, "填空")]
        assert {tuple(row) for row in rows} == {("id", "type", "response")}


@pytest.mark.parametrize("group", ["internvl", "internvl2.5", "internsr", "vlabench", "vqa"])
def test_a_references_whole_list_runs_from_one_folder(group: str, run, baseline: str, tmp_path: Path) -> None:
    names = [selection.benchmark.name for selection in catalog.resolve([group])]
    for name in names:
        formats.make(name, tmp_path / "data")
    code, out, err = run(
        *("--endpoint", baseline, "--task", group, "--data", tmp_path / "data"),
        *("--out", "RUN", "--quiet", "--strict"),
    )
    assert code == 0, out + err
    summary = json.loads(Path("RUN/summary.json").read_text())
    assert [benchmark["name"] for benchmark in summary["benchmarks"]] == names
    assert all(benchmark["coverage"]["answered"] for benchmark in summary["benchmarks"])
