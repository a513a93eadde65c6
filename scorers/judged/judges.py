"""The judges, by the scorer whose answers they judge: when one is asked, in which forms, by whose rule.

Sources of the references' forms: yuweihao/MM-Vet mm-vet_evaluator.py; VLMEvalKit utils/mmvet.py,
mathvista.py, multiple_choice.py, yorn.py, llavabench.py; lmms-eval tasks/mmvet; haotian-liu/LLaVA
eval_gpt_review_bench.py; lupantech/MathVista evaluation/extract_answer.py; tianyi-lab/HallusionBench
utils.py; InternSR dataset/mmscan/evaluator/gpt_evaluation.py; LEAP
scripts/evaluation/analyze_output_results.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sightbench.scorers.choice import letters
from sightbench.scorers.choice.yesno import vlmevalkit as yes_no_said
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.judged import replies
from sightbench.scorers.judged.form import Case, Form, Try, nonce, text_of
from sightbench.scorers.judged.judge import LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_SCORES
from sightbench.scorers.judged.mmscan import MMSCAN_JUDGE
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Profile

OURS = "ours"
REFERENCE = "reference"
_TWICE = (Try(0.0, 1024), Try(0.0, 1024, "ours.closing"))
_SYSTEM = "ours.system"

Undecided = Callable[[Grade, Fields, Profile], bool]
"""(what the rule made of the answer, its fields, whose rule) -> whether the reference would ask a judge."""


@dataclass(frozen=True, slots=True)
class Judge:
    """One row of the table. `forms` are by profile, `ours` among them. `undecided` None: every answer is
    judged, whatever a rule says."""

    forms: Mapping[str, Form]
    undecided: Undecided | None = None

    def form(self, wanted: str, rule: Profile) -> Form:
        """The form of a profile; `reference` is that of the rule the benchmark is scored by, or the only one.

        Raises KeyError where there is none of that name.
        """
        if wanted != REFERENCE:
            return self.forms[wanted]
        others = {name: form for name, form in self.forms.items() if name != OURS}
        return others.get(rule) or next(iter(others.values()))


def _ours(name: str, values: Callable[[Case], Mapping[str, str]], **more: Any) -> Form:
    """Temperature 0, a JSON schema, one more try, then nothing; the answer between marks it cannot know."""

    def marked(case: Case) -> Mapping[str, str]:
        filled = values(case)
        return {**filled, "nonce": nonce(name, *filled.values())}

    return Form(
        name=f"{name}/{OURS}",
        prompt=f"{name}-{OURS}",
        values=marked,
        system=_SYSTEM,
        tries=_TWICE,
        strict=True,
        **more,
    )


def _spaced(case: Case) -> Mapping[str, str]:
    gold = text_of(case.sample.gold).replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    return {"question": case.question, "gold": gold, "answer": case.answer}


def _read_by_mmvet(profile: Profile) -> Callable[[str, Case], str | None]:
    return replies.accepted(
        lambda text, case: MMVET_JUDGE.grade(text, None, {}, profile).status == "scored",
    )


MMVET = Judge(
    {
        # The first reply and four more with a closing line; the temperature rises from the third on. A sixth
        # is asked for there and never read.
        "official": Form(
            name="mmvet/official",
            prompt="mmvet-official",
            values=_spaced,
            read=_read_by_mmvet(Profile.OFFICIAL),
            use="reply",
            tries=(
                Try(0.0, 3),
                *(Try(temperature, 3, "mmvet-official.closing") for temperature in (0.0, 0.5, 1.0, 1.5)),
            ),
        ),
        "vlmevalkit": Form(
            name="mmvet/vlmevalkit",
            prompt="mmvet-vlmevalkit",
            values=_spaced,
            read=_read_by_mmvet(Profile.VLMEVALKIT),
            use="reply",
            tries=tuple(Try(temperature, 3) for temperature in (0.0, 0.5, 1.0, 1.5, 2.0)),
        ),
        "lmms_eval": Form(
            name="mmvet/lmms_eval",
            prompt="mmvet-lmms_eval",
            values=_spaced,
            read=_read_by_mmvet(Profile.LMMS_EVAL),
            use="reply",
            tries=tuple(Try(temperature, 128) for temperature in (0.0, 0.5, 1.0, 1.5)),
        ),
        OURS: _ours(
            "mmvet",
            _spaced,
            read=replies.score,
            use="reply",
            schema=replies.schema(score=replies.one_of(replies.TENTHS)),
        ),
    }
)


def _context(case: Case) -> Mapping[str, str]:
    context = case.sample.meta.get("context")
    lines = context if isinstance(context, list | tuple) else [context or ""]
    return {
        "context": "\n".join(str(line) for line in lines),
        "question": case.question,
        "gold": text_of(case.sample.gold),
        "answer": case.answer,
    }


def _llava(profile: str) -> Form:
    return Form(
        name=f"llava_bench/{profile}",
        prompt="llava_bench",
        values=_context,
        system="llava_bench.system",
        # One reply, whatever it says: without two scores it is -1, and stays in the means.
        read=replies.accepted(
            lambda text, case: LLAVA_BENCH_JUDGE.grade(text, None, {}, Profile.INTERNVL).status == "scored"
        ),
        use="reply",
        tries=(Try(0.2, 1024 if profile == "internvl" else 2048),),
    )


LLAVA_BENCH = Judge(
    {
        "internvl": _llava("internvl"),
        "vlmevalkit": _llava("vlmevalkit"),
        OURS: _ours(
            "llava_bench",
            _context,
            read=replies.pair,
            use="reply",
            schema=replies.schema(
                assistant_1=replies.one_of(replies.TEN), assistant_2=replies.one_of(replies.TEN)
            ),
        ),
    }
)

REVIEW_RULE = "rule"
"""The column of a review's own instruction, where the reviews of a table have several."""


