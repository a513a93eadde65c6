"""The stage between replies and scores: asks a judge what no rule can decide, and keeps what it said."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sightbench.client.dialects.table import DIALECTS
from sightbench.client.hosted.negotiation import greedy
from sightbench.client.hosted.preparation import described, prepare
from sightbench.client.hosted.prices import prices
from sightbench.client.hosted.shutdown import switched_off
from sightbench.client.journal import JUDGEMENTS, Journal
from sightbench.client.probe import probe_all
from sightbench.client.progress import Progress
from sightbench.client.providers import chosen, provider
from sightbench.client.run import ask, settle
from sightbench.client.settings import Settings, Target
from sightbench.client.transport.address import address
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.judges.cases import cases
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.judges.record import JudgeRecord
from sightbench.evaluation.judges.verdicts import Question, Verdicts
from sightbench.evaluation.selection import Dataset
from sightbench.evaluation.settings import key_variable
from sightbench.sample import Reply, Sample, Usage
from sightbench.scorers.judged.form import Case, Form
from sightbench.scorers.scoring_options import ScoringOptions

MOST_TRIES = 5
_SHARED_SECONDS = 30.0

Note = Callable[[str], None]
OnProgress = Callable[[Progress, int | None], None]


@dataclass(frozen=True, slots=True)
class OpenJudge:
    """A judge that answers: how it is asked, and who it says it is."""

    settings: Settings
    record: JudgeRecord


@dataclass(frozen=True, slots=True)
class Judged:
    """What asking came to. `cases` are the answers no rule decides, `controls` the items among them whose
    verdict is known, `asked` the requests that were sent,
    `kept` the verdicts that were there; `stopped` says why not all were asked."""

    cases: int
    asked: int
    kept: int
    failed: int
    tokens: int
    stopped: str | None = None
    controls: int = 0

    def lines(self) -> list[str]:
        """What a person should know of it."""
        beside = f" and {self.controls:,} controls" if self.controls else ""
        told = f"{self.cases:,} answers for the judge{beside}"
        told += f": {self.kept:,} judged before, {self.asked:,} requests sent"
        lines = [f"{told}, {self.failed:,} of them failed" if self.failed else told]
        if self.stopped is not None:
            lines.append(f"judging stopped: {self.stopped}; `judge` continues it")
        return lines


async def open_judge(options: JudgeOptions, note: Note) -> OpenJudge:
    """Probes the judge's endpoint. EndpointError if it cannot be used, UsageError without one."""
    options.check_judge()
    url = options.judge_endpoint
    if url is None:
        raise UsageError("--judge-endpoint: the URL of the judge is missing")
    address(url)
    targets = (Target(url),)
    asked = Settings(
        endpoints=targets,
        model=options.judge_model or "",
        api_key=os.environ.get(options.judge_key_env or key_variable("generic", targets)) or None,
        provider=chosen("generic", url).name,
        # A family's own system prompt or suffix has no place in a judge's prompt.
        family="default",
        concurrency=options.judge_concurrency,
        rpm=options.judge_rpm,
        timeout=options.judge_timeout,
        extra_body=response_format({"type": "object", "properties": {}}),
    )
    (info,) = await probe_all(asked)
    settled = await prepare(settle(asked, info, mode="images"))
    refused = {change.parameter for change in settled.changes}
    structured = DIALECTS[provider(settled.provider).dialect] is DIALECTS["openai-chat"]
    structured = structured and "response_format" not in refused
    record = JudgeRecord(
        model=settled.model,
        profile=options.judge_profile,
        provider=settled.provider,
        engine=None if info.engine == "generic" else info.engine,
        version=info.version,
        root=info.root,
        structured=structured,
        changes=described(settled.changes),
        endpoint=info.endpoint,
        shutdown_date=info.shutdown_date,
    )
    _check_budget(options, settled)
    for line in warnings(record, date.today()):
        note(line)
    if not greedy(settled.changes):
        note("this judge cannot be asked greedily: asked again it may say something else")
    return OpenJudge(settled, record)


