"""Every judged benchmark from its files to a judged number, over real HTTP, with a scripted judge."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.faults.judge import judging, saying
from tests.faults.server import Request, Response, Scripted, completion, error, serving
from tests.paths import ROOT
from tests.tasks import formats

SAID = "That would rather be something else, I should say."


def answering(text: str) -> Callable[[Request, int], Response]:
    return lambda request, number: Response(body=completion(text))


async def judged(
    run: Command, judge: Scripted, name: str, tmp_path: Path, *flags: object, said: str = SAID
) -> tuple[int, str, str]:
    data = tmp_path / "data"
    if not data.exists():
        formats.make(name, data)
    async with serving(answering(said)) as model:
        return await asyncio.to_thread(
            run,
            *("--endpoint", model.url, "--task", name, "--data", data, "--out", "RUN", "--quiet"),
            *("--judge-endpoint", judge.url, *flags),
        )


def scores(folder: str = "RUN") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "scores.jsonl").read_text().splitlines()]


def summed(folder: str = "RUN") -> dict[str, Any]:
    return json.loads(Path(folder, "summary.json").read_text())["benchmarks"][0]


def text(name: str) -> str:
    return Path(name).read_text()


def exists(name: str) -> bool:
    return Path(name).exists()


def rename(old: str, new: str) -> None:
    Path(old).rename(new)


def contents(folder: str) -> bytes:
    return b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())


def whole_lines(name: str = "RUN/judgements.jsonl") -> set[bytes]:
    path = Path(name)
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return {line for line in lines if line.endswith(b"\n")}


def part(metric: dict[str, Any], name: str) -> float:
    return next(each["value"] for each in metric["parts"] if each["name"] == name)


ALSO_VLMEVALKIT = ("MMStar", "mmvp", "mme", "pope", "mlvu")
"""Benchmarks whose own rule asks nobody."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mmvet", 70.0),
        ("llava-bench", 75.0),
        ("blind_10", 4.0),
        ("MMStar", 0.0),
        ("mmbench-dev-en", 0.0),
        ("HallusionBench", 100.0),
        ("mathvista-testmini", None),
        ("MathVista_MINI", None),
        ("MMMU_DEV_VAL", None),
        ("SEEDBench_IMG", None),
        ("ScienceQA_VAL", None),
        ("mmvp", None),
        ("mme", None),
        ("pope", None),
        ("AI2D_TEST", None),
        ("RealWorldQA", None),
        ("mlvu", None),
    ],
)
async def test_a_judge_decides_what_no_rule_can(
    name: str, value: float | None, run: Command, tmp_path: Path
) -> None:
    async with serving(judging, models=("judge",)) as judge:
        flags = ("--profile", "vlmevalkit") if name in ALSO_VLMEVALKIT else ()
        code, out, err = await judged(run, judge, name, tmp_path, *flags)
    assert code == 0, out + err
    lines = scores()
    assert lines
    told = [line["detail"]["judge"] for line in lines if "judge" in line["detail"]]
    assert told, lines
    assert all(each["outcome"] == "verdict" for each in told)
    number = summed()
    assert number["judged"]["by_judge"] == len(told)
    assert number["judged"]["by_judge"] + number["judged"]["by_rule"] == len(lines)
    assert "judged by judge" in out
    if value is not None:
        assert number["headline"]["value"] == pytest.approx(value)
    kept = text("RUN/judgements.jsonl").splitlines()
    assert {json.loads(line)["judge"]["model"] for line in kept} == {"judge"}


async def test_key_points_stand_beside_the_rules_number(run: Command, tmp_path: Path) -> None:
    async with serving(judging, models=("judge",)) as judge:
        code, out, err = await judged(run, judge, "mmscan_2d", tmp_path)
    assert code == 0, out + err
    number = summed()["headline"]
    assert number["value"] == 0.0
    assert part(number, "key points (judge)") == 50.0


async def test_an_answer_that_a_rule_reads_is_not_sent_to_the_judge(run: Command, tmp_path: Path) -> None:
    async with serving(judging, models=("judge",)) as judge:
        code, _, _ = await judged(run, judge, "MMStar", tmp_path, "--profile", "vlmevalkit", said="B")
        assert code == 0
        assert judge.count == 0
    assert summed().get("judged") is None


NO_VERDICTS = {
    "an essay": saying("The answer is really very good, I would say, because it covers much. " * 20),
    "out of range": saying(json.dumps({"reason": "", "score": "1.5"})),
    "a number where a word belongs": saying(json.dumps({"reason": "", "score": 1})),
    "an essay around the object": saying('Sure: {"reason": "", "score": "1.0"}'),
    "another object": saying(json.dumps({"score": "1.0"})),
    "a refusal in words": saying("I'm sorry, but I can't help with that."),
    "a refusal": saying("", refusal="no"),
    "a failure": lambda request, number: error(400, "broken"),
    "cut off": lambda request, number: Response(
        body=completion(json.dumps({"reason": "", "score": "1.0"})).replace(b'"stop"', b'"length"')
    ),
}


