"""axe-core finds nothing serious, at both widths, light and dark, in each view."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sightbench.reports.studies.sweep import Line
from sightbench.reports.studies.sweep_page import page as sweep_page
from sightbench.scorers.score import Metric
from tests.paths import ROOT

AXE = Path(os.environ.get("SIGHTBENCH_AXE", ROOT / ".browser" / "node_modules" / "axe-core" / "axe.min.js"))
VIEWS = ("", "#view=samples", "#s=toy/v1/objmask/object_1", "#s=toy/hostile/qa/arabic")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("form", ["one", "two"])
def test_axe_finds_nothing_serious(form, width, scheme, browser, request) -> None:
    assert AXE.exists(), f"{AXE} is not there: make test-browser installs it"
    page = request.getfixturevalue(form)
    # The page's own policy would refuse a foreign script.
    context = browser.new_context(
        viewport={"width": width, "height": 850}, color_scheme=scheme, bypass_csp=True
    )
    tab: Any = context.new_page()
    for view in VIEWS:
        tab.goto("about:blank")
        tab.goto(page.as_uri() + view)
        tab.wait_for_selector("body[data-ready]", state="attached")
        tab.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true; })")
        if "s=" in view:
            tab.wait_for_selector("#pane .facts")
        tab.add_script_tag(path=str(AXE))
        found = tab.evaluate("axe.run().then(({violations}) => violations)")
        serious = [
            f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary']}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], view
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, (
            f"{view} is wider than the screen"
        )
    context.close()


def test_a_sweep_is_no_wider_than_a_phone(browser, tmp_path) -> None:
    score = Metric("Overall", 93.4, 122, "%", stderr=2.0, interval=(89.2, 97.7))
    lines = [Line("dynbench", f"checkpoint-{n}", score, None, 923, 122, 122, x=n) for n in (200, 400)]
    (tmp_path / "sweep.html").write_text(sweep_page(lines, "sweep"))
    context = browser.new_context(viewport={"width": 390, "height": 850})
    tab: Any = context.new_page()
    tab.goto((tmp_path / "sweep.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    table = tab.locator("table")
    assert table.evaluate("table => table.parentElement.scrollWidth") > 390, "else this test proves nothing"
    context.close()
