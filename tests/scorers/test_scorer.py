"""What all scorers share: hidden golds, draws that depend on their seed only, wrong fields named."""

from __future__ import annotations

import random

import pytest

from sightbench.errors import FieldError
from sightbench.scorers.fields import Fields
from sightbench.scorers.scorer import Context, Extraction, Profile, unparsed
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.table import SCORERS

NOTHING = Extraction("hm", None, "nothing found", unparsed=True)


def context(seed: int, draws: random.Random | None = None) -> Context:
    return Context(Profile.OFFICIAL, ScoringOptions(unparsed="random", seed=seed), draws)


def test_an_unparsed_answer_scores_zero_unless_a_draw_is_asked_for() -> None:
    plain = unparsed(NOTHING, "ABCD", "A", Fields(), Context(Profile.OFFICIAL))
    assert (plain.value, plain.parsed, plain.status, plain.rule) == (0.0, None, "unparsed", "nothing found")
    drawn = [unparsed(NOTHING, "ABCD", "A", Fields(id=str(i)), context(1)) for i in range(400)]
    assert {grade.status for grade in drawn} == {"unparsed"}
    assert all(grade.value == float(grade.parsed == "A") for grade in drawn)
    assert {grade.parsed for grade in drawn} == set("ABCD")


def test_a_draw_depends_on_seed_and_sample_only() -> None:
    def draws(seed: int) -> list[str]:
        return [unparsed(NOTHING, "ABCD", "A", Fields(id=f"s{i}"), context(seed)).parsed for i in range(200)]

    assert draws(42) == draws(42) != draws(43)


@pytest.mark.parametrize("name", [name for name, scorer in SCORERS.items() if scorer.needs_gold])
def test_a_hidden_gold_is_no_number_and_no_error(name: str) -> None:
    scorer = SCORERS[name]
    columns = {"choices": ["x", "y"], "hw": [2, 2], "question_type": "multi_choice", "type": "选择"}
    if name == "ost":
        columns["type"] = "AO_distance(option)"
    if name == "mmmu":
        columns["question_type"] = "multiple-choice"
    for profile in scorer.profiles:
        prediction = scorer.prediction([] if scorer.kind == "masks" else "A")
        grade = scorer.grade(prediction, None, columns, profile)
        assert (grade.value, grade.status) == (None, "ungraded"), profile


@pytest.mark.parametrize(
    ("metric", "columns", "message"),
    [
        ("choice", {}, "choices: this metric needs the field 'choices'"),
        ("choice", {"choices": 3}, "choices: expected a mapping or a list, got int"),
        ("box_iou", {"hw": [1, "x"]}, "hw[1]: expected `float`, got `str`"),
        ("vlabench", {"dependency": "None"}, "dependency: invalid enum value 'None'"),
        ("circular", {"rows": [{"prediction": "A", "gold": "A"}]}, "rows[0]: choices: this metric needs"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(metric: str, columns: dict[str, object], message: str) -> None:
    with pytest.raises(FieldError) as error:
        SCORERS[metric].grade("A", "A", columns, SCORERS[metric].profiles[0])
    assert str(error.value).startswith(message)
