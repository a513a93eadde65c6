"""What a model family is sent, and what of a group is there: seen from the server and from the report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from sightbench.errors import DatasetError, UsageError
from sightbench.evaluation.evaluate import evaluate_async
from sightbench.evaluation.export import export
from sightbench.evaluation.options import Options
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run
from sightbench.evaluation.selection import select
from sightbench.sample import Text
from sightbench.tasks.readers import predictions
from tests.faults.server import Request, Response, completion, serving
from tests.tasks import formats

INTERNVL = "OpenGVLab/InternVL3_5-8B"


async def ask(
    tmp_path: Path, task: str, model: str, *, tokens: int = 300, **more: Any
) -> tuple[Run, list[Any], list[str]]:
    """The run, and the bodies that were sent."""
    bodies = []

    def script(request: Request, number: int) -> Response:
        bodies.append(request.json)
        return Response(body=completion("B", model=model, tokens=tokens + 2))

    notes: list[str] = []
    async with serving(script, models=(model,)) as server:
        options = Options(
            endpoint=server.url,
            model=model,
            task=task,
            data=more.pop("data", tmp_path / "data"),
            out=more.pop("out", tmp_path / "RUN"),
            **more,
        )
        run = await evaluate_async(options, note=notes.append)
    questions = [body for body in bodies if any(part_of(body, "image_url"))]
    return run, questions, notes


def part_of(body: Any, kind: str) -> list[Any]:
    content = body["messages"][-1]["content"]
    return [part for part in content if isinstance(part, dict) and part["type"] == kind]


def text(body: Any) -> str:
    return "".join(part["text"] for part in part_of(body, "text"))


@pytest.mark.parametrize(
    ("model", "limit", "words"),
    [
        (INTERNVL, 4096, "Answer with the option's letter from the given choices directly."),
        ("OpenGVLab/InternVL2_5-8B-MPO", 4096, "Give step by step reasoning before you answer"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 2048, "Please select the correct answer from the options above."),
        ("gpt-5", 2048, "Please select the correct answer from the options above."),
    ],
)
async def test_mmstar_is_asked_as_vlmevalkit_asks_each_family(
    model: str, limit: int, words: str, tmp_path: Path
) -> None:
    formats.make("MMStar", tmp_path / "data")
    _, bodies, _ = await ask(tmp_path, "MMStar", model)
    assert {body.get("max_tokens", body.get("max_completion_tokens")) for body in bodies} == {limit}
    assert all(words in text(body) for body in bodies)


async def test_what_the_user_says_goes_before_the_reference(tmp_path: Path) -> None:
    formats.make("MMStar", tmp_path / "data")
    _, bodies, _ = await ask(tmp_path, "MMStar", INTERNVL, profile="vlmevalkit", max_tokens=7)
    assert {body["max_tokens"] for body in bodies} == {7}
    assert all("Please select the correct answer" in text(body) for body in bodies)


async def test_use_cot_is_honoured_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_COT", "1")
    formats.make("MMStar", tmp_path / "data")
    run, bodies, notes = await ask(tmp_path, "MMStar", INTERNVL)
    assert run.record.benchmarks[0].profile == "internvl_cot"
    assert all("\\boxed{$LETTER}" in text(body) for body in bodies)
    assert any("profile internvl_cot" in note for note in notes)


@pytest.mark.parametrize(("tokens", "right"), [(256 + 60, True), (7 * 256 + 60, False)])
async def test_another_number_of_tiles_is_said_loudly(tokens: int, right: bool, tmp_path: Path) -> None:
    """The maker's images are 16 x 12: 4 to 3 is cut into six tiles and a thumbnail, so one is wrong."""
    formats.make("MMStar", tmp_path / "data")
    run, _, _ = await ask(tmp_path, "MMStar", INTERNVL, tokens=tokens)
    report = (run.folder / "report.txt").read_text()
    assert ("WRONG NUMBER OF TILES" in report) == right
    before = run.summary.benchmarks[0].notes
    assert score(run.folder).summary.benchmarks[0].notes == before


