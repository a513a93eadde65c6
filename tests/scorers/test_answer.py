"""Reasoning set aside, refusals and cut-offs named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.answer import (
    classify,
    final_answer,
    set_aside_reasoning,
    tagged_or_rest,
)


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("B", "B", ""),
        ("<think>A or B?</think>\n\nB", "B", "A or B?"),
        ("A or B?</think>B", "B", "A or B?"),
        ("<THINK>hm</THINK> C ", "C ", "hm"),
        ("<think>one</think> x <think>two</think>y", "y", "one</think> x <think>two"),
        ("◁think▷嗯◁/think▷对", "对", "嗯"),
        ("<think>cut off while", "", "cut off while"),
        ("<think></think>", "", ""),
        ("İ<think>a</think>b", "b", "a"),
    ],
)
def test_the_answer_is_what_follows_the_reasoning(text: str, answer: str, reasoning: str) -> None:
    assert set_aside_reasoning(text) == (answer, reasoning)


@given(st.text())
def test_an_answer_without_tags_is_untouched(text: str) -> None:
    if "think" not in text.lower() and "<" not in text and "◁" not in text:
        assert set_aside_reasoning(text) == (text, "")


@pytest.mark.parametrize(
    ("marked", "text", "answer"),
    [
        ("boxed", "so Answer: \\boxed{B}", "B"),
        ("boxed", "\\boxed{A} no, \\boxed{\\frac{1}{2}} it is", "\\frac{1}{2}"),
        ("boxed", "\\boxed{B", "\\boxed{B"),
        ("boxed", "\\boxed{}", ""),
        ("boxed", "B", "B"),
        ("final_answer", "Reasons.\nFinal answer: B\nmore", "B"),
        ("final_answer", "ANSWER:\n B ", "B"),
        ("final_answer", "Answer: A. Final answer: B", "A. Final answer: B"),
        ("final_answer", " B ", " B "),
    ],
)
def test_the_marked_answer_of_a_prompt_that_asks_for_reasons(marked: str, text: str, answer: str) -> None:
    assert final_answer(text, marked) == answer


def test_an_unknown_mark_is_named() -> None:
    with pytest.raises(ValueError, match=r"^cot: "):
        final_answer("B", "bold")


@pytest.mark.parametrize(
    ("text", "finish", "refusal", "kind"),
    [
        ("B", "stop", None, "answered"),
        ("B", None, None, "answered"),
        ("", "stop", None, "empty"),
        (None, "stop", None, "empty"),
        (" \n", "stop", None, "empty"),
        ("<think>so B</think> ", "stop", None, "empty"),
        ("B because it", "length", None, "truncated"),
        ("<think>still", "length", None, "truncated"),
        ("I'm sorry, but I can't help with that.", "stop", None, "refused"),
        ("I cannot identify people in images.", "stop", None, "refused"),
        ("I am unable to answer.", "stop", None, "refused"),
        ("抱歉，我无法回答", "stop", None, "refused"),
        ("anything", "content_filter", None, "refused"),
        ("", "stop", "no", "refused"),
        ("The sign says sorry", "stop", None, "answered"),
        ("I can see a sorry face", "stop", None, "answered"),
    ],
)
def test_answers_that_are_none_are_told_apart(
    text: str | None, finish: str | None, refusal: str | None, kind: str
) -> None:
    assert classify(text, finish, refusal) == kind


def test_an_answer_tag_is_what_the_last_one_holds() -> None:
    assert tagged_or_rest("<think>A or B</think><answer>B</answer>") == "B"
    assert tagged_or_rest("<answer>A</answer> no, <answer> C ") == "C"
    assert tagged_or_rest("<think>x</think> D") == "D"
