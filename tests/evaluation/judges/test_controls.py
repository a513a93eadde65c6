"""Control items and the judge card they make."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.evaluation.judges.test_judged_runs import SAID, answering, many, summed
from tests.faults.server import Request, Response, Script, completion, serving


def attentive(request: Request, number: int) -> Response:
    """Marks the reference answer itself 1.0, an empty one 0.0, any other 0.4."""
    words = request.json["messages"][-1]["content"]
    answer = re.search(r"BEGIN (\w+)\n(.*?)\nEND \1", words, re.DOTALL)[2].strip()
    score = "1.0" if answer == "7" else "0.0" if not answer else "0.4"
    return Response(body=completion(json.dumps({"reason": "", "score": score}), model="judge"))


def content(request: Request, number: int) -> Response:
    """Finds everything good."""
    return Response(body=completion(json.dumps({"reason": "", "score": "1.0"}), model="judge"))


@pytest.mark.parametrize(
    ("judge_says", "empty", "asked"), [(attentive, "2 of 2", 84), (content, "0 of 2", 84)]
)
async def test_one_answer_in_twenty_is_a_control(
    judge_says: Script, empty: str, asked: int, run: Command, tmp_path: Path
) -> None:
    data = many(tmp_path / "data", 80)
    async with serving(answering(SAID)) as model, serving(judge_says, models=("judge",)) as judge:
        code, out, err = await asyncio.to_thread(
            run,
            *("--endpoint", model.url, "--task", "mmvet", "--data", data, "--out", "RUN", "--quiet"),
            *("--judge-endpoint", judge.url),
        )
        assert code == 0, out + err
        assert judge.count == asked
    assert "80 answers for the judge and 4 controls" in err
    number = summed()
    assert number["judged"]["by_judge"] == 80
    (passed, spent) = number["judged"]["card"]
    # All questions have one reference answer, so none of another question is made.
    assert f"an empty answer: {empty}" in passed
    assert "the same answer again: 1 of 1" in passed
    assert spent.startswith("80 replies, 0 refusals, 0 answers without a verdict")
    assert "judge card: controls passed" in " ".join(out.split())