async def test_of_a_group_is_asked_what_is_there(tmp_path: Path) -> None:
    for name in ("MMStar", "AI2D_TEST"):
        formats.make(name, tmp_path / "data")
    run, _, notes = await ask(tmp_path, "internvl2.5", INTERNVL, profile="internvl_cot")
    assert [entry.name for entry in run.record.benchmarks] == ["MMStar", "AI2D_TEST"]
    assert {entry.profile for entry in run.record.benchmarks} == {"internvl_cot"}
    assert "OCRBench" in run.record.absent and "mmvet" in run.record.absent
    assert any(note.startswith("left out, not below") and "OCRBench" in note for note in notes)
    report = " ".join((run.folder / "report.txt").read_text().split())
    assert "left out, their files are not there" in report and "CRPE_RELATION" in report
    with pytest.raises(UsageError, match=r"--strict: llava-bench: its questions are not below"):
        await ask(tmp_path, "internvl2.5", INTERNVL, strict=True)
    with pytest.raises(UsageError, match="OCRBench: its questions are not below"):
        await ask(tmp_path, "MMStar,OCRBench", INTERNVL)


async def test_lmudata_says_where_the_tables_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.make("MMStar", tmp_path / "tables")
    monkeypatch.setenv("LMUData", str(tmp_path / "tables"))
    assert [dataset.data for dataset in select(["MMStar"], None)] == [tmp_path / "tables"]
    monkeypatch.delenv("LMUData")
    with pytest.raises(UsageError, match="--data is missing"):
        select(["MMStar"], None)


async def test_a_broken_row_costs_the_run_or_itself(tmp_path: Path) -> None:
    formats.make("vqa-ocrvqa-test", tmp_path / "data")
    (tmp_path / "data/data/ocrvqa/images/0.jpg").unlink()
    with pytest.raises(DatasetError, match=r"images/0\.jpg is not on disk"):
        await ask(tmp_path, "vqa-ocrvqa-test", "gpt-5")
    run, bodies, notes = await ask(tmp_path, "vqa-ocrvqa-test", "gpt-5", skip_broken=True)
    assert len(bodies) == 1
    assert any("1 rows of vqa-ocrvqa-test are broken and left out" in note for note in notes)
    (line,) = run.record.benchmarks[0].broken
    assert "images/0.jpg is not on disk" in line
    assert "are broken and left out" in " ".join((run.folder / "report.txt").read_text().split())
    scores = [json.loads(line) for line in (run.folder / "scores.jsonl").read_text().splitlines()]
    assert [score["status"] for score in scores] == ["scored"]
    assert score(run.folder).summary.benchmarks[0].coverage.asked == 1


@pytest.mark.parametrize(
    ("maker", "file", "metric", "scorer", "words"),
    [
        ("MMStar", "MyBench.tsv", None, "choice", "Please select the correct answer from the options above."),
        ("TextVQA_VAL", "MyBench.tsv", "vqa_accuracy", "vqa_accuracy", "using a single word or phrase"),
        ("GQA_TestDev_Balanced", "MyBench.tsv", None, "exact_match", "using a single word or phrase"),
        ("vqa-ocrvqa-test", "my.jsonl", None, "exact_match", "using a single word or phrase"),
        ("vqa-ocrvqa-test", "my.jsonl", "anls", "anls", "using a single word or phrase"),
    ],
)
async def test_a_set_of_ones_own_runs_by_its_path(
    maker: str, file: str, metric: str | None, scorer: str, words: str, tmp_path: Path
) -> None:
    formats.make(maker, tmp_path / "made")
    (source,) = [path for path in (tmp_path / "made").rglob("*") if path.suffix in (".tsv", ".jsonl")]
    path = tmp_path / "made" / file
    source.rename(path)
    run, bodies, notes = await ask(tmp_path, str(path), "gpt-5", data=None, metric=metric)
    assert bodies and all(words in text(body) for body in bodies)
    assert f"{file} is a set of your own, judged by {scorer}" in notes
    assert run.summary.benchmarks[0].name == file
    before = (run.folder / "scores.jsonl").read_bytes()
    assert score(run.folder).summary.benchmarks[0].coverage.complete
    assert (run.folder / "scores.jsonl").read_bytes() == before


