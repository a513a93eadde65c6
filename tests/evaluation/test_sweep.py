"""Sweeps and repeats: one run a point, continued where they stopped; several runs taken together."""

from __future__ import annotations

import asyncio
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import sightbench
from sightbench.errors import UsageError
from sightbench.evaluation.studies.checkpoints import natural
from sightbench.evaluation.studies.repeats import repeats as runs_together
from sightbench.evaluation.studies.sweep import points, run, steps
from sightbench.scorers.statistics.repeats import repeats
from tests.faults.server import healthy, serving
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
