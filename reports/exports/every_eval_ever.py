"""Every Eval Ever 0.3: a JSON file with the numbers of a benchmark, and a line a sample beside it.

The schema: https://github.com/evaleval/every_eval_ever (eval.schema.json, instance_level_eval.schema.json)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from sightbench.files import replace_file
from sightbench.reports.exports.exporting import Exporting, golds, question, said, slug
from sightbench.reports.summary import BenchmarkSummary, flatten
from sightbench.scorers.score import Metric

SCHEMA = "0.3.0"


def write(run: Exporting, out: Path, organization: str) -> list[tuple[Path, int, str]]:
    """Two files for each benchmark, below data/BENCHMARK/DEVELOPER/MODEL/ as the collection wants them."""
    written = []
    for benchmark in run.summary.benchmarks:
        if benchmark.headline.value is None:
            continue
        developer, _, name = run.model.rpartition("/")
        folder = Path("data", _folder(benchmark.name), _folder(developer or "unknown"), _folder(name))
        # The same run always has the same name, so that writing it again replaces it.
        digest = hashlib.sha256(f"{run.model} {benchmark.name} {run.started.isoformat()}".encode()).digest()
        uuid = UUID(bytes=digest[:16], version=4)
        about = _log(run, benchmark, organization, developer or "unknown")
        records = list(_instances(run, benchmark, about["evaluation_id"]))
        samples = folder / f"{uuid}_samples.jsonl"
        content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
        if records:
            about["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": samples.as_posix(),
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(content).hexdigest(),
                "total_rows": len(records),
            }
        (out / folder).mkdir(parents=True, exist_ok=True)
        path = out / folder / f"{uuid}.json"
        replace_file(path, json.dumps(about, ensure_ascii=False, indent=2).encode())
        written.append((path, len(about["evaluation_results"]), "results"))
        if records:
            replace_file(out / samples, content)
            written.append((out / samples, len(records), "samples"))
    return written


def _log(run: Exporting, benchmark: BenchmarkSummary, organization: str, developer: str) -> dict[str, Any]:
    stamp = str(int(run.started.timestamp()))
    served = run.engine in ("vllm", "sglang")
    model: dict[str, Any] = {"name": run.summary.model, "id": run.model, "developer": developer}
    if run.service is not None:
        model["inference_platform"] = run.service
    if run.engine is not None:
        model["inference_engine"] = {"name": run.engine, "version": run.engine_version or "unknown"}
    model["additional_details"] = {
        "deployment_type": "self_deployed" if served else "externally_managed" if run.service else "unknown",
        "model_availability": "open_weights" if served else "unknown",
    }
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{benchmark.name}/{run.model}/{stamp}",
        "evaluation_timestamp": run.started.isoformat(),
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "sightbench",
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "sightbench", "version": run.version},
        "model_info": model,
        "evaluation_results": list(_results(run, benchmark)),
    }


def _results(run: Exporting, benchmark: BenchmarkSummary) -> Iterator[dict[str, Any]]:
    for number, (depth, metric) in enumerate(flatten(benchmark.headline)):
        if metric.value is None:
            continue
        name = benchmark.name if depth == 0 else f"{benchmark.name}: {metric.name}"
        bounds = {"score_type": "continuous", "min_score": 0, "max_score": 100} if metric.unit == "%" else {}
        yield {
            "evaluation_result_id": f"{benchmark.name}#{number}",
            "evaluation_name": name,
            "source_data": {"dataset_name": benchmark.title, "source_type": "other"},
            "metric_config": {
                "evaluation_description": f"{benchmark.metric} ({benchmark.reference})",
                "metric_id": f"{benchmark.name}.{slug(metric.name)}",
                "metric_name": metric.name,
                "metric_unit": "percent" if metric.unit == "%" else metric.unit or "points",
                "lower_is_better": False,
                **bounds,
                "additional_details": {"profile": benchmark.profile},
            },
            "score_details": {"score": metric.value, "uncertainty": _uncertainty(metric)},
            "generation_config": {"generation_args": _generation(run)},
        }


def _uncertainty(metric: Metric) -> dict[str, Any]:
    found: dict[str, Any] = {"num_samples": metric.n}
    if metric.stderr is not None:
        found["standard_error"] = {"value": metric.stderr, "method": "clustered by video"}
    if metric.interval is not None:
        low, high = metric.interval
        found["confidence_interval"] = {"lower": low, "upper": high, "confidence_level": 0.95}
    return found


def _generation(run: Exporting) -> dict[str, Any]:
    names = ("temperature", "top_p", "top_k", "max_tokens")
    return {name: run.request[name] for name in names if run.request.get(name) is not None}


def _instances(run: Exporting, benchmark: BenchmarkSummary, evaluation: str) -> Iterator[dict[str, Any]]:
    """The samples that were judged: what failed has no score, and the form wants one."""
    for sample, reply, score in run.entries(benchmark.name):
        if reply is None or reply.status != "ok" or score.value is None:
            continue
        asked, right, answer = question(sample), golds(sample.gold), said(reply)
        usage = reply.usage
        record: dict[str, Any] = {
            "schema_version": SCHEMA,
            "evaluation_id": evaluation,
            "model_id": run.model,
            "evaluation_name": benchmark.name,
            "evaluation_result_id": f"{benchmark.name}#0",
            "sample_id": sample.id,
            "sample_hash": hashlib.sha256((asked + "".join(right)).encode()).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": asked, "reference": right, "choices": list(sample.choices.values()) or None},
            "output": {
                "raw": [answer],
                "reasoning_trace": [reply.reasoning] if reply.reasoning else None,
            },
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": "" if score.parsed is None else _plain(score.parsed),
                    "extraction_method": str(score.detail.get("rule", benchmark.profile)),
                    "is_terminal": True,
                }
            ],
            "evaluation": {"score": score.value, "is_correct": score.value >= run.full_marks(sample)},
            "performance": {"latency_ms": reply.latency_s * 1000},
            "metadata": {"task": sample.task, "category": sample.category, "cluster": sample.affinity},
        }
        if usage.prompt_tokens is not None and usage.completion_tokens is not None:
            record["token_usage"] = {
                "input_tokens": usage.prompt_tokens,
                "output_tokens": usage.completion_tokens,
                "total_tokens": usage.prompt_tokens + usage.completion_tokens,
                "input_tokens_cache_read": usage.cached_tokens,
                "reasoning_tokens": usage.reasoning_tokens,
            }
        yield record


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _folder(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".") or "unknown"
