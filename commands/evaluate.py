"""`bench.py` without a command: ask, score, report."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

import orjson

from sightbench.client.address import label
from sightbench.client.journal import Journal
from sightbench.client.probe import ServerInfo, probe_all, probe_masks
from sightbench.client.progress import shown
from sightbench.client.run import Outcome, ask, settle
from sightbench.client.settings import Settings
from sightbench.commands import plan
from sightbench.commands.options import Options, refuse_other_run
from sightbench.commands.settings import request
from sightbench.commands.settings import settings as asked_settings
from sightbench.errors import DatasetError, EndpointError, UsageError
from sightbench.evaluation.score import score_run
from sightbench.evaluation.selection import Chosen, check, choose
from sightbench.families import Family, named
from sightbench.files import replace_file
from sightbench.reports import tables
from sightbench.reports.summary import Summary
from sightbench.scorers.scoring_options import ScoringOptions, scoring_options
from sightbench.tasks.benchmark import Problems

RUN = "run.json"
EMBEDDED = "pixel-baseline"
BASELINE_NOTE = (
    "The embedded baseline is a rule-based reference that looks at the pixels and knows the synthetic "
    "benchmark's grammar. It is no model and is never ranked among models."
)


def evaluate(options: Options) -> int:
    """Runs the evaluation; returns the exit code: 0, or 1 if anything is left unanswered."""
    if not options.endpoint:
        return _embedded(options)
    chosen = choose(options.task, options.data, options.profile, options.limit)
    return _plan(options, chosen) if options.dry_run else _run(options, chosen)


def _embedded(options: Options) -> int:
    from sightbench.servers.baseline.child import running

    if options.model:
        raise UsageError("--model needs --endpoint: without an endpoint the embedded baseline answers")
    data, task = options.data, options.task
    prior: dict[str, Any] = {}
    if data is None:
        from sightbench.commands.synth import default_set

        data, prior = default_set(options.scenes)
        task = tuple(_of_synthetic(name) for entry in task for name in entry.split(",")) or ("synthetic",)
    chosen = choose(task, data, options.profile, options.limit)
    if options.dry_run:
        return _plan(replace(options, endpoint=("http://127.0.0.1/v1",), model=EMBEDDED), chosen)
    with running() as url:
        local = replace(options, endpoint=(url,), data=data, task=task)
        code = _run(local, chosen, {"text_only_prior": prior} if prior else {})
    print(BASELINE_NOTE)
    return code


def _of_synthetic(name: str) -> str:
    return "synthetic" if name == "all" else f"synthetic-{name.removeprefix('synthetic-')}"


def _run(options: Options, chosen: tuple[Chosen, ...], about: dict[str, Any] | None = None) -> int:
    wanted = asked_settings(options)
    infos = asyncio.run(probe_all(wanted))
    settings = settle(wanted, infos[0], mode=options.media)
    if "masks" in (infos[0].capabilities or ()):
        # Else a mask server would also draw what an answer to a question mentions.
        settings = replace(settings, text_mask_options=True)
    chosen, dropped = _capable(chosen, settings, infos[0])
    tally = _tally(chosen, dropped)
    folder = options.folder(settings.model)
    with Journal.open(folder) as journal:
        run = _remember(folder, options, chosen, settings, infos, {**(about or {}), "notes": dropped})
        if journal.torn:
            print(f"note: an unfinished last line ({journal.torn} bytes) was set aside", file=sys.stderr)
        outcome = asyncio.run(_ask(chosen, settings, journal, tally.total, options.quiet))
        if settings.shard:
            return _shard_done(folder, settings, outcome)
        summary = score_run(folder, journal, chosen, run, _scoring(options, settings))
    return finish(folder, summary, outcome)


def _tally(chosen: tuple[Chosen, ...], notes: Sequence[str] = ()) -> plan.Tally:
    """Reads all samples once, before anything is asked; prints what was left out."""
    tally = plan.Tally()
    for note in (*notes, *check(chosen, tally.add)):
        print(f"note: {note}", file=sys.stderr)
    return tally


def _plan(options: Options, chosen: tuple[Chosen, ...]) -> int:
    """`--dry-run`: no request, so an endpoint's own word on its engine and model is not known."""
    wanted = asked_settings(options)
    server = ServerInfo(label(options.endpoint[0]), model=options.model or "MODEL")
    asyncio.run(plan.show(_tally(chosen), chosen, settle(wanted, server, mode=options.media)))
    return 0


