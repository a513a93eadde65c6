"""Forms of blind reviews: an answer by itself, two answers beside each other; no benchmark's."""

from __future__ import annotations

from collections.abc import Mapping

from sightbench.scorers.judged import replies
from sightbench.scorers.judged.form import Case, text_of
from sightbench.scorers.judged.row import in_our_form


def _reviewed(case: Case) -> Mapping[str, str]:
    """A review's fields; the reference answer goes along where there is one in words."""
    gold = case.sample.gold
    known = text_of(gold) if isinstance(gold, str | list | tuple | int | float) else ""
    letter = case.sample.choices.get(known)
    reference = f"\nReference answer:\n{known}{f' ({letter})' if letter else ''}\n" if known else ""
    return {"question": case.asked, "reference": reference, "answer": case.answer, "other": case.other}


REVIEW = in_our_form(
    "review",
    _reviewed,
    read=replies.mark,
    use="reply",
    schema=replies.schema(mark=replies.one_of(replies.TEN)),
)
PAIR = in_our_form(
    "pair",
    _reviewed,
    read=replies.better,
    use="reply",
    schema=replies.schema(better=replies.one_of(("A", "B", "tie"))),
)