def test_a_table_whose_every_cell_is_quoted_has_its_options(tmp_path: Path) -> None:
    formats.make("MMStar", tmp_path)
    csv.field_size_limit(2**31 - 1)
    with (tmp_path / "MMStar.tsv").open(newline="") as plain, (tmp_path / "My.tsv").open("w") as quoted:
        rows = csv.reader(plain, delimiter="\t")
        csv.writer(quoted, delimiter="\t", quoting=csv.QUOTE_ALL).writerows(rows)
    (dataset,) = select([str(tmp_path / "My.tsv")], None)
    assert dataset.selection.benchmark.scorers == {"text": "choice"}
    first = next(dataset.samples())
    (text,) = [part.text for part in first.turns[0].parts if isinstance(part, Text)]
    assert text.count("A. red") == 1


async def test_a_folder_in_dyn_benchs_layout_runs_by_its_path(tmp_path: Path) -> None:
    formats.make("dynbench", tmp_path / "mine")
    run, _, _ = await ask(tmp_path, str(tmp_path / "mine"), "gpt-5", data=None)
    assert [benchmark.name for benchmark in run.summary.benchmarks] == ["mine"]
    assert score(run.folder).summary.complete


def test_a_path_that_is_no_set_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match=r"nothing\.tsv: there is no such file .* own is a \.tsv as"):
        select(["./nothing.tsv"], None)
    with pytest.raises(UsageError, match="--metric nonsense: known are"):
        select(["./nothing.tsv"], None, metric="nonsense")


async def test_answers_are_written_as_vlmevalkit_has_them_and_read_again(tmp_path: Path) -> None:
    formats.make("MMStar", tmp_path / "data")
    run, _, _ = await ask(tmp_path, "MMStar", "gpt-5")
    (written,) = export(run, "vlmevalkit", tmp_path / "out")
    sheet = load_workbook(written.path).worksheets[0]
    header, first = (list(row) for row in list(sheet.iter_rows(values_only=True))[:2])
    assert (
        header[0] == "index"
        and header[-1] == "prediction"
        and {"A", "B", "question", "answer"} <= set(header)
    )
    assert first[0] == 0 and first[-1] == "B"
    assert predictions.read(written.path).by_id == {str(number): "B" for number in range(4)}


@pytest.mark.parametrize("name", ["MMBench_TEST_EN_V11", "mathvista-test"])
async def test_a_test_split_is_scored_when_its_gold_is_there(name: str, tmp_path: Path) -> None:
    formats.make(name, tmp_path / "data")
    run, _, _ = await ask(tmp_path, name, "gpt-5")
    assert "no gold" in " ".join((run.folder / "report.txt").read_text().split())
    assert export(run, "submission", tmp_path / "out")[0].count > 0
    for path in (tmp_path / "data").glob("*.tsv"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0] + "\tanswer", *(line + "\tB" for line in lines[1:])]) + "\n")
        again, _, _ = await ask(tmp_path, name, "gpt-5", out=tmp_path / "SCORED")
        assert "no gold" not in (again.folder / "report.txt").read_text()
        assert again.summary.benchmarks[0].headline.value == 100.0


async def test_leaps_table_for_its_judge_is_written(tmp_path: Path) -> None:
    formats.make("blind_10", tmp_path / "data")
    run, bodies, _ = await ask(tmp_path, "blind_10", "gpt-5", temperature=0.7, top_p=0.9)
    assert {(body["temperature"], body["top_p"]) for body in bodies} == {(0.7, 0.9)}
    (written,) = export(run, "blind_10", tmp_path / "out")
    with written.path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sample_idx"] for row in rows] == ["0", "1"]
    assert (
        rows[0]["image_paths"] == "data/images/1.png" and rows[0]["reference_steps"] == "1. Pick up the toy."
    )
    assert {row["model_output"] for row in rows} == {"B"} and {row["prompt_text"] for row in rows} == {
        "Plan it."
    }