def _review(case: Case) -> Mapping[str, str]:
    values = {name: text for name, text in _context(case).items() if name != "context"}
    return {**values, "rule": text_of(case.sample.meta.get(REVIEW_RULE))}


# LLaVA's and Vicuna's reviews of answers in text: anchors for LLaVA-Bench's judge, no benchmark here.
LLAVA_REVIEW = Judge(
    {
        "official": Form(
            name="llava_review/official",
            prompt="llava_review",
            values=_review,
            system="llava_bench.system",
            read=LLAVA_BENCH.forms["internvl"].read,
            use="reply",
            tries=(Try(0.2, 1024),),
        ),
        OURS: _ours(
            "llava_review",
            _review,
            read=replies.pair,
            use="reply",
            schema=LLAVA_BENCH.forms[OURS].schema,
        ),
    }
)

_TASK_NAMES = (
    re.compile(r"Task name:\s*(.*?)\s*\.\s*Based on", re.IGNORECASE | re.DOTALL),
    re.compile(r"Task name:\s*([^\n\.]+)\.", re.IGNORECASE),
    re.compile(r"Task name:\s*(.*)$", re.IGNORECASE | re.MULTILINE),
)


def _task_name(prompt: str) -> str:
    found = next((match for pattern in _TASK_NAMES if (match := pattern.search(prompt))), None)
    return found[1].strip() if found else ""


def _plan(case: Case) -> Mapping[str, str]:
    return {
        "task_name": _task_name(case.question) or "(Unknown Task)",
        "gold": text_of(case.sample.gold).strip(),
        "answer": case.answer.strip(),
    }


PLAN = Judge(
    {
        # The reference asks again only after a failed request; what it cannot read leaves the mean.
        "official": Form(
            name="plan/official",
            prompt="plan-official",
            values=_plan,
            system="plan-official.system",
            read=replies.as_is,
            use="reply",
            tries=(Try(0.0, 1024),),
            images=True,
        ),
        OURS: _ours(
            "plan",
            _plan,
            read=replies.plan,
            use="reply",
            schema=replies.schema(**{name: replies.one_of(replies.FIVE) for name in PLAN_SCORES}),
            images=True,
        ),
    }
)


def _mmscan(case: Case) -> Mapping[str, str]:
    return {
        "question": case.question.rsplit("<ImageHere>", 1)[-1],
        "gold": text_of(case.sample.gold),
        "answer": case.answer,
    }


def _dictionary(case: Case) -> Mapping[str, str]:
    values = _mmscan(case)
    shown = {
        "Question": values["question"],
        # Predictions come as lists of one, and go out as such.
        "Model Answer": [values["answer"]],
        "Human Answer": values["gold"],
    }
    return {"dictionary": str(shown)}


_KEY_POINTS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 20,
    "items": {
        "type": "object",
        "properties": {"point": {"type": "string", "maxLength": 200}, "right": {"type": "boolean"}},
        "required": ["point", "right"],
        "additionalProperties": False,
    },
}

MMSCAN = Judge(
    {
        # No temperature is sent there, so the service's default; the last of three valid replies counts
        # there, the first here. It judges a random 1000, here all.
        "official": Form(
            name="mmscan/official",
            prompt="mmscan-official",
            values=_dictionary,
            system="mmscan-official.system",
            read=replies.accepted(
                lambda text, case: MMSCAN_JUDGE.grade(text, None, {}, Profile.OFFICIAL).status == "scored"
            ),
            use="beside",
            tries=(Try(1.0, 1000),) * 3,
            schema={"type": "object"},
        ),
        OURS: _ours(
            "mmscan",
            _mmscan,
            read=replies.key_points,
            use="beside",
            schema=replies.schema(key_points=_KEY_POINTS),
        ),
    }
)


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
    OURS: _ours(
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


_YES_NO_OURS = _ours(
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
        OURS: _ours(
            "mathvista",
            _math_ours,
            read=replies.extraction,
            use="extraction",
            schema=replies.schema(answer={"type": "string", "maxLength": replies.LONGEST_EXTRACTION}),
        ),
    },
    _math_undecided,
)


def _reviewed(case: Case) -> Mapping[str, str]:
    """A review's fields; the reference answer goes along where there is one in words."""
    gold = case.sample.gold
    known = text_of(gold) if isinstance(gold, str | list | tuple | int | float) else ""
    letter = case.sample.choices.get(known)
    reference = f"\nReference answer:\n{known}{f' ({letter})' if letter else ''}\n" if known else ""
    return {"question": case.asked, "reference": reference, "answer": case.answer, "other": case.other}


# Blind reviews of answers to anything; no reference has them.
REVIEW = _ours(
    "review",
    _reviewed,
    read=replies.mark,
    use="reply",
    schema=replies.schema(mark=replies.one_of(replies.TEN)),
)
PAIR = _ours(
    "pair",
    _reviewed,
    read=replies.better,
    use="reply",
    schema=replies.schema(better=replies.one_of(("A", "B", "tie"))),
)

JUDGES: Mapping[str, Judge] = {
    "mmvet_judge": MMVET,
    "llava_bench_judge": LLAVA_BENCH,
    "plan_judge": PLAN,
    "mmscan": MMSCAN,
    "mathvista": MATHVISTA,
    **dict.fromkeys(("choice", "circular", "mmvp", "seed", "scienceqa", "mmstar", "mmmu"), CHOICE),
    **dict.fromkeys(("yes_no", "mme", "pope"), YES_NO),
    "hallusionbench": HALLUSIONBENCH,
}
"""By the name of the scorer."""

PROFILES = (OURS, REFERENCE, "official", "vlmevalkit", "internvl", "lmms_eval")
