"""What a person sees and does on the page, in a real browser that opened it from disk."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightbench.reports.build import build
from sightbench.reports.summary import flatten
from sightbench.sample import Sent, SentMedia, Text
from tests.browser import runs

Open = Callable[..., Any]


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Opens a page at a hash, and in the end checks that nothing was fetched, logged or run."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(15_000)
    trouble: list[str] = []
    # Canvas2D: a word of advice to those who read a canvas often, as these tests do.
    tab.on(
        "console",
        lambda message: "Canvas2D" in message.text or trouble.append(f"console: {message.text}"),
    )
    tab.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
    tab.on(
        "request",
        lambda request: request.url.startswith(("file:", "data:", "blob:")) or trouble.append(request.url),
    )

    def open_page(path: Path, hash: str = "") -> Any:
        tab.goto("about:blank")
        tab.goto(path.as_uri() + hash)
        tab.wait_for_selector("body[data-ready]", state="attached")
        return tab

    open_page.trouble = trouble  # type: ignore[attr-defined]
    yield open_page
    assert tab.url == "about:blank" or tab.evaluate("window.hacked") is None
    context.close()
    assert trouble == []


def sample(tab: Any, id: str) -> None:
    tab.evaluate("id => go({s: id, f: '0'})", id)
    until(tab, "id => document.querySelector('#pane h2')?.textContent === id", id)


def until(tab: Any, condition: str, argument: Any = None) -> None:
    """Waits for a condition. Playwright's own way compiles code in the page, which its policy forbids."""
    deadline = time.monotonic() + 20
    while not tab.evaluate(condition, argument):
        assert time.monotonic() < deadline, f"never came true: {condition} {argument or ''}"
        tab.wait_for_timeout(20)


def told(tab: Any) -> str:
    return tab.inner_text("#told")