@pytest.mark.parametrize("what", NO_VERDICTS)
async def test_a_judge_without_a_verdict_gives_no_number(what: str, run: Command, tmp_path: Path) -> None:
    async with serving(NO_VERDICTS[what], models=("judge",)) as judge:
        _, out, _ = await judged(run, judge, "mmvet", tmp_path)
        # One more try for what came and was none; what failed is asked again by the next call only.
        assert judge.count == (1 if what == "a failure" else 2)
    (score,) = scores()
    assert score["value"] is None
    assert score["status"] == "ungraded"
    number = summed()
    assert number["headline"]["value"] is None
    assert sum(number["judged"]["without"].values()) == 1
    assert number["coverage"]["ungraded"] == 1
    assert "without a verdict: 1 " in " ".join(out.split())


async def test_a_reference_climbs_its_ladder_and_ends_at_zero(run: Command, tmp_path: Path) -> None:
    async with serving(saying("no idea"), models=("judge",)) as judge:
        code, out, err = await judged(run, judge, "mmvet", tmp_path, "--judge-profile", "vlmevalkit")
        assert code == 0, out + err
        bodies = [request.json for request in judge.requests]
    assert [body["temperature"] for body in bodies] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert {body["max_tokens"] for body in bodies} == {3}
    assert "response_format" not in bodies[0]
    (score,) = scores()
    assert (score["value"], score["status"]) == (0.0, "unparsed")
    assert summed()["judged"]["without"] == {"out of format": 1}


async def test_mm_vets_own_ladder_adds_a_line(run: Command, tmp_path: Path) -> None:
    def second(request: Request, number: int) -> Response:
        return Response(body=completion("well" if number == 0 else "0.4 or so"))

    async with serving(second, models=("judge",)) as judge:
        code, out, err = await judged(run, judge, "mmvet", tmp_path, "--judge-profile", "reference")
        assert code == 0, out + err
        prompts = [request.json["messages"][-1]["content"] for request in judge.requests]
    assert prompts[0].endswith(f"What is x? | -1 <AND> -5 | {SAID} | ")
    assert prompts[1] == prompts[0] + "\nPredict the correctness of the answer (digit): "
    assert scores()[0]["value"] == 0.4


