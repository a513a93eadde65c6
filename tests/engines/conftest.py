"""A server that did not come up fails the first test that needs it, and the others are skipped."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

BROKEN = pytest.StashKey[dict[str, str]]()


def _server(item: pytest.Item) -> str:
    """What tests of one server have in common: their module and its parameter."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return f"{item.nodeid.partition('::')[0]} {parameters.get('chain', '')}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    first = item.session.stash.setdefault(BROKEN, {}).get(_server(item))
    if first is not None:
        pytest.skip(f"its server did not start: see {first}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "setup" and report.failed:
        item.session.stash.setdefault(BROKEN, {}).setdefault(_server(item), item.nodeid)
    return report
