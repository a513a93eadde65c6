"""Answers of several runs compared blind by scripted judges."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.evaluation.judges.test_judged_runs import answering, many, text
from tests.faults.server import Request, Response, Script, Scripted, completion, serving

MARKED = re.compile(r"BEGIN (\w+)\n(.*?)\nEND \1", re.DOTALL)


def reply(**said: Any) -> Response:
    return Response(body=completion(json.dumps({"reason": "so", **said}), model="judge"))


def preferring(word: str) -> Script:
    """A judge that prefers the answer with this word, and marks it 9 where others get a 4."""

    def script(request: Request, number: int) -> Response:
        answers = [answer for _, answer in MARKED.findall(request.json["messages"][-1]["content"])]
        if len(answers) == 1:
            return reply(mark=9 if word in answers[0] else 4)
        one, other = (word in answer for answer in answers)
        return reply(better="tie" if one == other else "A" if one else "B")

    return script


def always(better: str) -> Script:
    def script(request: Request, number: int) -> Response:
        return reply(mark=5) if "mark" in properties(request) else reply(better=better)

    return script


def properties(request: Request) -> dict[str, Any]:
    return request.json["response_format"]["json_schema"]["schema"]["properties"]


async def runs_of(run: Command, tmp_path: Path, **said: str) -> list[str]:
    """Runs of models that always say one thing, over eight questions; returns their folders."""
    data = many(tmp_path / "data", 8)
    for name, answer in said.items():
        async with serving(answering(answer), models=(name,)) as model:
            flags = ("--endpoint", model.url, "--task", "mmvet", "--data", data, "--out", name, "--quiet")
            assert (await asyncio.to_thread(run, *flags))[0] == 0
    return list(said)


async def reviewed(run: Command, judge: Scripted, *words: object) -> tuple[str, dict[str, Any]]:
    code, out, err = await asyncio.to_thread(
        run, "review", *words, "--judge-endpoint", judge.url, "--out", "OUT", "--quiet"
    )
    assert code == 0, out + err
    return out, json.loads(text("OUT/review.json"))


async def test_the_better_run_is_preferred_and_no_name_is_shown(run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, kite="It is seven, clearly.", heron="No idea.")
    async with serving(preferring("seven"), models=("judge",)) as judge:
        out, found = await reviewed(run, judge, *folders)
        bodies = [request.body.decode() for request in judge.requests]
    assert not [body for body in bodies if "kite" in body or "heron" in body]
    # Both orders of each pair, and each answer by itself.
    assert len(bodies) == 8 * 2 + 8 * 2
    (pairing,) = found["pairings"]
    assert pairing["rate"]["value"] == 100.0
    assert pairing["rate"]["interval"][1] <= 100.0
    assert (pairing["ties"], pairing["biased"]) == (0, 0)
    assert [mark["value"] for mark in found["marks"]] == [9.0, 4.0]
    assert "kite against heron: preferred 100.0 %" in out


async def test_a_judge_that_goes_by_the_order_makes_ties(run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, kite="It is seven.", heron="No idea.")
    async with serving(always("A"), models=("judge",)) as judge:
        out, found = await reviewed(run, judge, *folders, "--mode", "pairs")
    (pairing,) = found["pairings"]
    assert pairing["rate"]["value"] == 50.0
    assert (pairing["ties"], pairing["biased"], pairing["first_place"]) == (8, 8, 8)
    assert "8 of them for whichever stood first" in out


async def test_several_runs_are_ranked(run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, kite="seven swans", heron="seven", crow="nothing")

    def script(request: Request, number: int) -> Response:
        worth = [
            ("seven" in answer) + ("swans" in answer)
            for _, answer in MARKED.findall(request.json["messages"][-1]["content"])
        ]
        return reply(better="tie" if worth[0] == worth[1] else "A" if worth[0] > worth[1] else "B")

    async with serving(script, models=("judge",)) as judge:
        out, found = await reviewed(run, judge, *folders, "--mode", "pairs", "--limit", "5")
    assert found["items"] == 5
    assert [found["labels"][each["model"]] for each in found["strengths"]] == ["kite", "heron", "crow"]
    assert sum(each["value"] for each in found["strengths"]) == pytest.approx(0, abs=1e-6)
    assert "strengths" in out


async def test_a_jury_goes_by_the_majority(run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, kite="It is seven.", heron="No idea.")
    async with (
        serving(preferring("seven"), models=("one",)) as one,
        serving(preferring("seven"), models=("two",)) as two,
        serving(preferring("idea"), models=("three",)) as three,
    ):
        out, found = await reviewed(run, one, *folders, "--also-judge", two.url, "--also-judge", three.url)
    assert found["judges"] == ["one", "two", "three"]
    assert found["pairings"][0]["rate"]["value"] == 100.0
    assert [mark["value"] for mark in found["marks"]] == [9.0, 4.0]
    assert found["agreement"]["preferences"] < 0.1
    assert "Krippendorff's alpha" in out


async def test_a_judge_of_the_candidates_family_is_warned_about(run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, **{"Qwen3-VL-8B": "seven", "InternVL3-8B": "no idea"})
    async with serving(preferring("seven"), models=("Qwen3-32B",)) as judge:
        out, _ = await reviewed(run, judge, *folders, "--mode", "pairs")
    assert "the judge Qwen3-32B is of one family with Qwen3-VL-8B" in out


NONSENSE: dict[str, Callable[[Request, int], Response]] = {
    "words": lambda request, number: Response(body=completion("A is better, I think.")),
    "another letter": lambda request, number: reply(better="C", mark=11),
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_what_is_no_verdict_enters_no_rate(what: str, run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, kite="It is seven.", heron="No idea.")
    async with serving(NONSENSE[what], models=("judge",)) as judge:
        _, found = await reviewed(run, judge, *folders)
    assert found["pairings"][0]["rate"]["value"] is None
    assert found["pairings"][0]["without"] == 8
    assert found["marks_without"] == 16


async def test_one_run_is_nothing_to_compare(run: Command, tmp_path: Path) -> None:
    folders = await runs_of(run, tmp_path, kite="It is seven.")
    code, _, err = await asyncio.to_thread(run, "review", *folders, "--judge-endpoint", "http://localhost:1")
    assert code == 2
    assert "two runs or more" in err
