"""A judge of today against stored verdicts of another, and the equated number beside the raw one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.evaluation.judges.test_judged_runs import answering, many, summed
from tests.faults.server import Request, Response, completion, serving
from tests.scorers.rows import shared
from tests.tasks import formats


def llava_table(root: Path) -> int:
    """LLaVA's eval/table with its 320 real reviews; questions and answers, which are not at hand, are made up
    and hold the stored marks, so that a scripted judge can tell them. Returns how many reviews there are."""
    reviews = sorted(shared("llava_bench").glob("review_*.jsonl"))
    questions, answers, count = {}, [], 0
    for path in reviews:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            questions[row["question_id"]] = {
                "question_id": row["question_id"],
                "text": f"Question {row['question_id']}?",
                "category": "generic",
            }
            for number in (1, 2):
                row[f"answer{number}_id"] = f"{path.stem}-{row['question_id']}-{number}"
                text = f"answer worth {row['score'][number - 1]} of {path.stem}"
                answers.append({"answer_id": row[f"answer{number}_id"], "text": text})
        count += len(rows)
        formats.lines(root / "review" / path.name, rows)
    formats.lines(root / "question.jsonl", list(questions.values()))
    formats.lines(root / "answer/answers.jsonl", answers)
    formats.put(root / "rule.json", {"default": {"role": "Assistant", "prompt": "Rate both."}})
    return count


def generous(by: int) -> Callable[[Request, int], Response]:
    """A judge that gives the second answer so much more than the stored reviews did, up to 10."""

    def script(request: Request, number: int) -> Response:
        words = request.json["messages"][-1]["content"]
        one, two = (round(float(mark)) for mark in re.findall(r"answer worth ([\d.-]+)", words))
        marks = {"assistant_1": max(1, one), "assistant_2": min(10, max(1, two + by))}
        return Response(body=completion(json.dumps({"reason": "so", **marks}), model="judge"))

    return script


async def test_the_real_reviews_anchor_a_judge(run: Command, tmp_path: Path) -> None:
    count = llava_table(tmp_path / "table")
    assert count == 320
    async with serving(generous(0), models=("judge",)) as judge:
        code, out, err = await asyncio.to_thread(
            run,
            *("judge", "--equate", tmp_path / "table", "--judge-endpoint", judge.url),
            *("--judgements", tmp_path / "kept", "--quiet"),
        )
        assert code == 0, out + err
        asked = judge.count
        again = await asyncio.to_thread(
            run,
            *("judge", "--equate", tmp_path / "table", "--judge-endpoint", judge.url),
            *("--judgements", tmp_path / "kept", "--quiet"),
        )
        assert again[1] == out
        assert judge.count == asked
    assert "llava_review/ours against 320 answers that gpt-4-0328-coding, gpt-4-0328-generic, " in out
    alpha = float(re.search(r"model's answers: .* alpha ([\d.]+)", out)[1])
    assert alpha > 0.9
    assert "mean shift" in out


def judged_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    return formats.table(path, rows)


async def test_a_run_gets_its_equated_number_with_a_wider_interval(run: Command, tmp_path: Path) -> None:
    """Anchors on which the judge gives 0.7 where the reference judge gave 0.4 or 0.6."""
    data = many(tmp_path / "data", 40)
    rows = [
        {
            "index": number,
            "question": f"Other {number}?",
            "answer": "7",
            "prediction": f"perhaps {number}",
            "score": 0.4 if number % 2 else 0.6,
        }
        for number in range(60)
    ]
    anchors = judged_table(tmp_path / "M_MMVet_gpt-4-turbo.tsv", rows)

    def judging(request: Request, number: int) -> Response:
        words = request.json["messages"][-1]["content"]
        high = int(re.search(r"(?:Number|Other) (\d+)\?", words)[1]) % 4 == 0
        score = "0.9" if high else "0.6"
        return Response(body=completion(json.dumps({"reason": "", "score": score}), model="judge"))

    async with serving(answering("Seven?")) as model, serving(judging, models=("judge",)) as judge:
        flags = ("--endpoint", model.url, "--task", "mmvet", "--data", data, "--out", "RUN", "--quiet")
        await asyncio.to_thread(run, *flags, "--judge-endpoint", judge.url)
        before = summed()
        assert any("no published scale" in note for note in before["judged"]["notes"])
        code, out, err = await asyncio.to_thread(
            run, "judge", "RUN", "--equate", anchors, "--judge-endpoint", judge.url, "--quiet"
        )
        assert code == 0, out + err
    after = summed()
    assert after["headline"] == before["headline"]
    equated = next(extra for extra in after["extras"] if extra["name"] == "total, equated")
    raw = after["headline"]
    assert raw["value"] == pytest.approx(67.5)
    assert equated["value"] == pytest.approx(67.5 + 100 * (0.5 - 0.675))
    assert equated["interval"][1] - equated["interval"][0] > raw["interval"][1] - raw["interval"][0]
    assert not any("no published scale" in note for note in after["judged"]["notes"])
    assert "equated to M_MMVet_gpt-4-turbo" in " ".join(out.split())
    assert "mean shift -0.175" in out


async def test_right_and_wrong_are_equated_by_sensitivity_and_specificity(
    run: Command, tmp_path: Path
) -> None:
    """Half of the answers the rule reads; the judge calls every other answer right."""
    data = tmp_path / "data"
    rows = [
        formats.options(index=n, image=formats.in_base64(n), category="x", l2_category="y", question=f"Q{n}")
        for n in range(40)
    ]
    formats.table(data / "MMStar.tsv", rows)
    anchors = [
        {
            **formats.options(index=n, question=f"Q{n}"),
            "prediction": "hard to say indeed",
            "hit": int(n % 4 < 3),
        }
        for n in range(80)
    ]
    path = judged_table(tmp_path / "M_MMStar_result.tsv", anchors)

    def model_says(request: Request, number: int) -> Response:
        words = json.dumps(request.json["messages"][-1]["content"])
        even = int(re.search(r"Question: Q(\d+)", words)[1]) % 2 == 0
        return Response(body=completion("B" if even else "hard to say indeed"))

    def judging(request: Request, number: int) -> Response:
        asked = int(re.search(r"Q(\d+)", request.json["messages"][-1]["content"])[1])
        said = "B" if asked % 4 in (0, 1) else "A"
        return Response(body=completion(json.dumps({"reason": "", "option": said}), model="judge"))

    async with serving(model_says) as model, serving(judging, models=("judge",)) as judge:
        flags = ("--endpoint", model.url, "--task", "MMStar", "--data", data, "--out", "RUN", "--quiet")
        await asyncio.to_thread(run, *flags, "--profile", "vlmevalkit", "--judge-endpoint", judge.url)
        code, out, err = await asyncio.to_thread(
            run, "judge", "RUN", "--equate", path, "--judge-endpoint", judge.url, "--quiet"
        )
        assert code == 0, out + err
    assert "sensitivity 0.667" in out
    assert "specificity 1.000" in out
    number = summed()
    assert (number["judged"]["by_rule"], number["judged"]["by_judge"]) == (20, 20)
    assert number["headline"]["value"] == pytest.approx(75.0)
    equated = next(extra for extra in number["extras"] if extra["name"] == "accuracy, equated")
    # Of the twenty judged the judge calls ten right, of which it finds two in three: fifteen.
    assert equated["value"] == pytest.approx(50 + 50 * 0.75)


async def test_what_is_no_set_of_anchors_is_refused(run: Command, tmp_path: Path) -> None:
    path = judged_table(tmp_path / "plain.tsv", [{"index": 1, "question": "Q", "prediction": "x"}])
    async with serving(generous(0), models=("judge",)) as judge:
        code, _, err = await asyncio.to_thread(
            run, "judge", "--equate", path, "--judge-endpoint", judge.url, "--quiet"
        )
        assert code == 2
        assert "none of VLMEvalKit's after a judge" in err
        code, _, err = await asyncio.to_thread(run, "judge", "--judge-endpoint", judge.url)
        assert code == 2
        assert "name the runs to judge" in err
