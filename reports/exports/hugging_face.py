"""Results as a model's repository on the Hugging Face hub shows them: `.eval_results/NAME.yaml`.

The form: https://huggingface.co/docs/hub/eval-results
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from sightbench.files import replace_file
from sightbench.reports.exports.exporting import Exporting


def write(run: Exporting, out: Path, datasets: Mapping[str, str]) -> list[tuple[Path, int, str]]:
    """A file for each benchmark that `datasets` knows the hub's ORGANISATION/NAME:TASK of."""
    folder = out / ".eval_results"
    written = []
    for benchmark in run.summary.benchmarks:
        headline = benchmark.headline
        if benchmark.name not in datasets or headline.value is None:
            continue
        id, _, task = datasets[benchmark.name].partition(":")
        sure = (
            ""
            if headline.interval is None
            else f", 95 % {headline.interval[0]:.1f} to {headline.interval[1]:.1f}"
        )
        cover = benchmark.coverage
        record = {
            "dataset": {"id": id, "task_id": task or "default"},
            "value": round(headline.value, 2),
            "date": run.started.date().isoformat(),
            "notes": f"{headline.name}, {cover.answered} of {cover.asked} answered{sure}; profile "
            f"{benchmark.profile}, sightbench {run.version}",
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{benchmark.name}.yaml"
        replace_file(path, yaml.safe_dump([record], sort_keys=False, allow_unicode=True).encode())
        written.append((path, 1, "result"))
    return written