@pytest.mark.parametrize("form", ["one", "beside"])
def test_the_tables_hold_the_numbers_of_the_summary(form, visit, request) -> None:
    tab = visit(request.getfixturevalue(form))
    made = json.loads(tab.evaluate("JSON.stringify(overview.runs[0].summary)"))
    headline = made["benchmarks"][0]["headline"]
    shown = tab.inner_text("table.headline")
    for metric in [headline, *headline["parts"]]:
        assert f"{metric['value']:.1f}" in shown and f"n {metric['n']}" in shown
        if "interval" in metric:
            low, high = metric["interval"]
            assert f"{low:.1f}–{high:.1f}" in shown
    tab.click("details:has(.all-numbers) summary")
    rows = tab.eval_on_selector_all(
        ".all-numbers tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    entries = runs.entries(runs.frames(Path(request.getfixturevalue("folder")) / "frames"))
    if form == "one":
        entries.append(runs.grounding(Path(request.getfixturevalue("folder")) / "box.png"))
    whole = runs.summary(entries, "model-a").benchmarks[0]
    metrics = [one for _, one in flatten(whole.headline)] + list(whole.extras)
    assert [row[0] for row in rows] == [metric.name for metric in metrics]
    for row, metric in zip(rows, metrics, strict=True):
        assert row[1].split()[0] == (
            "–" if metric.value is None else f"{metric.value:.{1 if metric.unit == '%' else 2}f}"
        )
        assert row[4] == str(metric.n)


def test_what_a_run_cost_stands_beside_what_it_took(visit, one) -> None:
    tab = visit(one)
    shown = tab.inner_text("section:has(> h2:text-is('What it took'))")
    assert "$1.25" in shown and "3 answers without a price" in shown and "prices of <today>" in shown


def test_coverage_counts_lead_to_their_samples(visit, one) -> None:
    tab = visit(one)
    cells = tab.eval_on_selector_all(
        "table.stack >> nth=0 >> td", "cells => cells.map(c => [c.dataset.head, c.textContent])"
    )
    counts = {head: text for head, text in cells}
    assert counts["truncated"] == str(len(runs.HOSTILE))
    assert counts["failed"] == "1" and counts["refused"] == "1"
    tab.click("a:text-is('1') >> nth=0")
    assert re.match(r"1 of \d+ samples", told(tab))
    assert "<b>at all</b>" in tab.inner_text(".examples") if tab.is_visible(".examples") else True


def test_filters_search_and_sort(visit, one) -> None:
    tab = visit(one, "#view=samples")
    total = int(re.findall(r"\d+", told(tab))[0])
    tab.click("#more-filters > summary")
    for filter, value, wanted in (
        ("by-o", "error", 1),
        ("by-o", "unparsed", len(runs.HOSTILE) + 1),
        ("by-flag", "refused", 1),
        ("by-t", "objmask", 3),
    ):
        tab.select_option(f"#{filter}", value)
        until(
            tab,
            "told => document.getElementById('told').textContent.startsWith(told)",
            f"{wanted} of {total}",
        )
        tab.select_option(f"#{filter}", "")
    tab.fill("#search", "SAID IN TURN 1")
    until(tab, "document.getElementById('told').textContent.startsWith('1 of')")
    assert tab.inner_text(".sample-row .id") == "toy/talk/qa/1"
    tab.fill("#search", "骆驼")
    until(tab, "document.querySelector('.sample-row .id')?.textContent === 'toy/hostile/qa/chinese'")
    tab.click("#clear")
    until(tab, "total => document.getElementById('told').textContent.startsWith(total)", f"{total} ")
    for sort, first in (("-latency", 0.4), ("latency", 0.1)):
        tab.select_option("#by-sort", sort)
        i = tab.evaluate("rows[0]")
        assert tab.evaluate("i => index.runs[0].latency[i]", i) == first
    tab.select_option("#by-sort", "-value")
    values = tab.evaluate("rows.map(i => index.runs[0].value[i])")
    scored = [value for value in values if value is not None]
    assert scored == sorted(scored, reverse=True) and values[-1] is None


def test_a_link_opens_the_very_frame(visit, one) -> None:
    tab = visit(one, "#s=toy/v1/objmask/object_1&f=3")
    tab.wait_for_selector(".viewer")
    assert tab.inner_text(".viewer .told strong") == "Frame 3"
    assert tab.eval_on_selector(".stage img", "image => decodeURIComponent(image.src)").endswith(
        "video 1 #1/frame_0003.jpg"
    )
    until(tab, "document.querySelector('.stage img').naturalWidth === 64")
    tab.keyboard.press("ArrowRight")
    until(tab, "location.hash.includes('f=4')")
    assert tab.inner_text(".viewer .told strong") == "Frame 4"


def test_keys(visit, one) -> None:
    tab = visit(one, "#s=toy/v0/objmask/object_1")
    tab.wait_for_selector(".viewer")
    tab.keyboard.press("j")
    until(tab, "document.querySelector('#pane h2').textContent === 'toy/v1/qa/0'")
    tab.keyboard.press("k")
    until(tab, "document.querySelector('#pane h2').textContent === 'toy/v0/objmask/object_1'")
    tab.wait_for_selector(".viewer")
    tab.keyboard.press("Space")
    until(tab, "viewer.frame >= 2")
    assert tab.get_attribute(".play", "aria-label") == "Pause"
    tab.keyboard.press("Space")
    assert tab.get_attribute(".play", "aria-label") == "Play"
    tab.keyboard.press("+")
    assert tab.eval_on_selector(".stage", "stage => stage.style.width") == "200%"
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "search"
    tab.keyboard.type("jk")  # letters, not steps
    assert tab.inner_text("#pane h2") == "toy/v0/objmask/object_1"
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    until(tab, "!location.hash.includes('s=')")


def layer(tab: Any, name: str) -> np.ndarray:
    """The RGBA pixels of one of the viewer's canvases."""
    data = tab.eval_on_selector(
        f".layer.{name}",
        "c => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]",
    )
    h, w, *values = data
    return np.array(values, np.uint8).reshape(h, w, 4)


def classes(pixels: np.ndarray, colours: dict[str, list[int]], names: tuple[str, ...]) -> np.ndarray:
    """Per pixel 0 for nothing, else 1 + the position of the nearest of the named colours."""
    palette = np.array([colours[name] for name in names])
    distance = np.abs(pixels[..., None, :3].astype(int) - palette).sum(axis=-1)
    return np.where(pixels[..., 3] == 0, 0, 1 + distance.argmin(axis=-1))


@pytest.mark.parametrize("video", [0, 1, 2])
def test_the_overlay_is_prediction_against_truth_on_every_frame(video, visit, one) -> None:
    tab = visit(one, f"#s=toy/v{video}/objmask/object_1")
    tab.wait_for_selector(".viewer")
    colours = tab.evaluate("COLOURS")
    for frame in range(runs.FRAMES):
        tab.evaluate("frame => viewer.show(frame)", frame)
        drawn = classes(layer(tab, "fill"), colours, ("first", "second", "both"))
        truth = runs.truth_mask(frame)
        found = runs.predicted_mask(frame, 2 * video)
        predicted = np.zeros_like(truth) if found is None else found
        assert (drawn == predicted + 2 * truth).all(), frame
        edge = layer(tab, "edge")[..., 3] > 0
        assert (edge <= truth).all() and edge.any()
        inner = truth[1:-1, 1:-1] & truth[:-2, 1:-1] & truth[2:, 1:-1] & truth[1:-1, :-2] & truth[1:-1, 2:]
        assert (edge[1:-1, 1:-1] == (truth[1:-1, 1:-1] & ~inner)).all()
        shown = tab.inner_text(".viewer .told")
        drawn_masks = runs.masks(2 * video)
        assert (
            f"J {100 * drawn_masks.j[frame]:.1f}" in shown and f"F {100 * drawn_masks.f[frame]:.1f}" in shown
        )
    assert "no mask for this frame" in tab.inner_text(".viewer .note")


def test_the_masks_of_two_runs_on_one_frame(visit, two) -> None:
    tab = visit(two, "#s=toy/v1/objmask/object_1")
    tab.wait_for_selector(".viewer")
    assert tab.locator(".curves >> nth=0 >> path").count() == 2
    tab.select_option(".viewer > select", label="model-a against model-b")
    tab.evaluate("viewer.show(1)")
    drawn = classes(layer(tab, "fill"), tab.evaluate("COLOURS"), ("onlyA", "onlyB", "both"))
    a, b = runs.predicted_mask(1, 2), runs.predicted_mask(1, 5)
    assert a is not None and b is not None
    assert (drawn == a + 2 * b).all()


@pytest.mark.parametrize("name", runs.HOSTILE)
def test_hostile_answers_are_shown_and_not_run(name, visit, one) -> None:
    tab = visit(one)
    sample(tab, f"toy/hostile/qa/{name}")
    shown = tab.text_content(".reply")
    text = runs.HOSTILE[name]
    if name == "long":
        assert len(shown) == 20_000
        tab.click("text=Show all 5,000,022 characters")
        assert tab.evaluate("document.querySelector('.reply').textContent.length") == len(text)
    else:
        assert shown == re.sub(r"[\x00\x1b\u202c\u202e]", lambda found: f"U+{ord(found[0]):04X}", text)
    assert tab.locator("#pane script, #pane a[href^=javascript], #pane img").count() == 0


def test_an_answer_in_arabic_reads_from_the_right_and_moves_nothing_else(visit, one) -> None:
    tab = visit(one)
    sample(tab, "toy/hostile/qa/arabic")
    assert (
        tab.eval_on_selector(".reply", "box => getComputedStyle(box.firstChild).unicodeBidi") == "plaintext"
    )
    assert tab.locator(".reply .control").all_inner_texts() == ["U+202E", "U+202C"]


def test_no_injected_markup_can_run(visit, one) -> None:
    """The policy's own word, should a text ever become markup: inline code, handlers and the net are shut."""
    tab = visit(one)
    tab.evaluate("""() => {
        document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.hacked = 1">');
        const script = document.createElement('script');
        script.textContent = 'window.hacked = 1';
        document.body.append(script);
        return fetch('http://127.0.0.1:9/').catch(() => null);
    }""")
    assert tab.evaluate("window.hacked") is None
    refused = [line for line in visit.trouble if "Content Security Policy" in line or "ERR_" in line]
    assert len(refused) >= 3
    visit.trouble.clear()


def test_a_conversation_is_shown_turn_by_turn(visit, one) -> None:
    tab = visit(one)
    sample(tab, "toy/talk/qa/2")
    before = tab.inner_text(".pane details[open]")
    assert before.index("Turn number 0") < before.index("said in turn 0") < before.index("Turn number 1")


def test_boxes_lie_over_the_image(visit, one) -> None:
    tab = visit(one)
    sample(tab, "toy/box/qa/0")
    until(tab, "document.querySelector('.boxes')?.getAttribute('viewBox') === '0 0 200 100'")
    boxes = tab.eval_on_selector_all(
        ".box", "all => all.map(b => ['x', 'y', 'width', 'height'].map(n => Number(b.getAttribute(n))))"
    )
    assert boxes == [[20, 10, 100, 70], [60, 20, 90, 70]]


def test_a_comparison_counts_the_flips_and_leads_to_them(visit, two) -> None:
    tab = visit(two)
    rows = tab.eval_on_selector_all(
        "[aria-label='Paired samples'] tbody tr",
        "rows => rows.map(r => [...r.cells].map(c => c.textContent))",
    )
    questions = {row[0]: row for row in rows}
    # model-a errs on question 1 of each video (Inter-Object), model-b on question 0 (Camera-Object)
    assert questions["Inter-Object"][4:6] == ["3", "0"]
    assert questions["Camera-Object"][4:6] == ["0", "3"]
    tab.click("[aria-label='Paired samples'] tr:has(th:text-is('Inter-Object')) a")
    assert told(tab).startswith("3 of")
    assert {row for row in tab.locator(".sample-row .id").all_inner_texts()} == {
        f"toy/v{v}/qa/1" for v in range(3)
    }
    tab.click(".sample-row >> nth=0")
    tab.wait_for_selector("[aria-label='Side by side']")
    side = tab.locator("[aria-label='Side by side'] tr.differs th").all_inner_texts()
    assert {"score", "outcome", "read", "prompt tokens"} <= set(side)


def test_a_comparison_shows_differences_with_interval_and_verdict(visit, two) -> None:
    tab = visit(two)
    rows = tab.eval_on_selector_all(
        ".tested tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText.replace(/\\s+/g, ' ')))"
    )
    assert rows == [
        ["Overall", "60.0", "52.5", "−7.5 −17.3 to +2.3", "0.213",
         "undecided about 31 videos would settle it", "3 / 6", "15 3 videos"],
        ["J&F", "50.0", "40.0", "−10.0 −12.0 to −8.0", "0.002", "worse", "0 / 3", "3 3 videos"],
    ]  # fmt: skip
    assert "frames differs: 8 and <b>16</b>" in tab.inner_text(".pair .note")


def test_what_only_the_second_run_was_asked_has_its_numbers_too(visit, folder, tmp_path) -> None:
    made = runs.entries(runs.frames(tmp_path / "frames"))
    first, second = (runs.run(folder, made, label) for label in ("model-a", "model-b"))
    (toy,) = second.summary.benchmarks
    later = replace(toy, name="later", title="Later scenes")
    second = replace(second, summary=replace(second.summary, benchmarks=(later,)))
    tab = visit(build([first, second], tmp_path / "run" / "report.html").path)
    assert tab.locator("table.headline").count() == 2
    shown = tab.inner_text("table.headline[aria-label='Later scenes']")
    assert "model-b" in shown and "model-a" not in shown and f"n {toy.headline.n}" in shown
    assert "Later scenes: " in tab.inner_text("details:has([aria-label='Later scenes']) summary")
    bars = tab.locator(".card", has_text="Later scenes, by part")
    assert bars.locator("a").all_inner_texts() == [part.name for part in toy.headline.parts]


def test_prompts_that_differ_are_shown(visit, folder, tmp_path) -> None:
    place = runs.frames(tmp_path / "frames")
    first, second = runs.entries(place), runs.entries(place, model=1)
    asked = second[0].turns[0]
    other = replace(asked, parts=(*asked.parts, Text("Think <b>first</b>.")))
    second[0] = replace(second[0], turns=(other,))
    both = [runs.run(folder, first, "plain"), runs.run(folder, second, "wordy")]
    tab = visit(build(both, tmp_path / "run" / "report.html").path)
    sample(tab, first[0].sample.id)
    tab.click("text=wordy was asked in other words")
    assert "Think <b>first</b>." in tab.inner_text("details[open]")
    sample(tab, first[1].sample.id)
    assert tab.locator("text=was asked in other words").count() == 0


def test_frames_that_were_not_sent_are_marked(visit, folder, tmp_path) -> None:
    made = runs.entries(runs.frames(tmp_path / "frames"))
    reply = made[0].reply
    assert reply is not None
    sent = Sent(1, (SentMedia("video", 2, "x", indices=(0, 5), of=6),))
    made[0] = replace(made[0], reply=replace(reply, sent=sent))
    tab = visit(build([runs.run(folder, made)], tmp_path / "run" / "report.html").path)
    sample(tab, made[0].sample.id)
    captions = tab.locator(".strip figcaption").all_inner_texts()
    assert captions == ["0", "1, not sent", "2, not sent", "3, not sent", "4, not sent", "5"]


def test_frames_that_are_gone_leave_a_clear_placeholder(visit, folder, tmp_path) -> None:
    made = runs.entries(runs.frames(tmp_path / "frames"))
    page = build([runs.run(folder, made)], tmp_path / "run" / "report.html").path
    small = build([runs.run(folder, made)], tmp_path / "run" / "small.html", embed=2).path
    (tmp_path / "frames").rename(tmp_path / "elsewhere")
    tab = visit(page, "#s=toy/v0/objmask/object_1")
    tab.wait_for_selector(".stage .gone")
    assert "Not found: ../frames/video 0 #1/frame_0000.jpg" in tab.inner_text(".stage .gone")
    assert (
        classes(layer(tab, "fill"), tab.evaluate("COLOURS"), ("first", "second", "both"))
        == 3 * runs.truth_mask(0)
    ).sum() > 500
    visit.trouble[:] = [line for line in visit.trouble if "ERR_FILE_NOT_FOUND" not in line]
    tab = visit(small, "#s=toy/v0/objmask/object_1")
    until(tab, "document.querySelector('.stage img').src.startsWith('data:image/jpeg')")
    visit.trouble[:] = [line for line in visit.trouble if "ERR_FILE_NOT_FOUND" not in line]


def test_a_page_without_its_data_says_which_folder_is_missing(visit, folder, tmp_path, browser) -> None:
    page = build(
        [runs.run(folder, runs.entries(folder / "frames"))], tmp_path / "report.html", single=False
    ).path
    (tmp_path / "report_data").rename(tmp_path / "lost")
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("#later .alarm")
    assert "report_data belongs beside this page" in tab.inner_text("#later .alarm")
    assert tab.is_visible("table.headline")
    tab.close()


def test_printing_leaves_no_control(visit, one) -> None:
    tab = visit(one)
    tab.emulate_media(media="print")
    assert not tab.is_visible("nav") and tab.is_visible("table.headline")
    assert len(tab.pdf()) > 10_000
