"""Sweeps and repeats: one run a point, continued where they stopped; several runs taken together."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import sightbench
from sightbench.errors import UsageError
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import open_run
from sightbench.evaluation.studies.checkpoints import natural
from sightbench.evaluation.studies.grid import points
from sightbench.evaluation.studies.repeats import ask_repeats, with_repeats
from sightbench.evaluation.studies.repeats import repeats as runs_together
from sightbench.evaluation.studies.sweep import run, steps
from sightbench.scorers.statistics.repeats import repeats
from sightbench.tasks import catalog
from tests.faults.server import Request, Response, completion, error, healthy, serving
from tests.tasks import formats


def test_a_grid_has_a_folder_for_each_point_and_the_first_axis_is_slowest(tmp_path: Path) -> None:
    options = sightbench.Options(endpoint="http://x/v1", out=tmp_path)
    grid = points(options, ["frames=4,8", "temperature=0,0.5"])
    frames = ("frames=4", "frames=8")
    labels = [f"{frame},temperature={heat}" for frame in frames for heat in ("0.0", "0.5")]
    assert [point.label for point in grid] == labels
    assert grid[3].options.frames == 8 and grid[3].options.temperature == 0.5
    assert len({point.options.out for point in grid}) == 4
    names = [point.options.model for point in points(options, ["model=checkpoint-1000,checkpoint-200"])]
    assert names == ["checkpoint-200", "checkpoint-1000"]


def test_names_sort_by_the_numbers_in_them() -> None:
    names = ["lora_step10", "lora_step9", "checkpoint-1000", "checkpoint-200"]
    assert sorted(names, key=natural) == ["checkpoint-200", "checkpoint-1000", "lora_step9", "lora_step10"]


@pytest.mark.parametrize("text", ["frames", "colour=red", "frames=many", "frames="])
def test_what_cannot_be_swept_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--over"):
        points(sightbench.Options(endpoint="http://x/v1"), [text])


async def test_a_sweep_continues_and_its_repeats_are_taken_together(tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    async with serving(healthy) as server:
        options = sightbench.Options(
            endpoint=server.url,
            model="tiny",
            task="MMStar",
            data=data,
            out=tmp_path / "sweep",
            temperature=0.7,
        )
        grid = points(options, ["seed=1,2"])
        runs = await asyncio.to_thread(run, grid)
        again = await asyncio.to_thread(run, grid)
    assert all(one.outcome is not None and one.outcome.answered for _, one in runs.done)
    assert all(one.outcome is not None and one.outcome.asked == 0 for _, one in again.done)
    first, second = steps(grid, again)
    assert first.gain is None and second.gain is not None
    assert second.gain.value == (second.headline.value or 0) - (first.headline.value or 0)
    together = runs_together([one for _, one in again.done])["MMStar"]
    both = [first.headline.value or 0, second.headline.value or 0]
    assert together.tries == 2 and together.average.value == pytest.approx(sum(both) / 2)


async def test_everything_is_asked_k_times_with_a_seed_each_and_more_can_be_added(tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    async with serving(healthy) as server:
        options = sightbench.Options(
            endpoint=server.url, model="tiny", task="MMStar", data=data, out=tmp_path / "run", temperature=0.7
        )
        two = await asyncio.to_thread(ask_repeats, options, 2)
        asked = len(server.requests)
        three = await asyncio.to_thread(ask_repeats, options, 3)
        seeds = [request.json["seed"] for request in server.requests]
    each = asked // 2
    assert seeds == [0] * each + [1] * each + [2] * each, "what was answered is not asked again"
    assert [one.folder for one in three] == list(with_repeats(tmp_path / "run"))
    assert len(two) == 2 and three[2].folder == tmp_path / "run" / "repeats" / "3"
    journals = [read_replies(one.folder) for one in three]
    assert len({reply["ask"] for replies in journals for reply in replies}) == 3 * each
    found = runs_together([sightbench.open_run(folder) for folder in with_repeats(tmp_path / "run")])
    assert found["MMStar"].tries == 3 and found["MMStar"].n == each
    with pytest.raises(UsageError, match="--repeats"):
        runs_together(three[:1])


async def test_repeats_of_a_server_that_takes_no_seed_are_requests_of_their_own(tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")

    def script(request: Request, number: int) -> Response:
        return error(400, "seed: Extra inputs are not permitted") if "seed" in request.json else answer()

    def answer() -> Response:
        return Response(body=completion("A"))

    async with serving(script) as server:
        options = sightbench.Options(
            endpoint=server.url, model="tiny", task="MMStar", data=data, out=tmp_path / "run"
        )
        options = replace(options, provider="openai")
        runs = await asyncio.to_thread(ask_repeats, options, 2)
    first, second = (read_replies(run.folder) for run in runs)
    assert not {reply["ask"] for reply in first} & {reply["ask"] for reply in second}


def read_replies(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "replies.jsonl").read_text().splitlines()]


def test_pass_at_k_is_the_share_of_all_choices_of_k_tries_with_a_right_one() -> None:
    values = np.array([[1, 0, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0]], dtype=float)
    found = repeats(values, [list("abbc"), list("aaba"), list("bbbb")], list("xyz"))
    for k, metric in found.pass_at:
        shares = [np.mean([max(pick) for pick in combinations(row, k)]) for row in values]
        assert metric.value == pytest.approx(100 * np.mean(shares))
    assert found.majority.value == pytest.approx(100 / 3), "b is wrong, a is right"
    assert found.consistency.value == pytest.approx(100 * (1 / 6 + 3 / 6 + 1) / 3)


def test_the_variance_is_shared_out_as_it_was_made() -> None:
    rng = np.random.default_rng(0)
    values = 0.5 + 0.1 * rng.normal(size=(4000, 1)) + 0.2 * rng.normal(size=(4000, 5))
    found = repeats(values, [list(range(5))] * 4000, list(range(4000)))
    assert found.decoding == pytest.approx(0.04 / 0.05, abs=0.02)
    assert not found.pass_at


def test_marks_out_of_eighty_are_averaged_as_they_are(tmp_path: Path) -> None:
    data = formats.make("vlabench", tmp_path / "data")
    (selection,) = catalog.resolve(["vlabench"])
    ids = [sample.id for sample in catalog.read(selection, data)]
    steps = [
        {"name": "pick", "params": {"target_entity_name": 1}},
        {"name": "place", "params": {"target_container_name": 2}},
    ]
    runs = []
    for number in range(2):
        said = [f"```json\n{json.dumps(steps[: 2 - (at + number) % 2])}\n```" for at in range(len(ids))]
        rows = ({"id": id, "prediction": text} for id, text in zip(ids, said, strict=True))
        file = formats.lines(tmp_path / "answers.jsonl", rows)
        runs.append(score(import_predictions("vlabench", data, file, tmp_path / f"{number}", None).run))
    heads = [run.summary.benchmarks[0].headline.value or 0 for run in runs]
    together = runs_together(runs)["vlabench"]
    assert together.average.value == pytest.approx(sum(heads) / 2) and together.average.unit == "of 80"
    low, high = together.majority.interval or (0, 0)
    assert low < (together.majority.value or 0) < high and together.pass_at == ()


def test_answers_to_other_data_are_no_repeats(tmp_path: Path) -> None:
    file = formats.lines(tmp_path / "answers.jsonl", [{"id": str(at), "prediction": "B"} for at in range(4)])
    runs = []
    for name in ("one", "two"):
        data = formats.make("MMStar", tmp_path / name)
        if name == "two":
            table = data / "MMStar.tsv"
            table.write_text(table.read_text().replace("\tB\t", "\tA\t"))
        imported = import_predictions("MMStar", data, file, tmp_path / f"run-{name}", None)
        runs.append(score(imported.run))
    with pytest.raises(UsageError, match="were not asked the same questions of MMStar"):
        runs_together(runs)
    with pytest.raises(UsageError, match="stands there twice"):
        runs_together([runs[0], open_run(tmp_path / "two" / ".." / "run-one")])


async def test_a_point_without_an_answer_costs_no_other_its_gain(tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")

    def script(request: Request, number: int) -> Response:
        return error(400, "no") if request.json["temperature"] == 0.5 else Response(body=completion("B"))

    async with serving(script) as server:
        options = sightbench.Options(
            endpoint=server.url, model="tiny", task="MMStar", data=data, out=tmp_path / "sweep"
        )
        grid = points(options, ["temperature=0,0.5,1"])
        swept = await asyncio.to_thread(run, grid)
    assert [step.gain is not None for step in steps(grid, swept)] == [False, False, True]
