"""`grade --metric`: a filter that answers line by line, and says what all lines come to."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from sightbench.scorers.table import SCORERS
from tests.conftest import Command
from tests.paths import ROOT


def graded(run: Command, metric: str, *lines: dict[str, Any], more: tuple[str, ...] = ()) -> list[Any]:
    text = "\n".join(json.dumps(line) for line in lines)
    _, out, _ = run("grade", "--metric", metric, *more, stdin=text)
    return [json.loads(line) for line in out.splitlines()]


def total(run: Command, metric: str, *lines: dict[str, Any]) -> Any:
    return graded(run, metric, *lines, more=("--total",))[-1]


def test_a_line_is_answered_before_the_next_one_is_written() -> None:
    command = [sys.executable, "bench.py", "grade", "--metric", "anls", "--total"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        for name, said, score in (("a", "42", 1.0), ("b", "no", 0.0)):
            child.stdin.write(json.dumps({"id": name, "prediction": said, "gold": ["42"]}).encode() + b"\n")
            child.stdin.flush()
            answer = json.loads(child.stdout.readline())
            assert (answer["id"], answer["score"]) == (name, score)
        child.stdin.close()
        assert json.loads(child.stdout.readline())["total"]["value"] == 50.0


MASK = {"size": [2, 2], "counts": [0, 4]}
LINES: dict[str, dict[str, Any]] = {
    "caption": {"prediction": "a dog runs", "gold": ["a dog runs", "the dog"]},
    "vqa_accuracy": {"prediction": "2", "gold": ["2"] * 10},
    "vizwiz_accuracy": {"prediction": "2", "gold": ["2"] * 10},
    "ai2d": {"prediction": "B", "gold": "B"},
    "crpe": {"prediction": "A", "gold": "A. man"},
    "cmmmu": {"prediction": "A", "gold": "A", "type": "选择", "choices": ["x", "y", "z", "w"]},
    "mathvista": {"prediction": "2", "gold": "2", "question_type": "free_form", "answer_type": "integer"},
    "ost": {"prediction": "Yes", "gold": "Yes", "type": "AO_distance(option)", "option": ["Yes", "No"]},
    "box_iou": {"prediction": "[[0,0,1000,1000]]", "gold": [0, 0, 10, 10], "hw": [10, 10]},
    "vlabench": {
        "prediction": '```json\n[{"name": "pick", "params": {"target_entity_name": 1}}]\n```',
        "gold": [{"name": "pick", "params": {"target_entity_name": 1}}],
        "dependency": "Sequential",
    },
    "llava_bench_judge": {"prediction": "8 8\nwell", "gold": None},
    "mmvet_judge": {"prediction": "1.0", "gold": None},
    "plan_judge": {"prediction": '{"scores": {}, "final_score": 5}', "gold": None},
    "mmscan_judge": {
        "prediction": json.dumps(
            {"All key points": ["a"], "Correct Number": 1, "Wrong/Missing Number": 0, "Reasons": ""}
        ),
        "gold": None,
    },
    "hallusionbench": {"prediction": "Yes", "gold": "yes", "set_id": 1, "figure_id": 1, "question_id": 1},
    "yes_no": {"prediction": "Yes", "gold": "yes"},
    "mme": {"prediction": "Yes", "gold": "yes"},
    "pope": {"prediction": "Yes", "gold": "yes"},
    "davis_unsupervised": {"prediction": [{"rles": [MASK] * 3}], "gold": [[MASK] * 3]},
    "jf": {"prediction": [MASK] * 3, "gold": [MASK] * 3},
    **{name: {"prediction": [MASK], "gold": MASK} for name in ("ciou", "giou", "gres", "gcg")},
    **{
        name: {"prediction": [MASK] * 3, "gold": [MASK] * 3}
        for name in ("rvos", "ref_davis", "revos", "ref_sav")
    },
}
SETS = ("set_id", "figure_id", "question_id")
LETTERED = {"prediction": "A", "gold": "A", "choices": ["x", "y", "z", "w"]}


def rows_of(metric: str) -> list[dict[str, Any]]:
    """Four lines of a metric, all right, that name two of everything its total is divided by."""
    scorer = SCORERS[metric]
    plain = LINES.get(metric) or (LETTERED if "choices" in str(scorer.fields.__struct_fields__) else {})
    plain = plain or {"prediction": "A", "gold": "A"}
    values = {name: ("one", "one", "two", "two") for name in scorer.axes}
    values |= {"data_type": ("image", "image", "video", "video"), "grade": ("2", "2", "9", "9")}
    values |= {"subject": ("NAT", "NAT", "SOC", "SOC"), "hint": ("x", "x", "", "")}
    if metric == "mmmu":
        values["category"] = ("Art", "Art", "Math", "Math")
    if metric == "mmvet_judge":
        values["category"] = ("rec", "rec", "rec,ocr", "rec,ocr")
    if metric == "mmscan_judge":
        values["category"] = ("OR", "OR", "EQ", "EQ")
    if metric == "ocrbench":
        values["category"] = ("Regular Text Recognition",) * 2 + ("Scene Text-centric VQA",) * 2
    if metric == "mme":
        values["category"] = ("existence", "existence", "count", "count")
    if metric == "hallusionbench":
        values["set_id"] = values["figure_id"] = values["question_id"] = ("1", "1", "2", "2")
        values["index"] = ("VD_x_1_1_1_1",) * 2 + ("VD_x_1_2_2_2",) * 2
    if metric == "crpe":
        values["group"] = ("one",) * 4
    if metric == "dynbench_qa":
        values["category"] = ("Camera-Object", "Camera-Object", "Inter-Object", "Inter-Object")
    wanted = {name: values[name] for name in scorer.axes if name not in plain or name in SETS}
    return [
        {"id": f"q{at}", **plain, **{name: column[at] for name, column in wanted.items()}} for at in range(4)
    ]


@pytest.mark.parametrize("metric", sorted(SCORERS))
def test_every_metric_says_what_all_lines_come_to(metric: str, run: Command) -> None:
    *lines, last = graded(run, metric, *rows_of(metric), more=("--total",))
    assert [line["id"] for line in lines] == ["q0", "q1", "q2", "q3"]
    assert (last["metric"], last["graded"], last["errors"]) == (metric, 4, 0)
    # Sums that need categories which four lines do not have say which are missing.
    assert last["total"]["value"] is not None or "missing" in last["total"]["note"]


DIVIDING = [
    (name, axis)
    for name, scorer in SCORERS.items()
    for axis in (("category", "l2-category") if name == "hallusionbench" else scorer.axes)
    if axis not in LINES.get(name, {})
]


@pytest.mark.parametrize(("metric", "axis"), DIVIDING)
def test_what_a_total_is_divided_by_is_used(metric: str, axis: str, run: Command) -> None:
    kept = {"id", "prediction", "gold", "rows", axis} | set(SETS) | LINES.get(metric, LETTERED).keys()
    # Pairs, four of a kind and images show in a total of some category only.
    kept |= {"category"} if metric in ("mme", "pope") else set()
    lines = [{name: value for name, value in line.items() if name in kept} for line in rows_of(metric)]
    if axis == "group":
        groups = "aaab" if metric == "crpe" else "abab"
        lines = [{**line, "group": group} for line, group in zip(lines, groups, strict=True)]
        for at in (0, 2):
            lines[at]["prediction"] = {"Yes": "No", "A": "B"}[lines[at]["prediction"]]
    without = [{name: value for name, value in line.items() if name != axis} for line in lines]
    assert total(run, metric, *lines) != total(run, metric, *without)


def test_figures_and_questions_of_hallusionbench_are_counted(run: Command) -> None:
    lines = [
        {"id": f"VD_figure_1_0_{figure}_{question}", "prediction": said, "gold": "yes"}
        for figure, question, said in ((1, 0, "Yes"), (1, 1, "No"), (2, 0, "Yes"), (2, 1, "Yes"))
    ]
    last = total(run, "hallusionbench", *lines)["total"]
    assert {part["name"]: part["value"] for part in last["parts"][:3]} == {
        "aAcc": 75.0,
        "fAcc": 50.0,
        "qAcc": 50.0,
    }
    assert (
        "set_id: missing"
        in total(run, "hallusionbench", {"prediction": "Yes", "gold": "yes"})["total"]["error"]
    )


def test_sets_on_one_line_each_are_summed_up_as_sets(run: Command) -> None:
    def one(*said: str) -> dict[str, Any]:
        return {"rows": [{**LETTERED, "prediction": letter} for letter in said]}

    last = total(run, "circular", one("A", "A"), one("A", "B"))
    assert (last["total"]["value"], last["total"]["n"]) == (50.0, 2)


@pytest.mark.parametrize("metric", sorted(SCORERS))
def test_null_is_no_answer_whatever_the_metric(metric: str, run: Command) -> None:
    line = {**rows_of(metric)[0], "prediction": None}
    (said,) = graded(run, metric, line)
    assert said == {"id": "q0", "error": 'prediction: null is no answer; an empty answer is ""', "line": 1}
    if SCORERS[metric].judge_set is not None:
        (said,) = graded(run, metric, {"id": 7, "rows": [line]})
        assert said["id"] == 7 and "rows[0]: prediction: null" in said["error"]


def test_reasons_are_taken_out_where_that_is_asked_for(run: Command) -> None:
    line = {"prediction": "<think>42? no, 43</think> 43", "gold": ["43"]}
    assert graded(run, "exact_match", line)[0]["score"] == 0.0
    assert graded(run, "exact_match", line, more=("--reasoning", "strip"))[0]["score"] == 1.0
    sets = {"rows": [{**LETTERED, "prediction": "<think>B</think>A"}]}
    assert graded(run, "circular", sets, more=("--reasoning", "strip"))[0]["score"] == 1.0


def test_help_lists_every_metric(run: Command) -> None:
    code, out, _ = run("grade", "-h")
    assert code == 0
    assert all(f"\n  {name} " in out for name in SCORERS)
