"""VLABench as LEAP's users have it: solved examples by a flag, its result files both ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sightbench.sample import Image, Text
from sightbench.tasks import catalog
from tests.conftest import Command
from tests.reports.test_page import blocks
from tests.tasks import formats

RIGHT = [
    {"name": "pick", "params": {"target_entity_name": 1}},
    {"name": "place", "params": {"target_container_name": 2}},
]
HALF = [{"name": "pick", "params": {"target_entity_name": 1}}]
FULL = {
    "skill_match_score": 100.0,
    "entity_match_score": 100.0,
    "skill_with_entity_match_score": 100.0,
    "exact_match_score": 100.0,
    "total_score": 80.0,
}


def said(plan: Any) -> dict[str, Any]:
    text = f"So:\n```json\n{json.dumps(plan)}\n```"
    return {"origin_output": text, "skill_sequence": plan}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """LEAP's results of one model in two dimensions, with a form error and a question that failed."""
    root = tmp_path / "results"
    about = {"existing_num": 2, "already_running_time": 3.0}
    broken = {"origin_output": "I would pick it.", "format_error": "format_error"}
    failed = {"origin_output": "", "format_error": "inference_error"}
    for dimension, task, first, second in (
        ("M&T", "select_toy", said(RIGHT), said(HALF)),
        ("CommenSence", "add_condiment", broken, failed),
    ):
        outputs = {"benchmeatinfo": about, task: {"0": first, "1": second}}
        formats.put(root / dimension / "model_1shot/output.json", outputs)
        formats.put(root / dimension / "model_1shot/final_score.json", {})
    return root


def test_leaps_files_are_read_and_written_back(run: Command, results: Path, tmp_path: Path) -> None:
    data = formats.make("vlabench", tmp_path / "data")
    flags = ("grade", "--task", "vlabench", "--data", data, "--profile", "one_shot")
    code, out, _ = run(*flags, "--predictions", results, "--out", "RUN")
    assert code == 1, "the question that failed, and a dimension without results"
    assert "  M&T" in out and "  CommonSense" in out
    assert run("export", "RUN", "--format", "leap", "--out", "LEAP")[0] == 0
    written = sorted(path.relative_to("LEAP").as_posix() for path in Path("LEAP").rglob("*.json"))
    assert len(written) == 4 and all("_1shot/" in name for name in written)
    outputs = json.loads(next(Path("LEAP/M&T").glob("*/output.json")).read_text())
    assert outputs["select_toy"] == {"0": said(RIGHT), "1": said(HALF)}
    scores = json.loads(next(Path("LEAP/M&T").glob("*/final_score.json")).read_text())
    assert scores["select_toy"]["0"] == FULL
    assert scores["select_toy"]["1"]["total_score"] == pytest.approx(40.0)
    other = next(Path("LEAP/CommonSense").glob("*/output.json"))
    assert json.loads(other.read_text())["add_condiment"] == {
        "0": {"origin_output": "I would pick it.", "format_error": "format_error"}
    }
    assert run(*flags, "--predictions", "LEAP", "--out", "AGAIN")[1].count("40.0") == out.count("40.0")


def test_final_scores_stand_for_the_answers_beside_them(run: Command, results: Path, tmp_path: Path) -> None:
    data = formats.make("vlabench", tmp_path / "data")
    file = results / "M&T/model_1shot/final_score.json"
    _, out, _ = run(
        "grade",
        "--task",
        "vlabench",
        "--data",
        data,
        "--predictions",
        file,
        "--out",
        "RUN",
        "--profile",
        "cot",
    )
    assert "60.00" in out


def test_a_run_without_vlabench_has_nothing_for_leap(run: Command, tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    formats.put(tmp_path / "answers.jsonl", '{"id": "0", "prediction": "A"}\n')
    run(
        "grade",
        "--task",
        "MMStar",
        "--data",
        data,
        "--predictions",
        tmp_path / "answers.jsonl",
        "--out",
        "RUN",
    )
    code, _, err = run("export", "RUN", "--format", "leap")
    assert (code, err) == (2, "error: RUN holds no VLABench\n")


HERE = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--dry-run")


@pytest.mark.parametrize(
    ("flags", "profile"),
    [
        ((), "one_shot"),
        (("--profile", "cot"), "one_shot_cot"),
        (("--profile", "zh"), "one_shot_zh"),
        (("--profile", "one_shot_zh_cot"), "one_shot_zh_cot"),
    ],
)
def test_one_solved_example_is_a_flag(flags, profile, run: Command, tmp_path: Path) -> None:
    data = formats.make("vlabench", tmp_path / "data")
    code, out, _ = run(*HERE, "--task", "vlabench", "--data", data, "--few-shot", 1, *flags)
    assert code == 0 and f"vlabench: {profile}" in out


@pytest.mark.parametrize(("task", "count"), [("MMStar", 1), ("vlabench", 2)])
def test_examples_that_no_prompt_has_are_refused(task: str, count: int, run: Command, tmp_path: Path) -> None:
    data = formats.make(task, tmp_path / "data")
    code, _, err = run(*HERE, "--task", task, "--data", data, "--few-shot", count)
    assert code == 2 and err.startswith(f"error: --few-shot {count}: {task} has no prompt")


def test_a_chinese_example_is_chinese(tmp_path: Path) -> None:
    (vlabench,) = catalog.known("vlabench")
    data = formats.make("vlabench", tmp_path / "data")
    parts = next(catalog.read(catalog.resolve([vlabench.name])[0], data, "one_shot_zh_cot")).turns[0].parts
    texts = [part.text for part in parts if isinstance(part, Text)]
    assert texts[0] == "有一些技能。" and texts[1:5:2] == ["示范0输入图片:", "示范0语言指令:"]
    assert texts[2] == "示范0输入带编号标签的图片" and texts[-1] == "请一步一步分析问题最后给出答案"
    assert sum(isinstance(part, Image) for part in parts) == 4


def test_half_of_the_marks_is_not_right_on_the_page(run: Command, results: Path, tmp_path: Path) -> None:
    data = formats.make("vlabench", tmp_path / "data")
    run("grade", "--task", "vlabench", "--data", data, "--profile", "one_shot", "--predictions", results,
        "--out", "RUN")  # fmt: skip
    assert run("report", "RUN", "--single-file")[0] == 0
    page = blocks(Path("RUN/report.html"))
    columns, names = page["index"]["runs"][0], page["index"]["outcomes"]
    marked = {
        names[outcome]: value
        for outcome, value in zip(columns["outcome"], columns["value"], strict=True)
        if names[outcome] in ("right", "partly")
    }
    assert marked["right"] == 1 and 0 < marked["partly"] < 1
    assert {record["score"]["of"] for record in page["samples-0-0"]} == {80}
