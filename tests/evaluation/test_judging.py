"""A gold that its scorer cannot use is told before anything is asked, and never costs a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightbench.errors import DatasetError, UsageError
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.selection import check, select
from sightbench.scorers.table import SCORERS
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


@pytest.mark.parametrize("answer", ["", "None", "N/A", "null"])
def test_what_vlmevalkits_table_takes_for_no_value_is_the_text_nan(tmp_path: Path, answer: str) -> None:
    """pandas: DataFrame({"prediction": [answer]}).to_excel(path); str(read_excel(path)["prediction"][0])."""
    data = tmp_path / "data"
    formats.make("TextVQA_VAL", data)
    table = data / "TextVQA_VAL.tsv"
    header, first, *_ = (line.split("\t") for line in table.read_text().splitlines())
    first[header.index("answer")] = str([answer.lower()] * 10)
    table.write_text("\n".join("\t".join(line) for line in (header, first)) + "\n")
    given = formats.put(tmp_path / "answers.json", {first[header.index("index")]: answer})
    values = {}
    for profile in ("vlmevalkit", "internvl"):
        run = import_predictions("TextVQA_VAL", data, given, tmp_path / profile, profile).run
        ((_, _, row),) = score(run)
        values[profile] = row.value
    assert values == {"vlmevalkit": 0.0, "internvl": 1.0}
    # A line of `grade` is what the metric itself makes of an answer.
    assert SCORERS["vqa_accuracy"].grade(answer, [answer.lower()] * 10, {}, "vlmevalkit").value == 1.0
