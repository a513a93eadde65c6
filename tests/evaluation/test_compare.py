"""Comparing runs: what is paired, what is left out, what is said aloud."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from openpyxl import Workbook

import sightbench
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run
from sightbench.evaluation.studies.budget import budgets
from sightbench.evaluation.studies.compare import compare
from sightbench.evaluation.studies.leaderboard import leaderboard
from sightbench.evaluation.studies.published import graded
from sightbench.reports.studies.leaderboard import FORMS
from tests.faults.server import healthy, serving
from tests.paths import ROOT
from tests.tasks import formats


def data(root: Path, count: int = 60) -> Path:
    kinds = ("coarse", "fine")
    rows = [
        formats.options(index=at, image=formats.in_base64(at), category=kinds[at % 2], l2_category="x")
        for at in range(count)
    ]
    formats.table(root / "MMStar.tsv", rows)
    return root


def answers(path: Path, letters: dict[int, str]) -> Path:
    return formats.lines(path, [{"id": str(at), "prediction": letter} for at, letter in letters.items()])


def run(root: Path, name: str, letters: dict[int, str]) -> Run:
    file = answers(root / f"{name}.jsonl", letters)
    return score(import_predictions("MMStar", root / "data", file, root / name, None).run)


def test_the_better_run_is_called_better_and_the_rest_is_adjusted(tmp_path: Path) -> None:
    data(tmp_path / "data")
    base = run(tmp_path, "base", {at: "B" if at % 3 else "A" for at in range(60)})
    good = run(tmp_path, "good", {at: "B" for at in range(60)})
    found = compare([base, good])[0]
    head = found.differences[0]
    assert (head.verdict, head.wins, head.losses) == ("better", 20, 0)
    assert head.value == pytest.approx(100 / 3)
    assert head.baseline == base.summary.benchmarks[0].headline.value
    assert {"coarse", "fine"} <= {entry.name.removeprefix("category: ") for entry in found.differences}
    assert all(entry.adjusted_p >= entry.p for entry in found.differences[1:])
    assert compare([good, base])[0].differences[0].verdict == "worse"


def test_what_only_one_answered_is_in_neither_and_said(tmp_path: Path) -> None:
    data(tmp_path / "data")
    base = run(tmp_path, "base", {at: "B" for at in range(60)})
    part = run(tmp_path, "part", {at: "B" if at % 2 else "A" for at in range(10, 60)})
    found = compare([base, part])[0]
    assert (found.shared, found.only_baseline, found.only_candidate) == (50, 10, 0)
    assert found.differences[0].n == 50
    assert found.differences[0].baseline == 100.0
    assert any("part answered 50 of 60" in line for line in found.warnings)


def test_runs_without_a_benchmark_in_common_are_refused(tmp_path: Path) -> None:
    data(tmp_path / "data", 8)
    base = run(tmp_path, "base", {at: "B" for at in range(8)})
    with pytest.raises(UsageError, match="two runs"):
        compare([base])


def test_scores_with_a_line_twice_are_compared_on_neither_side(tmp_path: Path) -> None:
    data(tmp_path / "data", 8)
    base = run(tmp_path, "base", {at: "B" for at in range(8)})
    other = run(tmp_path, "other", {at: "A" for at in range(8)})
    scores = other.folder / "scores.jsonl"
    scores.write_bytes(scores.read_bytes() * 2)
    for pair in ([base, other], [other, base]):
        with pytest.raises(RunFolderError, match=r"other/scores\.jsonl is of other samples"):
            compare(pair)


def test_runs_about_one_video_are_refused_with_the_reason(tmp_path: Path) -> None:
    tree = formats.make("dynbench", tmp_path / "data")
    runs = []
    for letter in "AB":
        rows = [{"id": f"davis/cow/{task}/0", "prediction": letter} for task in ("cameraqa", "qa", "sceneqa")]
        file = formats.lines(tmp_path / f"{letter}.jsonl", rows)
        runs.append(score(import_predictions("qa", tree, file, tmp_path / letter, None).run))
    with pytest.raises(UsageError, match="share too few graded answers: it takes some about two videos"):
        compare(runs)


def test_a_published_file_is_one_more_run(tmp_path: Path) -> None:
    data(tmp_path / "data")
    base = run(tmp_path, "base", {at: "A" for at in range(60)})
    published = answers(tmp_path / "published.jsonl", {at: "B" for at in range(60)})
    command = [
        sys.executable,
        str(ROOT / "bench.py"),
        "compare",
        str(base.folder),
        "--against",
        str(published),
    ]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, check=True)
    found = orjson.loads(done.stdout)
    assert found[0]["candidate"] == "published"
    assert found[0]["differences"][0]["verdict"] == "better"
    assert found[0]["differences"][0]["method"] == "sign flips"
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    assert "published is better than base" in shown


def test_models_the_tests_cannot_tell_apart_share_a_rank_and_every_form_escapes_names(tmp_path: Path) -> None:
    data(tmp_path / "data")
    bad = {at: "B" if at % 2 else "A" for at in range(60)}
    near = {**{at: "B" for at in range(60)}, 0: "A"}
    runs = [
        run(tmp_path, name, letters)
        for name, letters in (("low_1%", bad), ("a|b", near), ("best", {at: "B" for at in range(60)}))
    ]
    board = leaderboard(runs)
    assert [board.cells[model, "MMStar"].rank for model in ("low_1%", "a|b", "best")] == [3, 1, 1]
    assert "a\\|b" in FORMS["markdown"](board)
    assert r"low\_1\%" in FORMS["latex"](board) and r"\toprule" in FORMS["latex"](board)
    assert FORMS["csv"](board).count("\n") == 4
    assert "<b>100.0</b>" in FORMS["html"](board)
    with pytest.raises(UsageError, match="--alias"):
        leaderboard([runs[0], runs[0]])


def test_a_model_without_an_answer_has_no_rank(tmp_path: Path) -> None:
    data(tmp_path / "data", 8)
    failed = {at: "Failed to obtain answer via API" for at in range(8)}
    runs = [run(tmp_path, "good", {at: "B" for at in range(8)}), run(tmp_path, "away", failed)]
    board = leaderboard(runs)
    assert [board.cells[model, "MMStar"].rank for model in ("good", "away")] == [1, None]
    assert FORMS["csv"](board).splitlines()[2] == "away,MMStar,,%,,,,0,8"


async def test_a_run_of_a_part_shows_it_beside_a_whole_one(tmp_path: Path) -> None:
    whole = run(data(tmp_path / "data", 8).parent, "whole", {at: "A" for at in range(8)})
    async with serving(healthy) as server:
        options = sightbench.Options(
            endpoint=server.url, model="tiny", task="MMStar", data=tmp_path / "data", limit=2,
            out=tmp_path / "part",
        )  # fmt: skip
        part = await sightbench.evaluate_async(options)
    board = leaderboard([whole, part])
    assert [(cell.answered, cell.asked) for cell in board.cells.values()] == [(8, 8), (2, 8)]
    assert "[1] 2/8 |" in FORMS["markdown"](board)


@pytest.mark.parametrize("letters", ["A", "B"])
def test_answers_that_are_all_alike_plan_nothing(letters: str, tmp_path: Path) -> None:
    data(tmp_path / "data", 8)
    one = run(tmp_path, "one", {at: letters for at in range(8)})
    two = run(tmp_path, "two", {at: "B" if at % 2 else "A" for at in range(8)})
    for runs in ([one], [one, one], [two, two]):
        with pytest.raises(UsageError, match="no number has a standard error to plan with"):
            budgets(runs)
    assert budgets([one, two])[0].smallest > 0


def test_the_plan_needs_more_videos_for_smaller_differences(tmp_path: Path) -> None:
    data(tmp_path / "data")
    one = run(tmp_path, "one", {at: "B" if at % 3 else "A" for at in range(60)})
    two = run(tmp_path, "two", {at: "B" if at % 3 or at < 9 else "A" for at in range(60)})
    alone, together = budgets([one])[0], budgets([one, two])[0]
    assert together.paired and together.smallest < alone.smallest, "the same questions are right in both"
    needs = dict(alone.needs)
    assert needs[1.0] > needs[2.0] > needs[5.0] > 60
    assert "greedy" in alone.advice
    assert [difference for difference, _ in budgets([one], (1e-300, 5.0))[0].needs] == [5.0]


def lmms_eval(path: Path, letters: dict[int, str]) -> Path:
    """As lmms-eval writes samples today: answers flattened, no `doc`, `resps` only where it differs."""
    lines = [
        {"doc_id": at, "target": "B", "filtered_resps": letter, "token_counts": [None], "doc_hash": "x",
         "average": {"gt": "B"}, "input": "Which?"}
        for at, letter in letters.items()
    ]  # fmt: skip
    return formats.lines(path, lines)


def nested(path: Path, letters: dict[int, str]) -> Path:
    """As it wrote them before: a list for each request, and in it one for each repeat."""
    lines = [
        {"doc_id": at, "doc": {"index": at}, "target": "B", "arguments": {}, "resps": [[letter + "."]],
         "filtered_resps": [letter]}
        for at, letter in letters.items()
    ]  # fmt: skip
    return formats.lines(path, lines)


def xlsx(path: Path, letters: dict[int, str]) -> Path:
    """As VLMEvalKit's infer leaves them: the table's columns without the image, then the prediction."""
    book = Workbook()
    book.active.append(["index", "question", "A", "B", "answer", "category", "l2_category", "prediction"])
    for at, letter in letters.items():
        book.active.append([at, "Which?", "x", "y", "B", "coarse", "x", letter])
    book.save(path)
    return path


def tsv(path: Path, letters: dict[int, str]) -> Path:
    rows = (f"{at}\tWhich?\tB\tcoarse\t{letter}\n" for at, letter in letters.items())
    path.write_text("index\tquestion\tanswer\tcategory\tprediction\n" + "".join(rows))
    return path


def records(path: Path, letters: dict[int, str]) -> Path:
    rows = [{"index": at, "question": "Which?", "prediction": letter} for at, letter in letters.items()]
    path.write_bytes(orjson.dumps(rows))
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("model_MMStar.xlsx", xlsx),
        ("model_MMStar.tsv", tsv),
        ("model_MMStar.json", records),
        ("20260801_120000_samples_mmstar.jsonl", lmms_eval),
        ("20250101_120000_samples_mmstar.jsonl", nested),
    ],
)
def test_a_published_file_of_each_tool_is_paired_by_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Path, dict[int, str]], Path]
) -> None:
    data(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    base = run(tmp_path, "base", {at: "B" if at % 3 else "A" for at in range(60)})
    theirs = {at: "A" if at % 5 == 0 else "B" for at in range(60)}
    (published,) = graded(write(tmp_path / name, theirs), base)
    head = compare([base, published])[0].differences[0]
    assert (head.n, head.wins, head.losses) == (60, 16, 8), "each answer beside the one to the same question"
    assert head.candidate == 80.0
