"""Judges that read what an answer says where no rule can: the option, yes or no, the final number.

Sources of the references' forms: VLMEvalKit utils/multiple_choice.py, yorn.py and mathvista.py;
lupantech/MathVista evaluation/extract_answer.py; tianyi-lab/HallusionBench utils.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sightbench.scorers.choice import letters
from sightbench.scorers.choice.yesno import vlmevalkit as yes_no_said
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.judged import replies
from sightbench.scorers.judged.form import Case, Form, Try, text_of
from sightbench.scorers.judged.row import OURS, Judge, in_our_form
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Profile


def _option_list(options: Mapping[str, str]) -> str:
    lines = "".join(f"{letter}. {text}\n" for letter, text in options.items())
    return f"There are several options: \n{lines}"


def _choice(case: Case) -> Mapping[str, str]:
    return {
        "question": case.question,
        "options": _option_list(case.options),
        "answer": case.answer.strip(),
    }


def _plain_options(case: Case) -> Mapping[str, str]:
    lines = "".join(f"{letter}. {text}\n" for letter, text in case.options.items())
    return {**_choice(case), "options": lines}


def _in_chinese(case: Case) -> str:
    chinese = re.search("[\u4e00-\u9fff]", case.question)
    return "choice-vlmevalkit-cn" if chinese else "choice-vlmevalkit"


CHOICE_FORMS = {
    # Three tries at temperature 0, then a random option: `unparsed` here (--unparsed random draws).
    "vlmevalkit": Form(
        name="choice/vlmevalkit",
        prompt="choice-vlmevalkit",
        choose=_in_chinese,
        values=_choice,
        read=replies.accepted(
            lambda text, case: letters.can_infer(text, Options(case.options))[0] is not None
        ),
        use="answer",
        tries=(Try(0.0, 2048),) * 3,
    ),
    OURS: in_our_form(
        "choice",
        _plain_options,
        read=replies.option,
        use="answer",
        schema=replies.schema(option=replies.one_of((*replies.LETTERS, replies.NONE))),
    ),
}


def _unparsed_by_vlmevalkit(grade: Grade, fields: Fields, profile: Profile) -> bool:
    return grade.status == "unparsed" and profile is Profile.VLMEVALKIT


CHOICE = Judge(CHOICE_FORMS, _unparsed_by_vlmevalkit)


def _yes_no(case: Case) -> Mapping[str, str]:
    return {"question": case.question, "answer": case.answer}


_YES_NO_OURS = in_our_form(
    "yes_no",
    _yes_no,
    read=replies.yes_or_no,
    use="answer",
    schema=replies.schema(answer=replies.one_of(("Yes", "No", "Unknown"))),
)
_YES_NO_FORMS = {
    # Five tries; what none of them tells stays Unknown, which is wrong.
    "vlmevalkit": Form(
        name="yes_no/vlmevalkit",
        prompt="yes_no-vlmevalkit",
        values=_yes_no,
        read=replies.accepted(lambda text, case: yes_no_said(text) != "Unknown"),
        use="answer",
        tries=tuple(Try(temperature, 2048) for temperature in (0.0, 0.5, 1.0, 1.5, 2.0)),
    ),
    OURS: _YES_NO_OURS,
}
YES_NO = Judge(_YES_NO_FORMS, _unparsed_by_vlmevalkit)


def _taught(case: Case) -> Mapping[str, str]:
    reference = case.sample.meta.get("gt_answer_details")
    return {**_yes_no(case), "reference": text_of(reference) or text_of(case.sample.gold)}


def _correctness(text: str, case: Case) -> str:
    said = text.lower()
    return "incorrect" if "incorrect" in said else "correct" if "correct" in said else "unclear"


HALLUSIONBENCH = Judge(
    {
        **_YES_NO_FORMS,
        # The benchmark's own: right if the answer does not conflict with the reference answer.
        "official": Form(
            name="hallusionbench/official",
            prompt="hallusionbench-official",
            values=_taught,
            read=_correctness,
            use="correctness",
            tries=(Try(1.0, 1024),),
        ),
    },
    _unparsed_by_vlmevalkit,
)


def _query(case: Case) -> Mapping[str, str]:
    return {"query": case.asked, "question": case.question, "answer": case.answer}


def _extraction_form(case: Case) -> str:
    """How a final answer of this kind is written."""
    if case.sample.meta.get("question_type") == "multi_choice":
        return "Write the letter of the option it chose."
    kind = case.sample.meta.get("answer_type")
    known = {
        "integer": "Write a whole number in digits.",
        "float": "Write a decimal number in digits, without a unit.",
        "list": "Write a Python list.",
    }
    return known.get(str(kind), "Write it in the model's words, as short as they are.")


def _math_ours(case: Case) -> Mapping[str, str]:
    return {**_query(case), "form": _extraction_form(case)}


def _math_undecided(grade: Grade, fields: Fields, profile: Profile) -> bool:
    if profile is not Profile.VLMEVALKIT:
        return grade.rule == "whole response"
    if getattr(fields, "question_type", None) == "multi_choice":
        return grade.status == "unparsed"
    # Lists are sent to the judge there and are wrong whatever it says, so they are not sent here.
    return grade.value != 1.0 and getattr(fields, "answer_type", None) in ("integer", "float")


def _math_official(profile: str) -> Form:
    return Form(
        name=f"mathvista/{profile}",
        prompt="mathvista-official",
        values=_query,
        read=lambda text, case: text.strip() or None,
        use="extraction",
        tries=(Try(0.0, 256),),
    )


MATHVISTA = Judge(
    {
        "official": _math_official("official"),
        "internvl": _math_official("internvl"),
        "vlmevalkit": Form(
            name="mathvista/vlmevalkit",
            prompt="mathvista-vlmevalkit",
            values=_query,
            read=replies.as_is,
            use="extraction",
            tries=(Try(0.0, 128),),
        ),
        OURS: in_our_form(
            "mathvista",
            _math_ours,
            read=replies.extraction,
            use="extraction",
            schema=replies.schema(answer={"type": "string", "maxLength": replies.LONGEST_EXTRACTION}),
        ),
    },
    _math_undecided,
)
