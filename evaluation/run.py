"""A run folder opened: its record, its summary, and every sample with its reply and its score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from sightbench.client.journal import Journal
from sightbench.client.run import Outcome
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation import run_record
from sightbench.evaluation.run_record import RunRecord
from sightbench.evaluation.selection import Dataset, reopen
from sightbench.json_record import from_json
from sightbench.program import program
from sightbench.reports.summary import Summary
from sightbench.sample import Reply, Sample
from sightbench.scorers.score import Score
from sightbench.tasks.benchmark import Benchmark

if TYPE_CHECKING:
    import pandas

SCORES = "scores.jsonl"
SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder. Iterating gives (sample, reply, score) in file order; the reply is None for a sample
    that was not asked. `outcome` says what the evaluation that returned this run did; None if it was opened.
    """

    folder: Path
    record: RunRecord
    datasets: tuple[Dataset, ...] = field(repr=False)
    outcome: Outcome | None = None

    @property
    def summary(self) -> Summary:
        """Every number of the run. Raises RunFolderError if it is not scored yet (a shard, say)."""
        path = self.folder / SUMMARY
        try:
            return from_json(path.read_bytes(), Summary)
        except FileNotFoundError:
            raise RunFolderError(
                f"{self.folder} is not scored yet: `{program()} score {self.folder}` does it"
            ) from None
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{path}: damaged ({error}); `{program()} score {self.folder}` writes it again"
            ) from None

    def __iter__(self) -> Iterator[tuple[Sample, Reply | None, Score]]:
        """Raises RunFolderError if it is not scored yet, or scored with other samples."""
        with Journal.open(self.folder, write=False) as journal:
            for _, sample, score in self.scored():
                yield sample, journal.read(sample.id), score

    def scored(self) -> Iterator[tuple[Dataset, Sample, Score]]:
        """Every sample with its dataset and its score, in file order, without reading the replies.

        Raises RunFolderError if it is not scored yet, or scored with other samples.
        """
        scores = self.scores()
        for dataset in self.datasets:
            for sample in dataset.samples():
                score = next(scores, None)
                if score is None or score.sample != sample.id:
                    raise self._of_others()
                yield dataset, sample, score
        if next(scores, None) is not None:
            raise self._of_others()

    def _of_others(self) -> RunFolderError:
        path = self.folder / SCORES
        return RunFolderError(
            f"{path} is of other samples: `{program()} score {self.folder}` writes it again"
        )

    def to_pandas(self) -> pandas.DataFrame:
        """One row a sample: what it is, what was answered, what was read in the answer, and its value.

        Raises UsageError where pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise UsageError("to_pandas() needs pandas: pip install pandas") from None
        return pandas.DataFrame([_row(*entry) for entry in self])

    def scores(self) -> Iterator[Score]:
        """The lines of scores.jsonl, without the samples. Raises RunFolderError as `scored` does."""
        path = self.folder / SCORES
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        yield from_json(line, Score)
                    except ValueError as error:
                        raise RunFolderError(
                            f"{path}:{number}: {error}; `{program()} score {self.folder}` writes it again"
                        ) from None
        except OSError as error:
            raise RunFolderError(
                f"{path}: {error.strerror}; `{program()} score {self.folder}` writes it"
            ) from None


def open_run(
    folder: Path | str, data: Path | str | None = None, *, benchmarks: Sequence[Benchmark] = ()
) -> Run:
    """The run in a folder; `data` if the benchmark's files moved since, `benchmarks` your own ones in it.

    Raises RunFolderError if it is no run folder, or its data are gone or no longer the ones asked.
    """
    path = Path(folder)
    record = run_record.read(path)
    return Run(path, record, reopen(path, record, None if data is None else Path(data), benchmarks))


def _row(sample: Sample, reply: Reply | None, score: Score) -> dict[str, Any]:
    return {
        "sample": sample.id,
        "benchmark": sample.benchmark,
        "task": sample.task,
        "category": sample.category,
        "group": sample.group,
        "gold": sample.gold,
        "text": None if reply is None else reply.text,
        "parsed": _flat(score.parsed),
        "value": score.value,
        "status": score.status,
        "rule": score.detail.get("rule"),
        "finish_reason": None if reply is None else reply.finish_reason,
        "latency_s": None if reply is None else reply.latency_s,
        "completion_tokens": None if reply is None else reply.usage.completion_tokens,
        "error": score.detail.get("error"),
    }


def _flat(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