def finish(folder: Path, summary: Summary, outcome: Outcome | None = None) -> int:
    """Prints the tables and where everything is; the exit code says whether every sample was answered."""
    from rich.console import Console

    Console().print(tables.render(summary))
    if outcome is not None and outcome.stopped:
        print(f"stopped: {outcome.stopped}", file=sys.stderr)
        print("Start the same command again to continue; answered samples are kept.", file=sys.stderr)
    print(f"report: {folder / 'report.txt'}   every answer and score: {folder}/")
    return 0 if summary.complete else 1


def _scoring(options: Options, settings: Settings) -> ScoringOptions:
    """What was asked for, else what the model family does."""
    convention = named(settings.family) if settings.family else Family()
    return scoring_options(
        {
            "on_error": options.on_error,
            "unparsed": options.unparsed,
            "seed": options.unparsed_seed,
            "box_mode": options.box_mode or convention.box_mode,
            "answer": convention.answer,
        }
    )


async def _ask(
    chosen: tuple[Chosen, ...], settings: Settings, journal: Journal, total: int, quiet: bool
) -> Outcome:
    samples = (sample for one in chosen for sample in one.samples())
    if quiet:
        return await ask(samples, settings, journal)
    with shown(None if settings.shard else total, sys.stderr) as progress:
        return await ask(samples, settings, journal, progress=progress)


def _capable(
    chosen: tuple[Chosen, ...], settings: Settings, info: ServerInfo
) -> tuple[tuple[Chosen, ...], list[str]]:
    """Leaves the mask tasks out where the endpoint cannot segment, saying so; refuses if nothing is left."""
    if not any(_has_samples(one.only(masks=True)) for one in chosen) or _segments(settings, info):
        return chosen, []
    why = f"{info.endpoint} answers in text only (it offers no masks, and sent none when asked for some)"
    rest = tuple(text for one in chosen if _has_samples(text := one.only(masks=False)))
    if not rest:
        raise EndpointError(f"{why}: mask tasks need a mask server, see docs/serving.md")
    return rest, [f"the mask tasks are left out: {why}"]


def _has_samples(one: Chosen | None) -> TypeGuard[Chosen]:
    try:
        return one is not None and any(True for _ in one.samples(Problems()))
    except (DatasetError, UsageError):
        return False


def _segments(settings: Settings, info: ServerInfo) -> bool:
    if info.capabilities is not None:
        return "masks" in info.capabilities
    return asyncio.run(
        probe_masks(
            settings.endpoints[0].url,
            settings.api_key,
            model=settings.model,
            headers=settings.headers,
            insecure=settings.insecure,
        )
    )


def _remember(
    folder: Path,
    options: Options,
    chosen: tuple[Chosen, ...],
    settings: Settings,
    infos: tuple[ServerInfo, ...],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Writes run.json: all that is needed to repeat the run, and nothing secret."""
    from sightbench.scorers.masks.boundary import core
    from sightbench.version import version

    path = folder / RUN
    run: dict[str, Any] = {
        "sightbench": version(),
        "model": settings.model,
        "alias": options.alias,
        "request": request(settings),
        "benchmarks": [one.to_json() for one in chosen],
        "scoring": _scoring(options, settings).to_json(),
        "servers": [info.record() for info in infos],
        "shard": list(settings.shard) if settings.shard else None,
        "python": platform.python_version(),
        "mask_core": core(),
        **about,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with contextlib.suppress(FileNotFoundError):
        before = orjson.loads(path.read_bytes())
        refuse_other_run(folder, before, orjson.loads(orjson.dumps(run)))
        run["started"] = before.get("started", run["started"])
    replace_file(path, orjson.dumps(run, option=orjson.OPT_INDENT_2) + b"\n")
    return run


def _shard_done(folder: Path, settings: Settings, outcome: Outcome) -> int:
    assert settings.shard is not None
    index, count = settings.shard
    print(
        f"shard {index} of {count}: {outcome.answered} answered, {outcome.kept} kept, {outcome.failed} failed"
    )
    print(f"when all shards are done: bench.py merge {folder} ... --out RUN")
    return 1 if outcome.failed or outcome.stopped else 0
