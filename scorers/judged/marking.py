"""Judges that mark an answer: MM-Vet, LLaVA-Bench, plans, MMScan's key points.

Sources of the references' forms: yuweihao/MM-Vet mm-vet_evaluator.py; VLMEvalKit utils/mmvet.py and
llavabench.py; lmms-eval tasks/mmvet; haotian-liu/LLaVA eval_gpt_review_bench.py; InternSR
dataset/mmscan/evaluator/gpt_evaluation.py; LEAP scripts/evaluation/analyze_output_results.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sightbench.scorers.judged import replies
from sightbench.scorers.judged.form import Case, Form, Try, text_of
from sightbench.scorers.judged.judge import LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_SCORES
from sightbench.scorers.judged.mmscan import MMSCAN_JUDGE
from sightbench.scorers.judged.row import OURS, Judge, in_our_form
from sightbench.scorers.scorer import Profile


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
        OURS: in_our_form(
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
        OURS: in_our_form(
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
        OURS: in_our_form(
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
        OURS: in_our_form(
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
        OURS: in_our_form(
            "mmscan",
            _mmscan,
            read=replies.key_points,
            use="beside",
            schema=replies.schema(key_points=_KEY_POINTS),
        ),
    }
)
