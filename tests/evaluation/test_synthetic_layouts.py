"""The synthetic benchmark in the layouts of referring sets: every row runs from files to a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sightbench.commands.command import cli
from sightbench.evaluation.evaluate import evaluate
from sightbench.evaluation.options import Options
from sightbench.evaluation.report import leave_page
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run
from sightbench.scorers.score import Metric
from sightbench.servers.baseline.question import parse_question
from sightbench.tasks.synthetic import layouts
from sightbench.tasks.synthetic.generate import generate
from sightbench.tasks.synthetic.knobs import Knobs

ROWS = ("mevis-valid-u", "ref-davis17", "revos", "refcoco-seg-val", "grefcoco-val")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("layouts")
    generate(root / "rendered", 2, 11, Knobs(frames=4, objects=(3, 3)))
    for layout in layouts.LAYOUTS:
        assert layouts.write(root / "rendered", root / "data", layout) > 0
    return root / "data"


@pytest.fixture(scope="module")
def run(data: Path) -> Run:
    return evaluate(Options(task=ROWS, data=data, limit=8, out=data.parent / "run"))


def headlines(run: Run) -> dict[str, Metric]:
    return {benchmark.name: benchmark.headline for benchmark in run.summary.benchmarks}


def test_every_row_runs_against_the_embedded_baseline(run: Run) -> None:
    found = headlines(run)
    assert tuple(found) == ROWS and run.summary.complete
    # It looks at the pixels and knows the grammar: whatever it finds it finds well.
    assert all((metric.value or 0) > 50 for metric in found.values()), found


def test_the_page_shows_masks_and_the_report_every_number(run: Run) -> None:
    text = (run.folder / "report.txt").read_text()
    assert all(name in text for name in ("J&F referring", "R_corrected", "N-acc", "cIoU corrected", "Pr@0.9"))
    page, _ = leave_page(run)
    assert page is not None and page.stat().st_size > 10_000


def test_the_same_answers_are_judged_by_another_definition(run: Run) -> None:
    before = headlines(run)["mevis-valid-u"].value
    again = score(run, masks_as="davis")
    assert headlines(again)["mevis-valid-u"].n == 8
    assert any("those of davis" in note for note in again.summary.benchmarks[0].notes)
    assert headlines(score(run, masks_as="mevis"))["mevis-valid-u"].value == before


@pytest.mark.parametrize(
    ("words", "family"),
    [
        ("\nPlease segment the red box.", "named"),
        ("Please segment the red box in this video.", "named"),
        ("\n What is the red box in this image? Please output segmentation mask.", "named"),
        (
            "\n Which object is the leftmost one in the last frame? Please respond with a segmentation mask.",
            "leftmost",
        ),
        ("Which object moves the farthest over the ground? Please provide the segmentation mask.", "travel"),
        ("the leftmost object in the first frame Please provide the segmentation mask.", "leftmost"),
    ],
)
def test_the_baseline_understands_each_familys_words(words: str, family: str) -> None:
    question = parse_question(words)
    assert question is not None and question.wants_mask and question.family == family


def test_a_question_that_means_no_object_gets_no_mask() -> None:
    assert parse_question("Where is it? Please provide the segmentation mask.") is None


def test_the_command_says_what_it_made_and_refuses_what_it_cannot(tmp_path: Path) -> None:
    flags = [
        "--scenes",
        "1",
        "--frames",
        "2",
        "--objects",
        "3",
        "--movers",
        "0",
        "--out",
        str(tmp_path / "set"),
    ]
    made = CliRunner().invoke(cli, ["synth", "--layout", "revos", *flags])
    assert made.exit_code == 0 and "expressions in the layout of revos" in made.output
    again = CliRunner().invoke(cli, ["synth", "--layout", "revos", *flags])
    assert "is not an empty folder" in str(again.output) + str(again.exception)
    other = CliRunner().invoke(cli, ["synth", "--layout", "coco", *flags])
    assert "choose mevis, refdavis, revos, refcoco" in str(other.output) + str(other.exception)
