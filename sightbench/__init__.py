"""sightbench: evaluate any served vision-language model, answers and masks. What a program uses is here;
docs/api.md shows it."""

from __future__ import annotations

import os.path

# typing alone would be a third of the time that `import sightbench` takes
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sightbench.client.progress import Progress as Progress
    from sightbench.client.run import Outcome as Outcome
    from sightbench.errors import DatasetError as DatasetError
    from sightbench.errors import EndpointError as EndpointError
    from sightbench.errors import RunFolderError as RunFolderError
    from sightbench.errors import SightbenchError as SightbenchError
    from sightbench.errors import UsageError as UsageError
    from sightbench.evaluation.evaluate import evaluate as evaluate
    from sightbench.evaluation.evaluate import evaluate_async as evaluate_async
    from sightbench.evaluation.grade import grade as grade
    from sightbench.evaluation.grade import score_masks as score_masks
    from sightbench.evaluation.options import Options as Options
    from sightbench.evaluation.rescore import score as score
    from sightbench.evaluation.run import Run as Run
    from sightbench.evaluation.run import open_run as open_run
    from sightbench.reports.summary import BenchmarkSummary as BenchmarkSummary
    from sightbench.reports.summary import Summary as Summary
    from sightbench.sample import Failure as Failure
    from sightbench.sample import Image as Image
    from sightbench.sample import Reply as Reply
    from sightbench.sample import Sample as Sample
    from sightbench.sample import Text as Text
    from sightbench.sample import Turn as Turn
    from sightbench.sample import Video as Video
    from sightbench.scorers.masks.jf import ObjectScore as ObjectScore
    from sightbench.scorers.score import Grade as Grade
    from sightbench.scorers.score import Metric as Metric
    from sightbench.scorers.score import Score as Score
    from sightbench.tasks.benchmark import Benchmark as Benchmark
    from sightbench.tasks.benchmark import Needed as Needed
    from sightbench.tasks.benchmark import Problems as Problems

    __version__: str

_checkout = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
if os.path.exists(os.path.join(_checkout, "launch_server.sh")):
    # In a checkout the rooms lie beside this folder; installed, they lie in it.
    __path__.append(_checkout)

_HOMES = {
    "client.progress": ("Progress",),
    "client.run": ("Outcome",),
    "errors": ("DatasetError", "EndpointError", "RunFolderError", "SightbenchError", "UsageError"),
    "evaluation.evaluate": ("evaluate", "evaluate_async"),
    "evaluation.grade": ("grade", "score_masks"),
    "evaluation.options": ("Options",),
    "evaluation.rescore": ("score",),
    "evaluation.run": ("Run", "open_run"),
    "reports.summary": ("BenchmarkSummary", "Summary"),
    "sample": ("Failure", "Image", "Reply", "Sample", "Text", "Turn", "Video"),
    "scorers.masks.jf": ("ObjectScore",),
    "scorers.score": ("Grade", "Metric", "Score"),
    "tasks.benchmark": ("Benchmark", "Needed", "Problems"),
}
"""Where each public name lives: imported when it is first used, so that `import sightbench` costs nothing."""

_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from sightbench.version import version

        return version()
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*_HOME, "__version__"))
