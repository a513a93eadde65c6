"""MMMU: the letter mentioned last, open answers, subjects and domains; published example outputs."""

from __future__ import annotations

import random
import string
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.choice.mmmu import DOMAINS, MMMU, parse_choice, parse_open
from sightbench.scorers.scorer import Context, Profile
from sightbench.scorers.scoring_options import ScoringOptions
from tests.scorers.rows import part, rows, shared

OPTIONS = {"A": "mean", "B": "median", "C": "mode", "D": "range"}


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("B", "B"),
        ("B.", "B"),
        ("'B'", "B"),
        ("B.,", "B"),
        (".,B.,", None),
        ("B;:", None),
        ("(B)", "B"),
        ("(A) is wrong, (B) is right", "B"),
        ("(B) rather than (A)", "A"),
        ("A (B)", "B"),
        ("B and A", "A"),
        ("A: B", "B"),
        ("b", None),
        ("B)", None),
        ("**B**", None),
        ("Because", None),
        ("the median", None),
        ("I would say it is the median", "B"),
        ("I would say not the mode but the Mean", "A"),
        ("", None),
        ("   ", None),
        ("选 B 吧", "B"),
        ("Ｂ", None),
    ],
)
def test_the_letter_mentioned_last(response: str, letter: str | None) -> None:
    assert parse_choice(response, OPTIONS)[0] == letter


@pytest.mark.parametrize(
    ("response", "gold", "right"),
    [
        ("The answer is 3.14159", "3.14", True),
        ("3.14159", "3.14", True),
        ("x = 1,234", "1234", True),
        ("1,234.5", "1234.5", True),
        ("it costs $60 Mbps.", "60", True),
        ("0.333", "1/3", False),
        ("not yes", "yes", True),
        ("The answer is no", "yes", False),
        ("Answer is a", "a", True),
        ("abc", "a", False),
        ("cat", "a", False),
        ("-5", "5", False),
        ("1e3", "1000", True),
        ("so 5 \nso 6", "5", True),
        ("5%", "5", True),
        ("", "5", False),
        ("Because it is so. Therefore 7", "7", True),
        ("nan", "nan", False),
    ],
)
def test_open_answers(response: str, gold: str, right: bool) -> None:
    assert MMMU.grade(response, gold, {"question_type": "open"}, "official").value == float(right)


def test_an_open_answer_keeps_all_it_may_mean() -> None:
    assert parse_open("The result is 3.146 kg") == ["3.146 kg", 3.15]
    assert MMMU.grade("7 or 8", ["9", "8"], {"question_type": "short-answer"}, "official").value == 1.0


def test_internvl_takes_the_first_character_of_a_choice() -> None:
    fields = {"question_type": "multiple-choice", "choices": OPTIONS}
    assert MMMU.grade("Because (A)", "B", fields, "internvl").value == 1.0
    assert MMMU.grade("Because (A)", "A", fields, "official").value == 1.0


@pytest.mark.parametrize(
    ("response", "gold", "value"),
    [("it is 60", "60", 1.0), ("A", "60", 1.0), ("B", "60", 0.0), ("6", "60", 0.0), ("B", "B", 1.0)],
)
def test_vlmevalkit_makes_a_choice_of_an_open_question(response: str, gold: str, value: float) -> None:
    assert MMMU.grade(response, gold, {"question_type": "open"}, "vlmevalkit").value == value


def test_choices_as_the_text_of_a_list_and_no_question_type() -> None:
    fields = {"options": "['mean', 'median']"}
    assert MMMU.grade("(B)", "B", fields, "official").value == 1.0
    assert MMMU.grade("the median", "median", {"options": "[]"}, "official").value == 1.0


def test_nothing_found_is_unparsed_or_drawn_as_the_reference_does() -> None:
    fields = {"choices": OPTIONS, "id": "validation_Art_1"}
    plain = MMMU.grade("hm", "B", fields, "official")
    assert (plain.value, plain.parsed, plain.status) == (0.0, None, "unparsed")
    random_draws = Context(Profile.OFFICIAL, ScoringOptions(unparsed="random", seed=42))
    drawn = MMMU.grade("hm", "B", fields, random_draws)
    again = MMMU.grade("hm", "B", fields, random_draws)
    assert drawn == again and drawn.parsed in OPTIONS