def _check_budget(options: JudgeOptions, asked: Settings) -> None:
    """Raises UsageError for a bound on what nobody can count, before anything is asked."""
    if options.judge_max_cost is None:
        return
    where = provider(asked.provider).prices
    if prices(None).cost(Usage(1, 1, 2), where, asked.model, at=time.time()) is None:
        raise UsageError(f"--judge-max-cost: {prices(None).version} has no price for {asked.model}")


def warnings(judge: JudgeRecord, today: date) -> list[str]:
    """What a reader must know of a judge that will not stay."""
    line = switched_off(f"the judge {judge.model}", judge.shutdown_date, today)
    return [] if line is None else [line]


_BOUNDS = ("maxLength", "minItems", "maxItems")


def response_format(schema: Mapping[str, Any], *, bounded: bool = True) -> dict[str, Any]:
    """The body field that holds a reply to a schema: vLLM's, SGLang's and OpenAI's. Not `bounded`: without
    the lengths, which some services refuse."""
    if not bounded:
        schema = _unbounded(schema)
    if set(schema) == {"type"}:
        return {"response_format": {"type": "json_object"}}
    named = {"name": "verdict", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _unbounded(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {name: _unbounded(value) for name, value in schema.items() if name not in _BOUNDS}
    return schema


def judged_cases(
    datasets: Iterable[Dataset], replies: Journal, options: ScoringOptions, wanted: str
) -> list[tuple[str, Form, Case]]:
    """(benchmark, form, case) of every answer that no rule decides, in file order."""
    found = []
    for dataset in datasets:
        benchmark = dataset.selection.benchmark
        which = cases(benchmark, dataset.profile, options, wanted)
        for sample in dataset.samples():
            reply = replies.read(sample.id)
            with suppress(ValueError):
                # A gold nobody can use is told when the answer is scored.
                if reply is not None and (asked := which(sample, reply)) is not None:
                    found.append((benchmark.name, *asked))
    return found


async def ask_judge(
    folder: Path,
    judge: OpenJudge,
    asked_about: Sequence[tuple[str, Form, Case]],
    options: JudgeOptions,
    *,
    note: Note,
    progress: OnProgress | None = None,
) -> Judged:
    """Asks what is not yet in the folder's judgements (or the shared ones), try after try.

    Raises RunFolderError where the judgements cannot be written. A request that fails is told and counted,
    and asked again by the next call.
    """
    stage = _Stage(judge, options)
    with Journal.open(folder, name=JUDGEMENTS) as journal:
        for line in journal.notes():
            note(line)
        for number in range(MOST_TRIES):
            questions = stage.round(journal, asked_about, number)
            await stage.ask(journal, questions, progress)
            if stage.stopped is not None:
                break
        await stage.share(journal, note)
    return Judged(len(asked_about), stage.asked, stage.kept, stage.failed, stage.tokens, stage.stopped)


class _Stage:
    """One call of `ask_judge`: what was asked so far, and at what expense."""

    def __init__(self, judge: OpenJudge, options: JudgeOptions) -> None:
        self.judge = judge
        self.options = options
        self.asked = self.kept = self.failed = self.tokens = 0
        self.stopped: str | None = None
        self._spent = Decimal(0)

    def round(
        self, journal: Journal, asked_about: Sequence[tuple[str, Form, Case]], number: int
    ) -> dict[str, Question]:
        """The questions of one try that have no reply yet, each once. Replies that the shared judgements have
        become the run's own."""
        questions: dict[str, Question] = {}
        about: dict[str, Mapping[str, Any]] = {}
        with self._shared() as shared:
            taken: set[str] = set()

            def lookup(key: str) -> Reply | None:
                reply = journal.read(key)
                if shared is None or (reply is not None and reply.status == "ok"):
                    return reply
                other = shared.read(key)
                if other is None or other.status != "ok":
                    return reply
                taken.add(key)
                return other

            verdicts = Verdicts(self.judge.record, lookup)
            for benchmark, form, case in asked_about:
                question = verdicts.open_question(form, case)
                if question is None:
                    self.kept += number == 0
                elif question.number == number:
                    questions[question.key] = question
                    about[question.key] = self._about(question, benchmark)
            if shared is not None:
                for key in taken:
                    shared.copy(key, journal)
        journal.about = about
        return questions

    async def ask(
        self, journal: Journal, questions: Mapping[str, Question], progress: OnProgress | None
    ) -> None:
        """Sends them, those with one set of parameters together."""
        groups: dict[tuple[str, int], list[Question]] = {}
        for question in questions.values():
            groups.setdefault((question.form.name, question.number), []).append(question)
        for group in groups.values():
            show = None
            if progress is not None:
                show = _shown(progress, len(group))
            outcome = await ask(
                (_sample(question) for question in group), self._settings(group[0]), journal, progress=show
            )
            self.asked += outcome.asked
            self.failed += outcome.failed
            self.tokens += outcome.tokens
            self.stopped = outcome.stopped
            self._pay(journal, group)
            if self.stopped is not None:
                return

    async def share(self, journal: Journal, note: Note) -> None:
        """Puts what the run's own judgements hold into the shared ones, where there are any."""
        folder = self.options.judgements
        if folder is None or folder.resolve() == journal.path.parent.resolve():
            return
        until = time.monotonic() + _SHARED_SECONDS
        while True:
            try:
                with Journal.open(folder, name=JUDGEMENTS) as shared:
                    known = shared.index()
                    for key, place in journal.index().items():
                        if place.ok and key not in known:
                            journal.copy(key, shared)
                return
            except RunFolderError as error:
                if time.monotonic() > until:
                    note(f"the shared judgements were not written ({error}); the run's own are there")
                    return
                await asyncio.sleep(0.2)

    @contextmanager
    def _shared(self) -> Iterator[Journal | None]:
        folder = self.options.judgements
        if folder is None or not (folder / JUDGEMENTS).exists():
            yield None
            return
        with Journal.open(folder, write=False, name=JUDGEMENTS) as shared:
            yield shared

    def _about(self, question: Question, benchmark: str) -> dict[str, Any]:
        record, attempt = self.judge.record, question.form.tries[question.number]
        return {
            "judge": record.identity,
            "form": question.form.name,
            "try": question.number + 1,
            "parameters": record.parameters(question.form, attempt),
            "of": f"{benchmark}: {question.case.sample.id}",
        }

    def _settings(self, question: Question) -> Settings:
        attempt, schema = question.form.tries[question.number], question.form.schema
        structured = self.judge.record.structured and schema is not None
        left = self.options.judge_max_tokens_total
        money = self.options.judge_max_cost
        return replace(
            self.judge.settings,
            temperature=attempt.temperature,
            max_tokens=attempt.max_tokens,
            extra_body=(
                response_format(schema, bounded=not provider(self.judge.settings.provider).hosted)
                if structured and schema is not None
                else {}
            ),
            max_tokens_total=None if left is None else max(1, left - self.tokens),
            max_cost=None if money is None else float(Decimal(str(money)) - self._spent),
        )

    def _pay(self, journal: Journal, group: Sequence[Question]) -> None:
        if self.options.judge_max_cost is None:
            return
        table, service = prices(None), provider(self.judge.settings.provider)
        for question in group:
            reply = journal.read(question.key)
            if reply is not None and reply.status == "ok":
                cost = table.cost(
                    reply.usage, service.prices, self.judge.settings.model, tier=reply.tier, at=reply.at
                )
                self._spent += cost or 0


def _sample(question: Question) -> Sample:
    """The question as the client asks it: its key is its name."""
    return Sample(id=question.key, benchmark="", task="", category="", turns=question.turns)


def _shown(progress: OnProgress, total: int) -> Callable[[Progress], None]:
    return lambda counts: progress(counts, total)
