"""What people said on the review page, read back: preferences, agreement, and the judges beside them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.evaluation.judges.test_judged_runs import many, text
from tests.evaluation.judges.test_review import preferring, reviewed
from tests.faults.server import serving
from tests.reports.test_page import blocks
from tests.tasks import formats

COUNT = 8


def graded(run: Command, tmp_path: Path) -> list[str]:
    """Folders of two runs over eight questions."""
    data = many(tmp_path / "data", COUNT)
    for name in ("kite", "heron"):
        answers = {f"v1_{number}": f"answer of {name[0]} to {number}" for number in range(COUNT)}
        predictions = formats.put(tmp_path / f"{name}.json", answers)
        code, out, err = run(
            "grade", "--task", "mmvet", "--data", data, "--predictions", predictions, "--out", name
        )
        assert code == 0, out + err
    return ["kite", "heron"]


def rating(rater: str, better: str) -> Path:
    """The file of a person who prefers the answers of the run with this letter."""
    key = json.loads(text("OUT/key.json"))
    at = 0 if better == "k" else 1
    votes = {id: "first" if first == at else "second" for id, first in key["order"].items()}
    return formats.put(Path(f"{rater}.json"), {"ballot": key["ballot"], "rater": rater, "ratings": votes})


def test_the_page_holds_the_answers_in_drawn_order_and_no_name(run: Command, tmp_path: Path) -> None:
    folders = graded(run, tmp_path)
    code, out, _ = run("review", *folders, "--human", "--out", "OUT", "--seed", "3")
    assert code == 0
    assert "not for those who rate" in out
    page, key = blocks(Path("OUT/review.html")), json.loads(text("OUT/key.json"))
    whole = json.dumps(page)
    assert "kite" not in whole
    assert "heron" not in whole
    order = list(key["order"].values())
    assert set(order) == {0, 1}
    for place in (0, 1):
        texts = [record["reply"]["text"] for record in page[f"samples-{place}-0"]]
        assert [said.split()[2] for said in texts] == ["kh"[first ^ place] for first in order]
    assert all(set(record["reply"]["usage"]) == set() for record in page["samples-0-0"])
    code, _, _ = run("review", *folders, "--human", "--out", "AGAIN", "--seed", "3")
    assert json.loads(text("AGAIN/key.json")) == key


async def test_people_and_judges_are_compared(run: Command, tmp_path: Path) -> None:
    folders = await asyncio.to_thread(graded, run, tmp_path)
    async with serving(preferring("of k"), models=("judge",)) as judge:
        await reviewed(run, judge, *folders, "--mode", "pairs")
    await asyncio.to_thread(run, "review", *folders, "--human", "--out", "OUT")
    files = [rating("Ada", "k"), rating("Ben", "k"), rating("Cy", "h")]
    words = [word for file in files for word in ("--import", file)]
    code, out, err = await asyncio.to_thread(run, "review", *folders, *words, "--out", "OUT")
    assert code == 0, out + err
    assert "kite against heron: preferred 100.0 %" in out
    assert "8 of 8 questions rated by 3" in out
    assert "with the judges: 100.0 % of 8 the same" in out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"ballot": "x", "rater": "", "ratings": {}}, "another page"),
        ({"rater": "Ada"}, "not what the review page saves"),
        ({"ballot": "x", "rater": "", "ratings": {"mmvet/v1_0": "best"}}, "not what the review page saves"),
    ],
)
def test_a_file_of_something_else_is_refused(
    content: dict[str, object], told: str, run: Command, tmp_path: Path
) -> None:
    folders = graded(run, tmp_path)
    run("review", *folders, "--human", "--out", "OUT")
    path = formats.put(tmp_path / "x.json", content)
    code, _, err = run("review", *folders, "--import", path, "--out", "OUT")
    assert code == 2
    assert told in err


def test_three_runs_are_too_many_for_a_page(run: Command, tmp_path: Path) -> None:
    folders = graded(run, tmp_path)
    code, _, err = run("review", *folders, folders[0], "--human")
    assert code == 2
    assert "compares two runs" in err