@given(st.text(max_size=200))
def test_no_answer_makes_it_fail(text: str) -> None:
    for profile in MMMU.profiles:
        for fields in ({"choices": OPTIONS}, {"question_type": "open"}):
            assert MMMU.grade(text, "B", fields, profile).value in (0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("qwen_vl/total_val_output", 0.361),
        ("llava1.5_13b/total_val_output", 0.367),
        ("llava1.5_13b_val", 0.36),
    ],
)
def test_published_example_outputs(name: str, accuracy: float) -> None:
    gold = orjson.loads(shared("mmmu/answer_dict_val.json").read_bytes())
    output = orjson.loads(shared(f"mmmu/{name}.json").read_bytes())
    letters = dict.fromkeys(string.ascii_uppercase[:9], "an option's text")
    items: list[dict[str, Any]] = [
        {
            "id": key,
            "prediction": prediction,
            "gold": gold[key]["ground_truth"],
            "question_type": gold[key]["question_type"],
            "choices": letters,
        }
        for key, prediction in output.items()
    ]
    metric = MMMU.aggregate(rows(MMMU, "official", items), "official")
    assert (round((metric.value or 0) / 100, 3), metric.n) == (accuracy, 900)
    assert [domain.name for domain in metric.parts] == list(DOMAINS)
    assert {subject.n for domain in metric.parts for subject in domain.parts} == {30}


@pytest.mark.parametrize(("model", "drawn"), [("qwen_vl", 48), ("llava1.5_13b", 2)])
def test_every_raw_response_is_parsed_as_published_where_nothing_was_drawn(model: str, drawn: int) -> None:
    stored = orjson.loads(shared(f"mmmu/{model}/total_val_output.json").read_bytes())
    unparsed = choices = 0
    for path in sorted(shared(f"mmmu/{model}").glob("*/output.json")):
        for record in orjson.loads(path.read_bytes()):
            if record["question_type"] == "multiple-choice":
                letter, _ = parse_choice(record["response"], record["index2ans"])
                assert letter in (None, stored[record["id"]])
                unparsed += letter is None
                choices += 1
    assert (unparsed, choices) == (drawn, 847)


@pytest.mark.parametrize(("model", "accuracy"), [("qwen_vl", 0.361), ("llava1.5_13b", 0.367)])
def test_raw_responses_with_the_references_draws_score_as_published(model: str, accuracy: float) -> None:
    draws = Context(Profile.OFFICIAL, ScoringOptions(unparsed="random"), random.Random(42))
    stored = orjson.loads(shared(f"mmmu/{model}/total_val_output.json").read_bytes())
    values = []
    for path in sorted(shared(f"mmmu/{model}").glob("*/output.json")):
        for record in orjson.loads(path.read_bytes()):
            choice = record["question_type"] == "multiple-choice"
            fields = {
                "question_type": record["question_type"],
                "choices": record.get("index2ans"),
            }
            # The published open answers were parsed a second time, so they are read from the output.
            text = record["response"] if choice else stored[record["id"]]
            found = MMMU.grade(text, record["answer"], fields, draws)
            assert not choice or found.parsed == stored[record["id"]]
            values.append(found.value or 0.0)
    assert (round(sum(values) / len(values), 3), len(values)) == (accuracy, 900)


def test_the_headline_of_vlmevalkit_is_the_validation_split() -> None:
    items = [
        {"prediction": "A", "gold": gold, "choices": OPTIONS, "split": split, "category": "Art"}
        for gold, split in (("A", "validation"), ("B", "dev"))
    ]
    metric = MMMU.aggregate(rows(MMMU, "vlmevalkit", items), "vlmevalkit")
    assert (metric.value, metric.n) == (100.0, 1)
    assert part(metric, "split dev").value == 0.0
    assert MMMU.aggregate(rows(MMMU, "official", items), "official").value == 100.0


def test_a_hidden_gold_is_parsed_for_the_submission() -> None:
    letter = MMMU.grade("(B)", None, {"choices": OPTIONS}, "official")
    assert (letter.value, letter.parsed, letter.status) == (None, "B", "ungraded")
    assert MMMU.grade("it is 7", None, {"question_type": "open"}, "official").parsed == [7.0]


def test_an_answer_of_nothing_but_digits_is_graded_all_the_same() -> None:
    """Nothing is timed: trying every digit of a long run as a number's first took the square of the run."""
    found = MMMU.grade("1" * 100_000, "3", {"question_type": "open"}, "official")
    assert found.value == 0.0
