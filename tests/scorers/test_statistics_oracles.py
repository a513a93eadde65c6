"""Errors and counts beside ppi-python's and evalica's, where they are installed (extra `oracle`)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import orjson
import pytest
from scipy.stats import norm

from sightbench.scorers.statistics.comparison import compared
from sightbench.scorers.statistics.means import mean

DRAW = np.random.default_rng(3)
ONE, TWO = (DRAW.random(80) < level for level in (0.6, 0.7))


def told(package: str, script: str, *values: object) -> Any:
    """What a script prints as JSON, in a process of its own: the packages' imports warn."""
    pytest.importorskip(package)
    given = [orjson.dumps(value).decode() for value in values]
    done = subprocess.run([sys.executable, "-c", script, *given], capture_output=True, text=True, check=True)
    return orjson.loads(done.stdout.splitlines()[-1])


def test_the_error_of_a_mean_of_unclustered_answers_is_ppi_pythons() -> None:
    script = (
        "import json, sys; import numpy as np; from ppi_py import classical_mean_ci; "
        "low, high = classical_mean_ci(np.array(json.loads(sys.argv[1])), alpha=0.05); "
        "print(json.dumps([float(low), float(high)]))"
    )
    scores = DRAW.random(200)
    low, high = told("ppi_py", script, scores.tolist())
    ours = mean("score", scores.tolist())
    assert ours.value == pytest.approx(50 * (low + high))
    # Theirs is the normal interval with the variance over n; ours has n - 1.
    theirs = 100 * (high - low) / 2 / norm.ppf(0.975)
    assert ours.stderr == pytest.approx(theirs * (200 / 199) ** 0.5)


def test_won_and_lost_are_evalicas_counts() -> None:
    script = (
        "import json, sys; from evalica import Winner, counting; "
        "one, two = map(json.loads, sys.argv[1:]); "
        "who = [Winner.X if a > b else Winner.Y if b > a else Winner.Draw for a, b in zip(one, two)]; "
        "found = counting(['one'] * len(one), ['two'] * len(one), who, tie_weight=0.0); "
        "print(json.dumps(found.scores.to_dict()))"
    )
    wins = told("evalica", script, ONE.astype(float).tolist(), TWO.astype(float).tolist())
    one, two = (mean("accuracy", side.astype(float).tolist(), list(range(80))) for side in (ONE, TWO))
    difference = compared([(one, two)])[0][0]
    assert wins == {"one": difference.losses, "two": difference.wins}