async def test_a_failed_request_is_no_step_of_a_ladder(run: Command, tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return error(400, "broken") if number == 0 else Response(body=completion("0.5"))

    async with serving(script, models=("judge",)) as judge:
        code, _, _ = await judged(run, judge, "mmvet", tmp_path, "--judge-profile", "official")
        assert scores()[0]["status"] == "ungraded"
        assert summed()["judged"]["without"] == {"bad_request": 1}
        code, _, _ = await asyncio.to_thread(
            run, "judge", "RUN", "--judge-endpoint", judge.url, "--judge-profile", "official", "--quiet"
        )
        assert code == 0
        assert [request.json["temperature"] for request in judge.requests] == [0.0, 0.0]
    assert scores()[0]["value"] == 0.5


async def test_judging_again_asks_nothing_and_another_judge_keeps_both(run: Command, tmp_path: Path) -> None:
    async with serving(judging, models=("judge",)) as judge, serving(judging, models=("other",)) as other:
        await judged(run, judge, "mmvet", tmp_path)
        before = text("RUN/scores.jsonl")
        again = ("judge", "RUN", "--quiet", "--judge-endpoint")
        assert (await asyncio.to_thread(run, *again, judge.url))[0] == 0
        assert judge.count == 1
        assert text("RUN/scores.jsonl") == before
        code, out, _ = await asyncio.to_thread(run, *again, other.url)
        assert code == 0
        assert "judged by other" in out
        assert (judge.count, other.count) == (1, 1)
        await asyncio.to_thread(run, *again, judge.url)
        assert text("RUN/scores.jsonl") == before
        code, out, _ = await asyncio.to_thread(run, "score", "RUN")
        assert text("RUN/scores.jsonl") == before
        assert (judge.count, other.count) == (1, 1)
    lines = text("RUN/judgements.jsonl").splitlines()
    models = [json.loads(line)["judge"]["model"] for line in lines]
    assert models == ["judge", "other"]


async def test_judgements_are_shared_between_runs(run: Command, tmp_path: Path) -> None:
    async with serving(judging, models=("judge",)) as judge:
        await judged(run, judge, "mmvet", tmp_path, "--judgements", "SHARED")
        first = text("RUN/scores.jsonl")
        rename("RUN", "FIRST")
        await judged(run, judge, "mmvet", tmp_path, "--judgements", "SHARED")
        assert judge.count == 1
    assert text("RUN/scores.jsonl") == first
    assert text("RUN/judgements.jsonl") == text("FIRST/judgements.jsonl")


async def test_a_judges_key_is_in_no_file(run: Command, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("JUDGE_KEY", "sk-secret-of-the-judge")
    async with serving(judging, models=("judge",)) as judge:
        code, out, err = await judged(run, judge, "mmvet", tmp_path, "--judge-key-env", "JUDGE_KEY")
        assert code == 0
        assert judge.requests[0].headers["authorization"] == "Bearer sk-secret-of-the-judge"
    kept = contents("RUN")
    assert b"sk-secret" not in kept
    assert "sk-secret" not in out + err


async def test_the_budget_of_the_judge_is_its_own(run: Command, tmp_path: Path) -> None:
    def twice(folder: Path) -> None:
        formats.make("blind_10", folder)

    twice(tmp_path / "data")
    async with serving(judging, models=("judge",)) as judge:
        flags = ("--judge-max-tokens-total", "5", "--judge-concurrency", "1")
        code, _, err = await judged(run, judge, "blind_10", tmp_path, *flags)
        assert code == 0
        assert "judging stopped: the budget of 5 tokens is spent" in err


async def test_a_judge_that_is_switched_off_soon_is_warned_about(run: Command, tmp_path: Path) -> None:
    async with serving(judging, models=("judge",), shutdown_date="2026-12-01") as judge:
        code, _, err = await judged(run, judge, "mmvet", tmp_path)
        assert code == 0
    assert "2026-12-01" in err
    assert json.loads(text("RUN/run.json"))["judge"]["shutdown_date"] == "2026-12-01"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--judge-profile", "mine"), "choose ours, reference"),
        (("--judge-profile", "lmms_eval"), "the judge of llava-bench has internvl, vlmevalkit, ours"),
        (("--judge-model", "nobody"), "does not serve 'nobody'"),
        (("--judge-max-cost", "1"), "has no price for judge"),
    ],
)
async def test_a_mistake_is_told_before_anything_is_asked(
    flags: tuple[str, ...], told: str, run: Command, tmp_path: Path
) -> None:
    async with serving(judging, models=("judge",)) as judge:
        code, _, err = await judged(run, judge, "llava-bench", tmp_path, *flags)
        assert code in (1, 2)
    assert told in err
    assert not exists("RUN/replies.jsonl")


def many(root: Path, count: int) -> Path:
    folder = root / "mm-vet"
    formats.put(folder / "images/v1_0.png", formats.picture())
    items = {
        f"v1_{number}": {
            "imagename": "v1_0.png", "question": f"Number {number}?", "answer": "7", "capability": ["ocr"]
        }
        for number in range(count)
    }  # fmt: skip
    formats.put(folder / "mm-vet.json", items)
    return root


async def test_killed_while_judging_nothing_is_lost_or_asked_twice(run: Command, tmp_path: Path) -> None:
    count, in_flight = 300, 8

    def slow(request: Request, number: int) -> Response:
        return Response(body=judging(request, number).body, delay=0.02)

    data = many(tmp_path / "data", count)
    async with serving(answering(SAID)) as model, serving(slow, models=("judge",)) as judge:
        flags = ("--endpoint", model.url, "--task", "mmvet", "--data", data, "--out", "RUN", "--quiet")
        assert (await asyncio.to_thread(run, *flags))[0] == 0
        judging_it = (
            *(sys.executable, str(ROOT / "bench.py"), "judge", "RUN", "--quiet"),
            *("--judge-endpoint", judge.url, "--judge-concurrency", str(in_flight)),
        )
        draw = random.Random(7)
        kills = 4
        for _ in range(kills):
            kept = whole_lines()
            process = await asyncio.create_subprocess_exec(*judging_it, cwd=tmp_path)
            await judge.reached(judge.count + draw.randint(20, 50))
            process.kill()
            await process.wait()
            assert kept <= whole_lines()
        code, out, err = await asyncio.to_thread(run, *judging_it[2:])
        assert code == 0, out + err
        asked = Counter(request.body for request in judge.requests)
    controls = count // 20
    assert count < len(asked) <= count + controls
    # What was in flight at a kill has no line, and is asked again.
    assert sum(asked.values()) <= count + controls + kills * in_flight
    assert summed()["judged"]["by_judge"] == count
