"""Multiple choice: what each reference's rule makes of the same answers, and sets of questions."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import openpyxl
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.choice import letters, spatial
from sightbench.scorers.choice.abcd import EGOEXO, MMSI
from sightbench.scorers.choice.multiple_choice import (
    CHOICE,
    CIRCULAR,
    CRPE,
    MMSTAR,
    MMVP,
    SCIENCEQA,
    SCORERS,
    SEED,
)
from sightbench.scorers.scorer import Context, Profile
from sightbench.scorers.scoring_options import ScoringOptions
from tests.scorers.rows import part, row, rows, shared

BLUES = {"A": "blue", "B": "light blue", "C": "dark blue", "D": "cat"}


def grade(scorer: Any, profile: str, prediction: str, gold: Any, **fields: Any) -> tuple[Any, Any, str]:
    found = scorer.grade(prediction, gold, fields, profile)
    return found.value, found.parsed, found.status


@pytest.mark.parametrize(
    ("answer", "letter", "rule"),
    [
        ("B", "B", "letter token"),
        ("(B)", "B", "letter token"),
        ("**B**", "B", "letter token"),
        ("Answer: B.", "B", "letter token"),
        ("B. light blue", "B", "letter token"),
        ("b", None, "nothing found"),
        ("A or B", None, "nothing found"),
        ("B is what I think it is", None, "nothing found"),
        ("The answer is B because it is so and not otherwise", "B", "answer is"),
        ("The answer is a cat", "A", "answer is"),
        ("The correct answer is **C** since nothing else fits there", "C", "answer is"),
        ("blue", "A", "option text"),
        ("light blue", None, "nothing found"),
        ("catalog", "D", "option text"),
        ("it is a CAT", "D", "option text"),
        ("cat " * 40, None, "nothing found"),
        ("Z", "Z", "refusal"),
        ("Cannot determine the answer", "Z", "refusal"),
        ("I'm sorry, but without the image provided I cannot say B", "Z", "refusal"),
        ("Failed to obtain answer via API. B", None, "nothing found"),
        ("Failed to obtain answer via API: cat", "D", "option text"),
        ("Ｂ", None, "nothing found"),
        ("", None, "nothing found"),
    ],
)
def test_can_infer(answer: str, letter: str | None, rule: str) -> None:
    options = {"A": "blue", "B": "light blue", "C": "dark blue", "D": "cat", "E": "x" * 30}
    assert letters.can_infer(answer, options) == (letter, rule)


@pytest.mark.parametrize(
    ("answer", "value", "parsed", "status"),
    [
        ("B", 1.0, "B", "scored"),
        (" B ", 1.0, "B", "scored"),
        ("b", 0.0, "b", "scored"),
        ("?", 0.0, "?", "scored"),
        ("Because", 1.0, "B", "scored"),
        ("B. light blue", 1.0, "B", "scored"),
        ("(B)", 0.0, "(B)", "unparsed"),
        ("light blue", 0.0, "A", "scored"),
        ("Light Blue", 0.0, "Light Blue", "unparsed"),
        ("a cat", 0.0, "D", "scored"),
        ("Can't say", 0.0, "C", "scored"),
        ("Émile", 0.0, "Émile", "unparsed"),
        ("", 0.0, "", "unparsed"),
        ("  \n", 0.0, "", "unparsed"),
    ],
)
def test_internvl_takes_the_first_character(answer: str, value: float, parsed: str, status: str) -> None:
    assert grade(CHOICE, "internvl", answer, "B", choices=BLUES) == (value, parsed, status)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        *((text, "B") for text in ("B", "(B)", "B)", "b", "**B**", "Answer: B", "B. light blue", "(b) cat")),
        *(
            (text, "B")
            for text in ("The answer is B because A is not", "\\boxed{B}", "$\\boxed{\\text{B}}$", "Ｂ")
        ),
        *(
            (text, "B")
            for text in ("<answer>B</answer>", "答案是B。", "选B", "light blue", '{"answer": "B"}')
        ),
        *((text, "B") for text in ("A car is moving, so B", "It is light blue.", "Final answer: B")),
        ("The answer is a cat", "D"),
        ("A cat", "D"),
        ("A or B", None),
        ("maybe C, not B", None),
        ("Because", None),
        ("", None),
    ],
)
def test_robust_reads_as_a_person_would(answer: str, letter: str | None) -> None:
    assert letters.robust(answer, BLUES)[0] == letter


@given(st.text(max_size=200))
def test_no_extractor_fails_on_any_text(text: str) -> None:
    for scorer in SCORERS:
        for profile in scorer.profiles:
            gold = "B. light blue" if scorer is CRPE else "B"
            found = scorer.grade(text, gold, {"choices": BLUES}, profile)
            assert found.value in (0.0, 1.0)
            assert found.status == "scored" or found.value == 0.0
            orjson.dumps(found.parsed if text.isprintable() else None)


def test_missing_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"^choices: "):
        CHOICE.grade("B", "B", {}, "vlmevalkit")


def test_accuracy_is_given_by_category_and_failures_stay_out() -> None:
    answers = [("B", "B", "x"), ("A", "B", "x"), ("C", "C", "y"), (None, "C", "y")]
    metric = CHOICE.aggregate(
        [
            row(CHOICE, "internvl", text, gold, id=str(i), category=kind, choices=BLUES)
            for i, (text, gold, kind) in enumerate(answers)
        ],
        "internvl",
    )
    assert (metric.value, metric.n) == (pytest.approx(200 / 3), 3)
    assert [(p.name, p.value, p.n) for p in metric.parts] == [("x", 50.0, 2), ("y", 100.0, 1)]


def test_vlmevalkit_draws_among_the_letters_and_z() -> None:
    draws = Context(Profile.VLMEVALKIT, ScoringOptions(unparsed="random"), random.Random(0))
    drawn = [CHOICE.grade("hm", "A", {"choices": BLUES}, draws) for _ in range(200)]
    assert {found.parsed for found in drawn} == set("ABCDZ")
    again = random.Random(0)
    assert [found.parsed for found in drawn] == [again.choice("ABCDZ") for _ in range(200)]
    assert all(found.value == float(found.parsed == "A") for found in drawn)


def test_a_hidden_gold_is_parsed_and_enters_no_number() -> None:
    for scorer in (CHOICE, CIRCULAR, MMVP, SCIENCEQA, SEED, MMSTAR, MMSI, EGOEXO):
        found = scorer.grade(
            "B", None, {"choices": BLUES}, Context(scorer.profiles[0], ScoringOptions(unparsed="random"))
        )
        assert (found.value, found.parsed, found.status) == (None, "B", "ungraded")


def rotation(prediction: str, gold: str) -> dict[str, Any]:
    return {"prediction": prediction, "gold": gold, "choices": BLUES}


@pytest.mark.parametrize(
    ("answers", "value", "status"),
    [
        ([("A", "A"), ("D", "D")], 1.0, "scored"),
        ([("A", "A"), ("A", "D")], 0.0, "scored"),
        ([("A", "A"), ("hm", "D")], 0.0, "unparsed"),
        ([("hm", "A"), ("A", "D")], 0.0, "scored"),
        ([("Z", "A"), ("D", "D")], 0.0, "scored"),
    ],
)
def test_a_circular_set_is_right_if_every_rotation_is(
    answers: list[tuple[str, str]], value: float, status: str
) -> None:
    line = {"rows": [rotation(*answer) for answer in answers]}
    found = CIRCULAR.grade("", None, line, "vlmevalkit")
    assert (found.value, found.status) == (value, status)


def test_circular_sets_go_by_group_whatever_their_order_and_incomplete_ones_stay_out() -> None:
    items = [
        {"prediction": "A", "gold": "A", "group": "1", "category": "x"},
        {"prediction": "B", "gold": "B", "group": "2", "category": "x"},
        {"prediction": "D", "gold": "D", "group": "1", "category": "x"},
        {"prediction": "A", "gold": "B", "group": "2", "category": "x"},
        {"prediction": "A", "gold": "A", "group": "3", "category": "y"},
        {"prediction": None, "gold": "B", "group": "3", "category": "y"},
    ]
    metric = CIRCULAR.aggregate(
        rows(CIRCULAR, "vlmevalkit", [{**item, "choices": BLUES} for item in items]), "vlmevalkit"
    )
    assert (metric.value, metric.n) == (50.0, 2)
    assert part(metric, "first rotation").value == 100.0


@pytest.mark.parametrize(
    ("answer", "value", "status"),
    [("(a)", 0.0, "unparsed"), ("a", 0.0, "scored"), ("A", 1.0, "scored"), ("(a) Open", 1.0, "scored")],
)
def test_mmvp_reads_letters_of_the_file_in_golds_only(answer: str, value: float, status: str) -> None:
    found = MMVP.grade(answer, "(a)", {"choices": {"A": "Open", "B": "Closed"}}, "internvl")
    assert (found.value, found.status) == (value, status)


def test_mmvp_scores_pairs_of_consecutive_rows() -> None:
    options = {"A": "open", "B": "closed"}
    answers = [("A", "(a)"), ("B", "(b)"), ("A", "(a)"), ("A", "(b)"), ("A", "(a)")]
    items = [{"prediction": text, "gold": gold, "choices": options} for text, gold in answers]
    metric = MMVP.aggregate(rows(MMVP, "internvl", items), "internvl")
    assert (metric.value, metric.n) == (50.0, 2)
    assert part(metric, "single questions").value == 80.0
    assert MMVP.grade("", None, {"rows": items[:2]}, "internvl").value == 1.0
    assert MMVP.grade("", None, {"rows": items[2:4]}, "internvl").value == 0.0
    with pytest.raises(ValueError, match=r"^rows: "):
        MMVP.grade("", None, {"rows": items}, "internvl")


@pytest.mark.parametrize(
    ("profile", "answer", "value", "parsed", "status"),
    [
        ("internvl", "B", 1.0, "B", "scored"),
        ("internvl", "Because", 1.0, "B", "scored"),
        ("internvl", " B", 0.0, " ", "scored"),
        ("internvl", "", 0.0, None, "unparsed"),
        ("lmms_eval", " b", 1.0, "b", "scored"),
        ("vlmevalkit", "it is (B)", 1.0, "B", "scored"),
    ],
)
def test_seed(profile: str, answer: str, value: float, parsed: str | None, status: str) -> None:
    assert grade(SEED, profile, answer, "B", choices=BLUES) == (value, parsed, status)


def test_seed_puts_image_accuracy_in_front() -> None:
    items = [
        {"prediction": "A", "gold": "A", "question_type_id": 1},
        {"prediction": "A", "gold": "B", "question_type_id": 9},
        {"prediction": "A", "gold": "B", "question_type_id": 10},
    ]
    metric = SEED.aggregate(rows(SEED, "internvl", items), "internvl")
    assert (metric.value, metric.n) == (50.0, 2)
    assert part(metric, "video accuracy").value == 0.0
    assert part(metric, "total accuracy").n == 3


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("A", 1.0),
        ("B", 0.0),
        ("A. man", 1.0),
        ("Apple", 1.0),
        ("an orange", 1.0),
        ("a Man", 1.0),
        ("the dog", 0.0),
        ("C man", 0.0),
        ("a", 0.0),
        ("", 0.0),
    ],
)
def test_crpe_loses_the_first_letter_of_the_gold(answer: str, value: float) -> None:
    assert CRPE.grade(answer, "A. man", {}, "vlmevalkit").value == value


def test_crpe_scores_fours() -> None:
    answers = ["A", "A", "A", "A", "A", "A", "B", "A"]
    items = [
        {"prediction": text, "gold": "A. man", "category": "exist" if i < 4 else "object"}
        for i, text in enumerate(answers)
    ]
    metric = CRPE.aggregate(rows(CRPE, "vlmevalkit", items), "vlmevalkit")
    assert (metric.value, metric.n) == (50.0, 2)
    assert [(p.name, p.value) for p in metric.parts] == [("exist", 100.0), ("object", 0.0)]
    assert CRPE.grade("", None, {"rows": items[:4]}, "vlmevalkit").value == 1.0
    assert CRPE.grade("", None, {"rows": items[4:]}, "vlmevalkit").value == 0.0


@pytest.mark.parametrize(
    ("answer", "value", "parsed", "status"),
    [
        ("B", 1.0, "B", "scored"),
        ("B. light blue", 1.0, "B", "scored"),
        ("B.light blue", 0.0, None, "unparsed"),
        ("b", 0.0, None, "unparsed"),
        ("so The answer is B.", 1.0, "B", "scored"),
        ("The answer is B?", 1.0, "B", "scored"),
        ("The answer is B", 0.0, None, "unparsed"),
        ("The answer is A. The answer is B.", 0.0, None, "unparsed"),
        ("The answer is E.", 0.0, "E", "unparsed"),
        ("", 0.0, None, "unparsed"),
    ],
)
def test_scienceqa_by_llavas_protocol(answer: str, value: float, parsed: str | None, status: str) -> None:
    assert grade(SCIENCEQA, "official", answer, 1, choices=list(BLUES.values())) == (value, parsed, status)


@pytest.mark.parametrize(("answer", "parsed"), [("(B) x", "B"), ("x. y", "x"), ("(x", "(x"), ("B", "B")])
def test_scienceqa_by_internvl(answer: str, parsed: str) -> None:
    assert grade(SCIENCEQA, "internvl", answer, 1, choices=list(BLUES.values()))[1] == parsed


def test_scienceqa_is_broken_down_by_subject_context_and_grade() -> None:
    classes = [
        {"subject": "natural science", "hint": "h", "image": "i.png", "grade": "grade2"},
        {"subject": "social science", "hint": "", "image": None, "grade": "grade11"},
    ]
    items = [{"prediction": "A", "gold": i, "choices": ["x", "y"], **kind} for i, kind in enumerate(classes)]
    metric = SCIENCEQA.aggregate(rows(SCIENCEQA, "official", items), "official")
    assert [(p.name, p.value) for p in metric.parts] == [
        *(("NAT", 100.0), ("SOC", 0.0), ("TXT", 100.0), ("IMG", 100.0), ("NO", 0.0)),
        *(("G1-6", 100.0), ("G7-12", 0.0)),
    ]


@pytest.mark.parametrize(
    ("name", "agreeing"), [("final_test_QCM-ALE_2_seed_3", 3992), ("test_sqa_llava_13b_v0", 4240)]
)
def test_scienceqa_agrees_with_the_stored_parses(name: str, agreeing: int) -> None:
    results = orjson.loads(shared(f"scienceqa/{name}.json").read_bytes())
    parsed = {key: letters.scienceqa(text)[0] for key, text in results["outputs"].items()}
    same = sum(
        letter is not None and ord(letter) - 65 == results["results"][key] for key, letter in parsed.items()
    )
    assert (len(parsed), same) == (4241, agreeing)


@pytest.mark.parametrize(
    ("answer", "value", "parsed", "status"),
    [
        ("A", 1.0, "A", "scored"),
        ("a cat", 1.0, "A", "scored"),
        ("Both", 0.0, "B", "scored"),
        ("(A) x", 1.0, "A", "scored"),
        ("Option A", 1.0, "A", "scored"),
        ("The answer is A", 1.0, "A", "scored"),
        ("The\nanswer is A", 1.0, "A", "scored"),
        ("the answer is: A", 0.0, "T", "unparsed"),
        ("(", 0.0, None, "unparsed"),
        ("", 0.0, None, "unparsed"),
    ],
)
def test_mmstar(answer: str, value: float, parsed: str | None, status: str) -> None:
    assert grade(MMSTAR, "official", answer, "A") == (value, parsed, status)


def test_mmstar_published_score() -> None:
    with closing(openpyxl.load_workbook(shared("mmstar/llava_next_yi_34b_MMStar.xlsx"))) as book:
        lines = book.active.iter_rows(values_only=True)
    header = [str(name) for name in next(lines)]
    items = []
    for line in lines:
        cells = dict(zip(header, line, strict=True))
        items.append(
            {
                "prediction": str(cells["prediction"]),
                "gold": cells["answer"],
                "category": cells["category"],
                "l2_category": cells["l2_category"],
            }
        )
    graded = rows(MMSTAR, "official", items)
    metric = MMSTAR.aggregate(graded, "official")
    assert sum(found.score.value or 0 for found in graded) == 781
    assert (round(metric.value or 0, 2), metric.n, len(metric.parts)) == (52.07, 1500, 24)
    published = {"coarse perception": 65.6, "fine-grained perception": 52.0, "instance reasoning": 62.4}
    published |= {"logical reasoning": 46.0, "science & technology": 33.2, "math": 53.2}
    assert {name: round(part(metric, name).value or 0, 1) for name in published} == published


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("``B``", "B"),
        ("`B`", "B"),
        ("The answer is ``B``, not A", "B"),
        ("A bike", None),
        ("A. bike", "A"),
        ("It is B", "B"),
        ("B or C", "C"),
        ("`` b ``", None),
        ("", None),
        ("E", None),
    ],
)
def test_mmsi(answer: str, letter: str | None) -> None:
    assert letters.mmsi(answer)[0] == letter


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("<answer>j. x</answer>", "J"),
        ("so (b)</think>", "B"),
        ("<think>A</think>\nC", "A"),
        ("**d**", "D"),
        ("A. x\nB. y\nthe end", "B"),
        ("Option A: no\nOption B: yes", None),
        ("answer a", "A"),
        ("A and B", None),
        ("我选（C）", "C"),
        ("", None),
    ],
)
def test_mmsi_by_vlmevalkit(answer: str, letter: str | None) -> None:
    assert spatial.match_option(answer)[0] == letter


HOSTILE = ("[", "(", "`", "<answer>", "<answer", "<answer>A", " ", "answer ", "A ", "*", "\\boxed{")


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("lead", ["", "the answer is", "A", "\\boxed{"])
def test_a_model_that_repeats_itself_is_graded_all_the_same(lead: str, unit: str) -> None:
    """Nothing is timed: a rule whose work grows with the square of a run would not come back for minutes."""
    answer = lead + (unit * 50_000)[:50_000] + "!"
    assert spatial.match_option(answer)[0] in (None, *"ABCDEFGHIJ")
    assert letters.mmsi(answer)[0] in (None, *"ABCD")
    assert letters.robust(answer, BLUES)[0] in (None, *BLUES)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("<answer x><answer>c</answer>", "C"),
        ("<answer>B <answer>C</answer>", "B"),
        ("<answer>?</answer> <answer>D. x</answer>", "D"),
        ("the answer is  : ( c ) of them", "C"),
        ("so it is [ D ].", "D"),
        ("** E **", "E"),
        ("it says B*`) twice", "B"),
        ("( A ) </ think >", "A"),
        ("pick Bob or [Cat]", None),
    ],
)
def test_mmsi_by_vlmevalkit_through_brackets_and_spaces(answer: str, letter: str | None) -> None:
    assert spatial.match_option(answer)[0] == letter


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("<answer>A<answer>B</answer>", "B"),
        ("<answer><answer>B", "B"),
        ("<answer>A</answer> no, <answer>C</answer>", "C"),
        ("answer  :  ( B )", "B"),
        ("\\boxed{ D }", "D"),
        ("Sorry, I cannot tell whether it is light blue.", None),
        ("Sorry, it is hard to see, but the answer is B.", "B"),
    ],
)
def test_robust_in_tags_and_refusals(answer: str, letter: str | None) -> None:
    assert letters.robust(answer, BLUES)[0] == letter


def test_mmsi_with_rotations_reports_circular_accuracy() -> None:
    items = [
        {"prediction": f"``{a}``", "gold": g, "group": k} for a, g, k in (("A", "A", "1"), ("A", "B", "1"))
    ]
    metric = MMSI.aggregate(rows(MMSI, "official", items), "official")
    assert (metric.name, metric.value, metric.n) == ("circular accuracy", 0.0, 1)
    assert part(metric, "first rotation").value == 100.0
    alone = MMSI.aggregate(rows(MMSI, "official", [{**item, "group": None} for item in items]), "official")
    assert (alone.name, alone.value) == ("accuracy", 50.0)


@pytest.mark.parametrize(
    ("answer", "value", "parsed"),
    [
        ("The answer is B", 1.0, "B"),
        ("Apples", 0.0, "A"),
        ("Because", 1.0, "B"),
        ("Failed to obtain answer via API.", 0.0, "A"),
        ("Answer: b", 0.0, None),
        ("Answer: light", 0.0, None),
        ("", 0.0, None),
    ],
)
def test_egoexo_reads_letters_inside_words(answer: str, value: float, parsed: str | None) -> None:
    assert grade(EGOEXO, "official", answer, "B")[:2] == (value, parsed)


def test_egoexo_does_not_know_the_options() -> None:
    assert grade(EGOEXO, "official", "dark blue", "C", choices=["red", "green", "dark blue"])[0] == 0.0


def test_the_limit_of_an_options_text_is_of_the_text_as_it_is() -> None:
    """Lower case makes two characters of this letter, and the reference measures before."""
    options = {"A": "İ", "B": "x"}
    assert letters.can_infer("i̇ 1", options) == ("A", "option text")
    assert letters.can_infer("i̇ 123", options) == (None, "nothing found")
