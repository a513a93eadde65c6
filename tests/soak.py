"""`make soak`: every generator of hostile input runs for `SIGHTBENCH_SOAK` seconds, with fresh seeds."""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

SECONDS = float(os.environ.get("SIGHTBENCH_SOAK") or 0)
"""How long each generator runs; 0 is the short form."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a generator in rounds until its time is over; what it found is shrunk and shown as ever."""
    if not SECONDS or pyfuncitem.get_closest_marker("generator") is None:
        return None
    test: Any = pyfuncitem.obj
    inner = test.hypothesis.inner_test
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    first, rounds, examples = random.SystemRandom().randrange(2**32), 0, 0

    @functools.wraps(inner)
    def counted(*args: Any, **named: Any) -> Any:
        nonlocal examples
        examples += 1
        return inner(*args, **named)

    test.hypothesis.inner_test = counted
    started = time.monotonic()
    try:
        while not rounds or time.monotonic() < started + SECONDS:
            hypothesis.seed(first + rounds)(test)
            rounds += 1
            test(**given)
    finally:
        test.hypothesis.inner_test = inner
        spent = time.monotonic() - started
        said = f"{examples:,} examples in {spent:.0f} s, seeds {first} to {first + rounds - 1}"
        pyfuncitem.user_properties.append(("soak", said))
    return True


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line a generator: what it ran, and whether it found something."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for said in _said(report):
                found = "nothing found" if outcome == "passed" else "FOUND"
                terminalreporter.write_line(f"{found}: {said}: {report.nodeid}")


def _said(report: pytest.TestReport) -> Iterator[str]:
    yield from (str(value) for name, value in report.user_properties if name == "soak")
