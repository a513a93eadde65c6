"""Predictions somebody published, as runs to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run


def graded(file: Path, like: Run) -> Iterator[Run]:
    """The file's answers as scored runs of the benchmarks of `like`, under the same data and profiles.

    A run is made in runs/FILE-BENCHMARK for each benchmark whose samples the file answers. Raises UsageError
    if it answers none.
    """
    made = 0
    for dataset in like.datasets:
        name = dataset.selection.benchmark.name
        try:
            imported = import_predictions(name, dataset.data, file, None, dataset.profile)
        except UsageError:
            if len(like.datasets) == 1:
                raise
            continue
        made += 1
        yield score(imported.run)
    if not made:
        raise UsageError(f"--against {file}: it answers no sample of {like.folder}'s benchmarks")
