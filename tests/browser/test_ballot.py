"""The page on which people compare answers, in a real browser, and what is read back from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.evaluation.judges.test_judged_runs import many
from tests.tasks import formats

COUNT = 4


@pytest.fixture
def ballot(run: Command, tmp_path: Path) -> Path:
    """The folder of a page over two runs that answer four questions each in their own way."""
    data = many(tmp_path / "data", COUNT)
    for name in ("kite", "heron"):
        answers = {f"v1_{number}": f"answer of {name[0]} to {number}" for number in range(COUNT)}
        formats.put(tmp_path / f"{name}.json", answers)
        code, out, err = run(
            *("grade", "--task", "mmvet", "--data", data, "--predictions", tmp_path / f"{name}.json"),
            *("--out", name),
        )
        assert code == 0, out + err
    code, out, err = run("review", "kite", "heron", "--human", "--out", "OUT")
    assert code == 0, out + err
    return tmp_path / "OUT"


def opened(browser: Any, page: Path) -> Any:
    tab = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True).new_page()
    tab.set_default_timeout(15_000)
    tab.goto(page.as_uri())
    tab.wait_for_selector("#ballot")
    return tab


def rate_all_for(tab: Any, letter: str, rater: str, to: Path) -> Path:
    """Prefers the answers of the run with this letter, by the keys, and saves; returns the file."""
    tab.fill("#rater", rater)
    tab.keyboard.press("Escape")
    for _ in range(COUNT):
        before = tab.inner_text("#ballot")
        answers = tab.locator(".answers .reply").all_inner_texts()
        tab.keyboard.press("1" if f"of {letter} " in answers[0] else "2")
        tab.wait_for_function("before => document.getElementById('ballot').innerText !== before", arg=before)
    with tab.expect_download() as download:
        tab.click("#save-ratings")
    download.value.save_as(to)
    return to


def test_people_rate_by_keys_and_nothing_tells_who_answered(browser: Any, ballot: Path, run: Command) -> None:
    page = (ballot / "review.html").read_text()
    assert not re.search("kite|heron", page)
    tab = opened(browser, ballot / "review.html")
    assert tab.locator(".answers h3").all_inner_texts()[0].startswith("First")
    assert "0 of 4 rated" in tab.inner_text("#ballot")
    assert not tab.locator(".answers .facts").first.is_visible()
    assert not tab.locator(".answers .chip").first.is_visible()
    saved = rate_all_for(tab, "k", "Ada", ballot / "ada.json")
    assert "4 of 4 rated" in tab.inner_text("#ballot")
    tab.reload()
    tab.wait_for_selector("#ballot")
    assert "4 of 4 rated" in tab.inner_text("#ballot")
    assert tab.input_value("#rater") == "Ada"
    tab.context.close()

    content = json.loads(saved.read_text())
    assert content["rater"] == "Ada"
    assert set(content["ratings"].values()) <= {"first", "second"}
    other = {**content, "rater": "Ben", "ratings": {**content["ratings"]}}
    name = next(iter(other["ratings"]))
    other["ratings"][name] = "tie"
    ben = formats.put(ballot / "ben.json", other)
    code, out, err = run("review", "kite", "heron", "--import", saved, "--import", ben, "--out", "OUT")
    assert code == 0, out + err
    assert "kite against heron: preferred 87.5 %" in out
    assert "Ada: 4 rated" in out
    assert "agreement between people: Krippendorff's alpha" in out


def test_ratings_of_another_page_are_refused(ballot: Path, run: Command) -> None:
    path = formats.put(ballot / "x.json", {"ballot": "0" * 16, "rater": "x", "ratings": {}})
    code, _, err = run("review", "kite", "heron", "--import", path, "--out", "OUT")
    assert code == 2
    assert "another page" in err
