"""Scoring options: nonsense is refused by name, and run.json gives back what it was given."""

from __future__ import annotations

import pytest

from sightbench.errors import UsageError
from sightbench.scorers.scoring_options import ScoringOptions, scoring_options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("on_error", "ignore"),
        ("unparsed", "guess"),
        ("seed", "42"),
        ("box_mode", "nonsense"),
        ("answer", "bold"),
        ("masks_as", "dawis"),
        ("tolerance", 0),
        ("tolerance", 2.5),
    ],
)
def test_nonsense_is_refused_and_named(name, value):
    with pytest.raises(UsageError, match=str(value)) if name != "tolerance" else pytest.raises(UsageError):
        scoring_options({name: value})


def test_run_json_gives_back_what_it_was_given():
    options = ScoringOptions("zero", "random", 7, "0-1:xywh", "boxed", "davis", 3)
    assert scoring_options(options.to_json()) == options
    assert ScoringOptions().to_json() == {"on_error": "leave-out"}
    assert scoring_options({"on_error": "zero", "of a later version": 1}) == ScoringOptions("zero")
