"""From a judge's replies to verdicts: which try counts, and why an answer has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sightbench.client.journal import JUDGEMENTS, Journal
from sightbench.evaluation.judges.record import JudgeRecord
from sightbench.sample import Reply, Turn
from sightbench.scorers.answer import is_refusal, set_aside_reasoning
from sightbench.scorers.judged.form import Case, Form

VERDICT = "verdict"
OUT_OF_FORMAT = "out of format"
REFUSED = "refused"
CUT_OFF = "cut off"
NOT_ASKED = "not asked"

Lookup = Callable[[str], Reply | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of one answer. `text` is the verdict in the scorer's words, None where there is
    none; `outcome` says "verdict", or why there is none (else a kind of failure: "timeout"). `key` is that of
    the last reply, `tries` how many there were."""

    outcome: str
    text: str | None = None
    key: str = ""
    tries: int = 0
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be asked of a judge next about an answer: the try's number from 0, its key, its messages."""

    form: Form
    number: int
    key: str
    turns: tuple[Turn, ...]
    case: Case


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of one judge, as far as they were given; `lookup` finds its reply under a key."""

    judge: JudgeRecord
    lookup: Lookup

    def of(self, form: Form, case: Case) -> Verdict:
        """The verdict on an answer."""
        return self._walk(form, case)[0]

    def replies(self, form: Form, case: Case) -> list[Reply]:
        """Every reply about an answer, that of its last try last."""
        tries = self.of(form, case).tries
        keys = [
            self.judge.key(form, number, form.turns(case, attempt))
            for number, attempt in enumerate(form.tries[:tries])
        ]
        return [reply for key in keys if (reply := self.lookup(key)) is not None]

    def open_question(self, form: Form, case: Case) -> Question | None:
        """What is left to ask about an answer, None where nothing is."""
        return self._walk(form, case)[1]

    def _walk(self, form: Form, case: Case) -> tuple[Verdict, Question | None]:
        last = Verdict(NOT_ASKED)
        for number, attempt in enumerate(form.tries):
            turns = form.turns(case, attempt)
            key = self.judge.key(form, number, turns)
            reply = self.lookup(key)
            if reply is None or reply.status != "ok":
                outcome = NOT_ASKED if reply is None or reply.error is None else reply.error.kind
                return Verdict(outcome, None, key, number, reply), Question(form, number, key, turns, case)
            text, _ = set_aside_reasoning(reply.text or "")
            outcome = _outcome(reply, text, form)
            verdict = form.read(text, case) if outcome == VERDICT else None
            if verdict is not None:
                return Verdict(VERDICT, verdict, key, number + 1, reply), None
            last = Verdict(
                OUT_OF_FORMAT if outcome == VERDICT else outcome,
                # What a reference cannot read it takes as it is, and its rule makes a number of it.
                None if form.strict or outcome != VERDICT else text,
                key,
                number + 1,
                reply,
            )
        return last, None


def _outcome(reply: Reply, text: str, form: Form) -> str:
    if reply.refusal is not None or reply.finish_reason == "content_filter" or is_refusal(text):
        return REFUSED
    return CUT_OFF if form.strict and reply.finish_reason == "length" else VERDICT


@contextmanager
def verdicts_in(folder: Path, judge: JudgeRecord | None) -> Iterator[Verdicts | None]:
    """The verdicts that a run's folder holds of its judge; None for a run without one."""
    if judge is None:
        yield None
    elif not (folder / JUDGEMENTS).exists():
        yield Verdicts(judge, lambda key: None)
    else:
        with Journal.open(folder, write=False, name=JUDGEMENTS) as journal:
            yield Verdicts(judge, journal.read)
