"""Whose words ask for masks: the model family's, or those that were asked for; run.json keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.evaluate import evaluate
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.options import Options
from sightbench.evaluation.plan import plan
from sightbench.evaluation.report import report
from sightbench.evaluation.run import Run
from sightbench.sample import Text
from tests.tasks import formats


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    for name in ("mevis-valid-u", "ref-davis17", "revos", "reasonvos"):
        formats.make(name, root)
    return root


def words_of(run: Run) -> str:
    first = next(run.datasets[0].samples())
    return next(part.text for part in first.turns[0].parts if isinstance(part, Text))


def told(options: Options) -> tuple[str, ...]:
    return plan(options, lambda line: None).ways


def test_words_and_scoring_are_the_familys_unless_other_words_are_asked_for(
    data: Path, tmp_path: Path
) -> None:
    def asked(out: str, words: str | None = None) -> Run:
        given = Options(
            task="mevis-valid-u", data=data, family="unipixel", prompt_profile=words, out=tmp_path / out
        )
        return evaluate(given)

    own, other = asked("own"), asked("lisa", "lisa")
    assert words_of(own) == "Please segment the cat that walks in this video."
    assert words_of(other) == "\n Please segment the the cat that walks in this image."
    kept = json.loads((other.folder / "run.json").read_text())["benchmarks"][0]
    assert (kept["profile"], kept["prompt_profile"]) == ("unipixel", "lisa")
    assert own.record.benchmarks[0].prompt_profile == "unipixel"
    assert "words" not in " ".join(own.summary.benchmarks[0].notes)
    assert "asked in the words of lisa, scored as unipixel." in other.summary.benchmarks[0].notes
    assert "profile unipixel, words of lisa" in report([other], out=tmp_path / "page.html").path.read_text()
    with pytest.raises(RunFolderError, match="the prompt profile of mevis-valid-u was unipixel, now visa"):
        asked("own", "visa")


def test_a_family_without_words_for_a_set_is_named(data: Path) -> None:
    (line,) = told(Options(task="ref-davis17", data=data, profile="official", family="unipixel"))
    assert "words of unipixel, scoring of official; official has no words of its own" in line
    (line,) = told(Options(task="reasonvos", data=data, family="sa2va"))
    assert line.startswith("reasonvos: words and scoring of sa2va; sa2va publishes nothing on this")
    lines = told(Options(task=("mask-all",), data=data, prompt_profile="lisa"))
    assert "revos: words and scoring of sa2va; lisa has no words of its own for this" in lines
    assert "mevis-valid-u, ref-davis17: words of lisa, scoring of sa2va" in lines


def test_the_report_names_words_that_stand_in(data: Path, tmp_path: Path) -> None:
    def notes(family: str) -> str:
        run = evaluate(Options(task="reasonvos", data=data, family=family, out=tmp_path / family))
        return " ".join(run.summary.benchmarks[0].notes)

    assert "sa2va publishes nothing on this set: its words for other sets, chosen here, asked." in notes(
        "sa2va"
    )
    assert "the model's family has no words for masks: those of lisa asked." in notes("default")


def test_words_that_are_not_there_are_refused(data: Path) -> None:
    with pytest.raises(UsageError, match="of its own for revos; those that have: sa2va, sa2va-paper"):
        told(Options(task="revos", data=data, prompt_profile="lisa"))
    with pytest.raises(UsageError, match="glamm: no words for masks are called that; known: sa2va, sa2va-p"):
        Options(task="revos", data=data, prompt_profile="glamm")
    with pytest.raises(UsageError, match="none of these tasks does"):
        told(Options(task="synthetic", data=data, prompt_profile="lisa"))


def test_of_saved_masks_nobody_knows_the_words(data: Path, tmp_path: Path) -> None:
    saved = tmp_path / "masks.json"
    saved.write_text(
        json.dumps({"cat": {"0": {"frames": ["00000", "00001", "00002"], "prediction_masks": [None] * 3}}})
    )
    run = import_masks(["mevis-valid-u"], data, saved, tmp_path / "run", "theirs").run
    assert run.record.benchmarks[0].prompt_profile is None
