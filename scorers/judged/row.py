"""A row of the table of judges: the forms a judge is asked in, and when one is asked at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sightbench.scorers.fields import Fields
from sightbench.scorers.judged.form import Case, Form, Try, nonce
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


def in_our_form(name: str, values: Callable[[Case], Mapping[str, str]], **more: Any) -> Form:
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
