"""lmms-eval's files: one with the results, and one with the samples of each task.

Written as lmms_eval/loggers/evaluation_tracker.py writes them (version of August 2026): results by
"metric,filter", samples with `doc_id`, `target`, `input` and `filtered_resps`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from sightbench.files import replace_file
from sightbench.reports.exports.exporting import Exporting, as_share, golds, question, said, slug
from sightbench.reports.summary import BenchmarkSummary, flatten

FAILED = "[LMMS_EVAL_REQUEST_FAILED after {attempts} retries] {why}"
"""How the tool marks an answer that never came."""


def write(run: Exporting, out: Path) -> list[tuple[Path, int, str]]:
    """(path, how many, of what) of each file, in a folder named after the model."""
    folder = out / re.sub(r"[\"<>:/|\\?*\[\]]+", "__", "/".join(run.model.split("/")[-2:]))
    folder.mkdir(parents=True, exist_ok=True)
    date = run.started.strftime("%Y%m%d_%H%M%S")
    written, hashes = [], {}
    for benchmark in run.summary.benchmarks:
        records = _samples(run, benchmark)
        hashes[benchmark.name] = _digest(
            "".join(f"sample_{at}{r['doc_hash']}" for at, r in enumerate(records))
        )
        path = folder / f"{date}_samples_{benchmark.name}.jsonl"
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        replace_file(path, "".join(lines).encode())
        written.append((path, len(records), "samples"))
    results = _results(run, folder.name, date, hashes)
    path = folder / f"{date}_results.json"
    replace_file(path, json.dumps(results, ensure_ascii=False, indent=2).encode())
    return [(path, len(run.summary.benchmarks), "tasks"), *written]


def _results(run: Exporting, folder: str, date: str, hashes: dict[str, str]) -> dict[str, Any]:
    benchmarks = run.summary.benchmarks
    return {
        "results": {one.name: _numbers(one) for one in benchmarks},
        "group_subtasks": {one.name: [] for one in benchmarks},
        "configs": {
            one.name: {
                "task": one.name,
                "metadata": {"title": one.title, "profile": one.profile, "reference": one.reference},
            }
            for one in benchmarks
        },
        "versions": {one.name: f"sightbench {run.version}" for one in benchmarks},
        "n-shot": {one.name: 0 for one in benchmarks},
        "higher_is_better": {one.name: {slug(one.headline.name): True} for one in benchmarks},
        "n-samples": {
            one.name: {"original": one.coverage.asked, "effective": one.coverage.asked} for one in benchmarks
        },
        "config": {
            "model": "sightbench",
            "model_args": f"model={run.model}",
            "gen_kwargs": {name: value for name, value in run.request.items() if value not in (None, {})},
        },
        "date": date,
        "task_hashes": hashes,
        "model_source": "sightbench",
        "model_name": run.model,
        "model_name_sanitized": folder,
    }


def _numbers(benchmark: BenchmarkSummary) -> dict[str, Any]:
    """Every number below the headline, errors clustered by video; a name that stands twice is numbered."""
    found: dict[str, Any] = {"alias": benchmark.name}
    seen: Counter[str] = Counter()
    for _, metric in flatten(benchmark.headline):
        value, error = as_share(metric)
        if value is None:
            continue
        name = slug(metric.name)
        seen[name] += 1
        if seen[name] > 1:
            name += f"_{seen[name]}"
        found[f"{name},none"] = value
        found[f"{name}_stderr,none"] = "N/A" if error is None else error
        found[f"{name}_stderr_clustered,none"] = "N/A" if error is None else error
    return found


def _samples(run: Exporting, benchmark: BenchmarkSummary) -> list[dict[str, Any]]:
    records = []
    for sample, reply, score in run.entries(benchmark.name):
        if reply is None:
            continue
        if reply.status == "ok":
            text = said(reply)
        else:
            why = reply.error.kind if reply.error is not None else "error"
            text = FAILED.format(attempts=reply.attempts, why=why)
        asked = question(sample)
        records.append(
            {
                "doc_id": sample.order,
                "target": str(golds(sample.gold)[0] if len(golds(sample.gold)) == 1 else golds(sample.gold)),
                "filtered_resps": text,
                "token_counts": [
                    {
                        "input_tokens": reply.usage.prompt_tokens,
                        "output_tokens": reply.usage.completion_tokens,
                        "reasoning_tokens": reply.usage.reasoning_tokens,
                    }
                ],
                "doc_hash": _digest(sample.id + asked),
                slug(benchmark.headline.name): score.value,
                "id": sample.id,
                "input": asked,
            }
        )
    return records


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
