"""What each judge is sent, where the score depends on its very words, and when one is asked at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sightbench.sample import Image, Json, Sample, Text, Turn
from sightbench.scorers.judged.form import Case, Form
from sightbench.scorers.judged.judges import JUDGES
from sightbench.scorers.judged.marking import LLAVA_BENCH, MMSCAN, MMVET, PLAN
from sightbench.scorers.judged.reading import CHOICE, HALLUSIONBENCH, MATHVISTA, YES_NO
from sightbench.scorers.judged.row import OURS
from sightbench.scorers.scorer import Profile


def case(answer: str, gold: Json = "red", options: Mapping[str, str] | None = None, **meta: Json) -> Case:
    turns = (Turn("user", (Image(b"x"), Text("Hint: look.\nWhat colour?"))),)
    sample = Sample("1", "b", "", "", turns, gold=gold, meta={"question": "What colour?", **meta})
    return Case(sample, answer, options or {})


def said(form: Form, shown: Case, attempt: int = 0) -> list[str]:
    """The texts of the messages of one try."""
    turns = form.turns(shown, form.tries[attempt])
    return ["".join(part.text for part in turn.parts if isinstance(part, Text)) for turn in turns]


def test_mm_vet_ends_with_an_open_cell() -> None:
    shown = case("a <b> | c", gold="x<AND>y<OR>z")
    tail = "What colour? | x <AND> y <OR> z | a <b> | c | "
    for profile in ("official", "vlmevalkit"):
        (words,) = said(MMVET.forms[profile], shown)
        assert words.endswith("1.0\n\n" + tail)
    (words,) = said(MMVET.forms["lmms_eval"], shown)
    assert words.endswith("1.0\n\n" + tail.rstrip(" "))
    assert "\ngpt_query_prompt | Ground truth |" in words


def test_mathvista_keeps_the_references_missing_line_breaks() -> None:
    (words,) = said(MATHVISTA.forms["vlmevalkit"], case("It is 14."))
    assert words.endswith("Extracted answer: B\n\nWhat colour?\nModel respone: It is 14.Extracted answer:")
    (words,) = said(MATHVISTA.forms["official"], case("It is 14."))
    assert words.startswith("Please read the following example. Then extract")
    # A raw "\n" of the reference's example is a line break in its Python string.
    assert "blue?\nChoices:\n(A) 3/11" in words
    assert words.endswith("\n\nHint: look.\nWhat colour?\n\nIt is 14.\n\nExtracted answer: ")


def test_choices_are_asked_in_the_questions_language() -> None:
    options = {"A": "red", "B": "blue"}
    (words,) = said(CHOICE.forms["vlmevalkit"], case(" rosy ", options=options))
    listed = "There are several options: \nA. red\nB. blue\n"
    end = f"Question: What colour??\nOptions: {listed}\nAnswer: rosy\nYour output: "
    assert words.endswith("Example 3: \n" + end)
    (words,) = said(CHOICE.forms["vlmevalkit"], case("红", options=options, question="什么颜色"))
    assert words.endswith(f"问题: 什么颜色?\n选项: {listed}\n答案: 红\n输出: ")


def test_llava_bench_shows_gpt_4_first() -> None:
    system, words = said(LLAVA_BENCH.forms["internvl"], case("mine", gold="theirs", context=["one", "two"]))
    assert system == "You are a helpful and precise assistant for checking the quality of the answer."
    assert words.startswith(
        "[Context]\none\ntwo\n\n[Question]\nWhat colour?\n\n[Assistant 1]\ntheirs\n\n[End of Assistant 1]\n\n"
        "[Assistant 2]\nmine\n\n[End of Assistant 2]\n\n[System]\nWe would like to request"
    )
    assert words.endswith("does not affect your judgment.\n\n")
    assert [attempt.temperature for attempt in LLAVA_BENCH.forms["internvl"].tries] == [0.2]


def test_mmscan_sends_a_python_dictionary() -> None:
    system, words = said(MMSCAN.forms["official"], case("It's red", gold=["the bowl is red", "red"]))
    assert words == str(
        {"Question": "What colour?", "Model Answer": ["It's red"], "Human Answer": "the bowl is red"}
    )
    assert "Scecond step" in system


def test_a_plan_goes_with_its_task_and_picture() -> None:
    shown = case(" 1. go ", gold=" 1. pick ", question="Task name: Fold a shirt. Based on the image, plan.")
    form = PLAN.forms["official"]
    system, words = said(form, shown)
    assert "Task Name:\nFold a shirt\n\nReference Steps (Ground Truth):\n1. pick\n\n" in words
    assert system.endswith('  "final_score": <float, average of the above>\n}\n')
    assert any(isinstance(part, Image) for part in form.turns(shown, form.tries[0])[-1].parts)


def test_yes_and_no_and_the_teacher() -> None:
    (words,) = said(YES_NO.forms["vlmevalkit"], case("Sure"))
    assert words.endswith("Example 3: \nQuestion: What colour??\nAnswer: Sure\nYour output: ")
    (words,) = said(HALLUSIONBENCH.forms["official"], case("Sure", gt_answer_details="The sky is blue."))
    assert words.endswith(
        "Question:What colour?\nReference answer: The sky is blue.\nPrediction answer:Sure\nOutput:"
    )
    read = HALLUSIONBENCH.forms["official"].read
    assert [read(text, case("")) for text in ("Incorrect.", "It is correct", "hm")] == [
        "incorrect", "correct", "unclear",
    ]  # fmt: skip


OURS_FORMS = {judge.forms[OURS].name: judge.forms[OURS] for judge in JUDGES.values()}


@pytest.mark.parametrize("form", OURS_FORMS.values(), ids=lambda form: form.name)
def test_ours_is_greedy_structured_and_tried_once_more(form: Form) -> None:
    assert form.strict
    assert [attempt.temperature for attempt in form.tries] == [0.0, 0.0]
    schema: Any = form.schema
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == schema["required"]
    shown = case("said {{nonce}}", options={"A": "red"})
    first, again = said(form, shown)[-1], said(form, shown, 1)[-1]
    assert again.startswith(first)
    assert again != first


@pytest.mark.parametrize("name", JUDGES)
def test_every_judge_has_a_reference_beside_ours(name: str) -> None:
    judge = JUDGES[name]
    assert judge.form(OURS, Profile.VLMEVALKIT).name.endswith("/ours")
    for rule in (Profile.OFFICIAL, Profile.VLMEVALKIT, Profile.INTERNVL):
        assert not judge.form("reference", rule).strict
