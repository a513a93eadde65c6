"""What a sweep leaves beside its runs: sweep.json, and sweep.html with the curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from sightbench.evaluation.report import leave_page
from sightbench.evaluation.studies.grid import Point
from sightbench.evaluation.studies.sweep import Swept, steps
from sightbench.files import replace_file
from sightbench.reports.studies.sweep import Line, to_json
from sightbench.reports.studies.sweep_page import page


def lines(grid: Sequence[Point], swept: Swept) -> list[Line]:
    """Every point on every benchmark, as tables and pages show it."""
    return [
        Line(
            step.benchmark,
            step.point.label,
            step.headline,
            step.gain,
            step.tokens,
            step.answered,
            step.asked,
            step.point.series,
            step.point.x,
            step.dollars,
            step.run.folder.name,
        )
        for step in steps(grid, swept)
    ]


def leave(grid: Sequence[Point], swept: Swept, shown: Sequence[Line]) -> Path:
    """Writes both files into the folder of the sweep, and the report of each run that has none; the page's
    path."""
    root = swept.done[0][1].folder.parent
    for _, run in swept.done:
        fresh = run.outcome is None or not run.outcome.asked
        if not (fresh and (run.folder / "report.html").exists()):
            leave_page(run)
    replace_file(root / "sweep.json", orjson.dumps(to_json(shown), option=orjson.OPT_INDENT_2) + b"\n")
    unfinished = [f"{point.label}: {why}" for point, why in swept.failed]
    if swept.stopped:
        unfinished.append(f"stopped before its end ({swept.stopped})")
    path = root / "sweep.html"
    replace_file(path, page(shown, root.name, unfinished).encode())
    return path
