"""A gold that its scorer cannot use is told before anything is asked, and never costs a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightbench.errors import DatasetError, UsageError
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.selection import check, select
from tests.tasks import formats

TASK = "vqa-textvqa-val"
GOLD = "data/textvqa/textvqa_val_annotations.json"


def textvqa(root: Path, golds: int) -> None:
    """Two questions of TextVQA; the second one's gold has that many answers."""
    formats.make(TASK, root)
    path = root / GOLD
    content = json.loads(path.read_text())
    content["annotations"][1]["answers"] = [{"answer": "cow"}] * golds
    path.write_text(json.dumps(content))


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return formats.put(tmp_path / "answers.json", {"10": "cow", "11": "cow"})


def test_a_gold_of_nine_answers_is_refused_with_its_row(tmp_path: Path, answers: Path) -> None:
    textvqa(tmp_path / "data", 9)
    with pytest.raises(DatasetError, match=r"row 2, sample .*11: gold: .*needs exactly 10 answers, got 9"):
        import_predictions(TASK, tmp_path / "data", answers, tmp_path / "run", None)
    assert not (tmp_path / "run").exists()


def test_it_can_be_skipped_and_another_profile_takes_it(tmp_path: Path) -> None:
    textvqa(tmp_path / "data", 9)
    (dataset,), notes = check(select([TASK], tmp_path / "data", skip_broken=True))
    assert [sample.order for sample in dataset.samples()] == [0]
    assert any("1 rows of" in note for note in notes)
    check(select([TASK], tmp_path / "data", "official"))


def test_what_only_shows_while_scoring_leaves_one_sample_ungraded(
    tmp_path: Path, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    textvqa(tmp_path / "data", 10)
    run = import_predictions(TASK, tmp_path / "data", answers, tmp_path / "run", None).run
    textvqa(tmp_path / "data", 9)
    scored = score(run)
    rows = [entry[2] for entry in scored]
    assert [row.status for row in rows] == ["scored", "ungraded"]
    assert "exactly 10 answers" in rows[1].detail["reason"]
    (benchmark,) = scored.summary.benchmarks
    assert (benchmark.headline.n, benchmark.coverage.ungraded) == (1, 1)
    assert any("could not be judged" in note for note in benchmark.notes)


def test_an_option_that_means_nothing_is_a_usage_error_and_loses_nothing(
    tmp_path: Path, answers: Path
) -> None:
    textvqa(tmp_path / "data", 10)
    run = import_predictions(TASK, tmp_path / "data", answers, tmp_path / "run", None).run
    before = score(run).summary
    for nonsense in ({"box_mode": "nonsense"}, {"masks_as": "dawis"}, {"tolerance": 0}):
        with pytest.raises(UsageError):
            score(run, **nonsense)  # type: ignore[arg-type]
    assert run.summary == before
