"""Everything an evaluation is told: one field per flag of the command and per name of a config file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sightbench.client.sampling import RequestOptions
from sightbench.client.settings import Mode
from sightbench.errors import UsageError
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.flags import flag
from sightbench.scorers.scoring_options import ScoringOptions, scoring_options
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.wording import check_prompt_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(RequestOptions, JudgeOptions):
    """An evaluation as it was asked for. The metadata of a field is its flag: help, group, bounds.

    `endpoint` and `task` take one or several; none of `endpoint` is the embedded baseline, and without
    `data` it answers `scenes` freshly rendered synthetic scenes. Raises UsageError for a value that means
    nothing, whichever way it was given.
    """

    endpoint: str | Sequence[str] = flag(
        (),
        "Base URL; repeat for several. URL*2 has weight 2, URL#env=KEY2,rpm=500,tpm=9000 its own key and "
        "limits per minute.",
        "where",
        metavar="URL",
        shown="the embedded baseline",
    )
    model: str | None = flag(None, "Model name the endpoint serves.", "where", shown="the one it serves")
    task: str | Benchmark | Sequence[str | Benchmark] = flag(
        (),
        "Benchmarks, groups or tasks; the command `tasks` lists them.",
        "what to ask",
        metavar="NAME...",
        shown="all",
    )
    data: Path | str | None = flag(None, "Folder of the benchmark's files.", "what to ask", metavar="DIR")
    limit: int | None = flag(
        None, "Only the first N samples of each benchmark.", "what to ask", least=1, metavar="N"
    )
    out: Path | str | None = flag(None, "Run folder.", "output", metavar="DIR", shown="runs/<model>-<task>")
    concurrency: int | Literal["auto"] = flag(
        "auto", "Requests in flight: a number or auto.", "how fast", least=1, metavar="N"
    )

    profile: str | None = flag(
        None,
        "Whose prompt and scoring: official, internvl, vlmevalkit, lmms_eval.",
        "what to ask",
        shown="the benchmark's",
    )
    prompt_profile: str | None = flag(
        None,
        "Whose words ask for masks: sa2va, sa2va-paper, unipixel, lisa, visa.",
        "what to ask",
        metavar="NAME",
        shown="the profile's, else the model family's",
    )
    few_shot: int | None = flag(
        None, "Solved examples before each question (VLABench has one).", "what to ask", least=0, metavar="N"
    )
    metric: str | None = flag(
        None,
        "Scorer of a set of your own (--task ./FILE.tsv, .jsonl), see `grade --help`.",
        "what to ask",
        shown="choice where there are options, else exact_match",
        metavar="NAME",
    )
    download: bool = flag(
        False, "First fetch what is missing of the benchmarks' files into --data.", "what to ask"
    )
    strict: bool = flag(False, "Refuse a group of which a benchmark's files are not there.", "what to ask")
    skip_broken: bool = flag(
        False, "Leave out rows that cannot be asked; they are counted and listed.", "what to ask"
    )
    control: str | None = flag(
        None,
        "Ask under a control condition: blind, no-question, first-frame, middle-frame, shuffled, reversed, "
        "black, mirrored, other-video, options-rotated.",
        "what to ask",
        metavar="NAME",
    )
    shard: str | None = flag(
        None,
        "Only part I of N, split by video (from 0); auto: as Slurm, Kubernetes, MPI or torchrun say. "
        "Tasks of one srun take theirs by themselves.",
        "what to ask",
        metavar="I/N|auto",
    )
    scenes: int = flag(40, "Scenes to render when there is no --data.", "what to ask", least=1)

    provider: str | None = flag(
        None,
        "Whose wire and limits: openai, openai-responses, anthropic, gemini, azure, openrouter, ...",
        "where",
        shown="the one the URL belongs to",
    )
    api_key_env: str | None = flag(
        None,
        "Environment variable that holds the key; never the key itself.",
        "where",
        shown="the provider's, OPENAI_API_KEY for any other",
    )
    header: str | Sequence[str] = flag(
        (), "Extra request header; VALUE may be $VARIABLE.", "where", metavar="NAME:VALUE"
    )
    header_command: str | None = flag(
        None,
        "Command that prints a token or NAME: VALUE, run again when it ends or is refused.",
        "where",
        metavar="CMD",
    )
    insecure: bool = flag(False, "Do not verify TLS certificates.", "where")
    same_model: bool = flag(False, "Endpoints serve the same weights from different places.", "where")

    deterministic: bool = flag(
        False, "The server was started with --deterministic: kept in run.json.", "where"
    )

    batch: Literal["api", "file"] | None = flag(
        None,
        "Ask in batches, at half the price: over the provider's API, or as files for `vllm run-batch`.",
        "how fast",
        shown="live",
    )
    max_cost: float | None = flag(
        None, "Stop asking before this many US dollars are spent.", "how fast", above=0, metavar="USD"
    )
    prices: Path | None = flag(
        None, "YAML file of prices that go before the built-in ones.", "how fast", metavar="FILE"
    )
    rpm: float | None = flag(None, "Requests per minute at most.", "how fast", above=0)
    tpm: float | None = flag(None, "Tokens per minute at most.", "how fast", above=0)
    timeout: float = flag(600.0, "Seconds one request may take.", "how fast", least=0.1)
    attempts: int = flag(6, "Times one request is tried at most.", "how fast", least=1)
    patience: float = flag(
        300.0, "Seconds to wait for servers that are away, or ask to wait.", "how fast", above=0
    )
    deadline: float | None = flag(None, "Stop asking after this many seconds.", "how fast", above=0)
    max_tokens_total: int | None = flag(
        None, "Stop asking once this many tokens are used.", "how fast", least=1
    )

    media: Mode | None = flag(
        None,
        "How frames go out: images, one video part, files (Gemini: in the request), or uploads to Gemini.",
        "what a request carries",
        shown="the model family's",
    )

    on_error: Literal["leave-out", "zero"] = flag(
        "leave-out", "Failed requests: outside every number, or 0 as some references count them.", "scoring"
    )
    unparsed: Literal["wrong", "random"] = flag(
        "wrong", "Answers no rule can read: wrong, or the reference's random draw.", "scoring"
    )
    unparsed_seed: int = flag(42, "Seed of that draw.", "scoring")
    box_mode: str | None = flag(
        None, "Convention of the model's boxes (grounding).", "scoring", shown="the model family's"
    )
    masks_as: str | None = flag(
        None, "Whose J and F judge the masks: davis, mevis, ...", "scoring", shown="the benchmark's own"
    )
    tolerance: int | None = flag(
        None, "How far boundaries may lie apart in Dyn-Bench's F, in pixels.", "scoring", least=1, shown="2"
    )

    reuse: str | Sequence[str] = flag(
        (),
        "Take answers to the same requests from an earlier run, or from all runs below a folder.",
        "how fast",
        metavar="RUN|DIR",
    )
    reuse_sampled: bool = flag(
        False, "With --reuse: also answers drawn at a temperature above 0.", "how fast"
    )

    alias: str | None = flag(None, "Name to show in reports instead of the model's.", "output")

    def __post_init__(self) -> None:
        RequestOptions.__post_init__(self)
        if self.control is not None:
            from sightbench.tasks.controls import control

            control(self.control)
        if self.prompt_profile is not None:
            check_prompt_profile(self.prompt_profile)
        if isinstance(self.concurrency, str) and self.concurrency != "auto":
            raise UsageError(f"--concurrency {self.concurrency}: a number from 1 on, or auto")
        self.check_judge()
        if self.judge_endpoint is not None and (self.shard is not None or self.batch is not None):
            raise UsageError(
                "--judge-endpoint: a shard or a batch is judged when it is whole, with the command `judge`"
            )
        self.scoring()

    def scoring(self, box_mode: str | None = None, answer: str | None = None) -> ScoringOptions:
        """How the replies are scored; `box_mode` and `answer` are the model family's, where none was asked
        for. Raises UsageError for an option that means nothing."""
        return scoring_options(
            {
                "on_error": self.on_error,
                "unparsed": self.unparsed,
                "seed": self.unparsed_seed,
                "box_mode": box_mode if self.box_mode is None else self.box_mode,
                "answer": answer,
                "masks_as": self.masks_as,
                "tolerance": self.tolerance,
            }
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        return several(self.endpoint)

    @property
    def tasks(self) -> tuple[str | Benchmark, ...]:
        """The entries of `task`, names written with commas taken apart."""
        entries = (self.task,) if isinstance(self.task, str | Benchmark) else tuple(self.task)
        return tuple(part for entry in entries for part in _parts(entry))

    @property
    def named_tasks(self) -> tuple[str, ...]:
        """The names of `task` as they were given."""
        entries = (self.task,) if isinstance(self.task, str | Benchmark) else tuple(self.task)
        return tuple(entry.name if isinstance(entry, Benchmark) else entry for entry in entries)

    def folder(self, model: str) -> Path:
        """The run folder: `out`, else runs/<model>-<tasks>: the same options find the same folder."""
        if self.out is not None:
            return Path(self.out)
        name = "-".join((self.alias or model.rsplit("/", 1)[-1], *self.named_tasks))
        if self.control:
            name += "-" + self.control
        return Path("runs") / re.sub(r"[^A-Za-z0-9._+-]+", "_", name)


def _parts(entry: str | Benchmark) -> tuple[str | Benchmark, ...]:
    if isinstance(entry, Benchmark):
        return (entry,)
    return tuple(name for name in entry.split(",") if name)


def several(value: str | Sequence[str]) -> tuple[str, ...]:
    """One text as a tuple of one, several as they are."""
    return (value,) if isinstance(value, str) else tuple(value)
