"""Inspect's `.eval` logs, through its own writer, so that `inspect view` opens a run.

The form: https://inspect.aisi.org.uk/eval-logs.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sightbench.errors import UsageError
from sightbench.reports.exports.exporting import Entry, Exporting, as_share, golds, question, said, slug
from sightbench.reports.summary import BenchmarkSummary, flatten


def write(run: Exporting, out: Path) -> list[tuple[Path, int, str]]:
    """A log for each benchmark. Raises UsageError where Inspect is not installed."""
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise UsageError(
            "--format inspect is written by Inspect itself: pip install 'sightbench[inspect]'"
        ) from None
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for benchmark in run.summary.benchmarks:
        log = _log(run, benchmark)
        stamp = run.started.strftime("%Y-%m-%dT%H-%M-%S")
        path = out / f"{stamp}_{slug(benchmark.name).replace('_', '-')}.eval"
        write_eval_log(log, str(path))
        written.append((path, len(log.samples), "samples"))
    return written


def _log(run: Exporting, benchmark: BenchmarkSummary) -> Any:
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )
    from inspect_ai.model import GenerateConfig

    samples = [_sample(run, entry, at) for at, entry in enumerate(run.entries(benchmark.name), 1)]
    metrics: dict[str, Any] = {}
    for _, metric in flatten(benchmark.headline):
        value, error = as_share(metric)
        if value is not None:
            metrics.setdefault(metric.name, EvalMetric(name=metric.name, value=value))
        if error is not None:
            name = f"{metric.name} stderr"
            metrics.setdefault(name, EvalMetric(name=name, value=error))
    cover = benchmark.coverage
    created = run.started.isoformat()
    names = ("temperature", "top_p", "top_k", "max_tokens", "seed")
    given = {name: run.request[name] for name in names if run.request.get(name) is not None}
    return EvalLog(
        status="success" if cover.complete else "cancelled",
        eval=EvalSpec(
            created=created,
            task=benchmark.name,
            task_display_name=benchmark.title,
            dataset=EvalDataset(name=benchmark.title, samples=len(samples)),
            model=run.model,
            model_generate_config=GenerateConfig(**given),
            config=EvalConfig(),
            packages={"sightbench": run.version},
            metadata={
                "profile": benchmark.profile,
                "metric": benchmark.metric,
                "reference": benchmark.reference,
            },
        ),
        results=EvalResults(
            total_samples=cover.asked,
            completed_samples=cover.answered,
            scores=[EvalScore(name="score", scorer=slug(benchmark.metric)[:80], metrics=metrics)],
        ),
        stats=EvalStats(started_at=created, completed_at=created),
        samples=samples,
    )


def _sample(run: Exporting, entry: Entry, number: int) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    sample, reply, score = entry
    asked = ChatMessageUser(content=question(sample))
    content: dict[str, Any] = {"messages": [asked]}
    if reply is not None and reply.status == "ok":
        usage = ModelUsage(
            input_tokens=reply.usage.prompt_tokens or 0,
            output_tokens=reply.usage.completion_tokens or 0,
            total_tokens=(reply.usage.prompt_tokens or 0) + (reply.usage.completion_tokens or 0),
        )
        answer = said(reply)
        content = {
            "messages": [asked, ChatMessageAssistant(content=answer, model=run.model)],
            "output": ModelOutput.from_content(run.model, answer),
            "model_usage": {run.model: usage},
            "total_time": reply.latency_s,
        }
        if score.value is not None:
            content["scores"] = {
                "score": Score(
                    value=score.value,
                    answer=None if score.parsed is None else str(score.parsed),
                    explanation=str(score.detail.get("rule", "")) or None,
                )
            }
    else:
        content["error"] = _error(
            "not asked" if reply is None or reply.error is None else reply.error.message
        )
    return EvalSample(
        id=sample.id,
        epoch=1,
        input=question(sample),
        choices=list(sample.choices.values()) or None,
        target=golds(sample.gold) or "",
        metadata={
            "task": sample.task,
            "category": sample.category,
            "video": sample.affinity,
            "order": number,
        },
        **content,
    )


def _error(why: str) -> Any:
    from inspect_ai.log import EvalError

    return EvalError(message=why, traceback="", traceback_ansi="")
