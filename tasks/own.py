"""A set of one's own by its path: VLMEvalKit's table, InternVL's JSON lines, or Dyn-Bench's folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.dynbench import DYNBENCH
from sightbench.tasks.benchmarks.shared import (
    BY_VLMEVALKIT,
    CHOICE_PROMPT,
    LETTER_RIGHT,
    LINES,
    SHORT_PROFILES,
    TABLE,
    WRAPPER,
)
from sightbench.tasks.readers import annotated, dynbench, vlmevalkit
from sightbench.tasks.readers.files import tsv
from sightbench.tasks.readers.files.layout import Layout, LayoutReader, needed, reader_of

OWN = "your own"
SUFFIXES = (".tsv", ".jsonl")


def is_path(name: str) -> bool:
    """Whether `--task` names a file or a folder, not a benchmark."""
    return name.endswith(SUFFIXES) or "/" in name or name.startswith((".", "~"))


def own(path: Path, metric: str | None = None, known: Sequence[str] = ()) -> Benchmark:
    """The benchmark that a path is.

    A table with columns A and B is multiple choice, judged by letters; any other table and JSON lines are
    open questions, judged by `metric` (a scorer; by default exact_match). `known` are the scoring profiles
    of that metric. UsageError for what is neither of the three.
    """
    if (path / "multi_json").is_dir():
        return replace(
            DYNBENCH,
            name=path.name,
            title=f"{path.name}, in Dyn-Bench's layout",
            read=partial(dynbench.read, benchmark=path.name),
            aliases=(),
        )
    if not path.is_file() or path.suffix not in SUFFIXES:
        raise UsageError(
            f"--task {path}: {'' if path.exists() else 'there is no such file or folder; '}"
            "a set of your own is a .tsv as VLMEvalKit's (index, image, question, answer, A, "
            "B, ...), a .jsonl as InternVL's (image, question, question_id, answer), or a folder with "
            "frames/ and multi_json/"
        )
    if path.suffix == ".tsv" and _has_options(path) and metric is None:
        choices = vlmevalkit.table(vlmevalkit.choice)
        return _benchmark(path, "choice", choices, CHOICE_PROMPT, LETTER_RIGHT, WRAPPER, BY_VLMEVALKIT)
    scorer = metric or "exact_match"
    scored = (
        {profile: profile if profile in known else known[0] for profile in SHORT_PROFILES} if known else {}
    )
    read = (
        vlmevalkit.table(vlmevalkit.short(prompts.short))
        if path.suffix == ".tsv"
        else annotated.short_answers(prompts.short)
    )
    wording = prompts.short("{question}", "vlmevalkit")
    return _benchmark(path, scorer, read, wording, scorer, SHORT_PROFILES, scored)


def _benchmark(
    path: Path,
    scorer: str,
    read: LayoutReader,
    prompt: str,
    metric: str,
    profiles: tuple[str, ...],
    scoring: Mapping[str, str],
) -> Benchmark:
    layouts = (Layout(TABLE if path.suffix == ".tsv" else LINES, (path.name,), read),)
    return Benchmark(
        name=path.name,
        scorers={"text": scorer},
        read=reader_of(path.name, layouts),
        files=needed(layouts),
        family=OWN,
        prompt=prompt,
        metric=metric,
        reference="VLMEvalKit's prompt for a data set it does not know",
        profiles=profiles,
        profile="vlmevalkit",
        scoring=scoring,
    )


def _has_options(path: Path) -> bool:
    return {"A", "B"} <= set(tsv.header(path))
