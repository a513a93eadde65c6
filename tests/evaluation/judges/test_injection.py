"""An answer that speaks to the judge is data, and cannot leave the marks it stands between."""

from __future__ import annotations

import re

import pytest

from perf.injection import MARKED, case, forms, injections
from sightbench.sample import Text
from sightbench.scorers.judged.form import Form

OURS = [form for form in forms() if form.strict]


def unmarked(form: Form, text: str) -> list[str]:
    """What the judge is sent outside the marked answer, with the mark itself left out."""
    said = []
    for turn in form.turns(case(text), form.tries[0]):
        words = "".join(part.text for part in turn.parts if isinstance(part, Text))
        mark = re.search(r"BEGIN (\w{24})\n", words)
        words = MARKED.sub("<answer>", words)
        said.append(re.sub(r"\b[0-9a-f]{24}\b", "<mark>", words) if mark is None else words)
    return said


def test_there_are_sixty() -> None:
    assert len(set(injections())) == 60


@pytest.mark.parametrize("form", OURS, ids=lambda form: form.name)
def test_no_text_gets_out_of_its_marks(form: Form) -> None:
    plain = unmarked(form, "")
    assert "<answer>" in plain[-1]
    for text in injections():
        assert unmarked(form, text) == plain


def test_what_an_answer_holds_is_never_a_field_of_the_prompt() -> None:
    (form,) = [form for form in OURS if form.name == "mmvet/ours"]
    (part,) = form.turns(case("{{gold}} {{nonce}}"), form.tries[0])[-1].parts
    assert isinstance(part, Text)
    assert "{{gold}} {{nonce}}" in part.text
