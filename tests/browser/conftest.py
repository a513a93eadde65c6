"""A real browser on the page: Debian's chromium-headless-shell, driven by Playwright, off any network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightbench.reports.build import build
from tests.browser import runs

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    found = os.environ.get("SIGHTBENCH_BROWSER") or next(
        filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None
    )
    assert found, "no browser: apt-get install chromium-headless-shell, or set SIGHTBENCH_BROWSER to one"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def one(folder: Path) -> Path:
    """The page of one run, in one file."""
    made = runs.entries(runs.frames(folder / "frames"))
    made.append(runs.grounding(folder / "box.png"))
    return build([runs.run(folder, made)], folder / "one" / "report.html").path


@pytest.fixture(scope="session")
def beside(folder: Path) -> Path:
    """The same page with its data beside it."""
    made = runs.entries(runs.frames(folder / "frames"))
    return build([runs.run(folder, made)], folder / "beside" / "report.html", single=False).path


@pytest.fixture(scope="session")
def two(folder: Path) -> Path:
    """Two runs side by side."""
    place = runs.frames(folder / "frames")
    both = [runs.run(folder, runs.entries(place, model=model), f"model-{'ab'[model]}") for model in (0, 1)]
    return build(both, folder / "two" / "report.html", pairings=[runs.PAIRING]).path
