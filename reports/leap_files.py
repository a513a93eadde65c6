"""LEAP's own result files: output.json and final_score.json for each dimension, as its evaluator writes them.

<dimension>/<model>[_1shot][_CoT]/output.json       task -> example -> what the model said
<dimension>/<model>[_1shot][_CoT]/final_score.json  task -> example -> five scores
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sightbench.files import replace_file
from sightbench.sample import Reply
from sightbench.scorers.score import Row

SCORES = ("skill_match", "entity_match", "skill_with_entity_match", "exact_match")
NOTHING: Mapping[str, float] = {**{f"{name}_score": 0 for name in SCORES}, "total_score": 0}
"""What a plan of the wrong form gets there."""


def write(
    out: Path, model: str, profile: str, rows: Iterable[Row], read: Callable[[str], Reply | None]
) -> int:
    """Writes both files of every dimension below `out`; returns how many files. Examples without an answer
    are left out: LEAP asks those again."""
    outputs: dict[str, dict[str, dict[str, Any]]] = {}
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    seconds: dict[str, float] = {}
    for row in rows:
        reply = read(row.sample.id)
        if reply is None or reply.status != "ok":
            continue
        dimension, task, example = row.sample.id.rsplit("/", 3)[-3:]
        number = example.removeprefix("example")
        said: dict[str, Any] = {"origin_output": reply.text or ""}
        if row.score.status == "unparsed":
            said["format_error"] = "format_error"
        else:
            said["skill_sequence"] = row.score.parsed
        outputs.setdefault(dimension, {}).setdefault(task, {})[number] = said
        scores.setdefault(dimension, {}).setdefault(task, {})[number] = _scores(row)
        seconds[dimension] = seconds.get(dimension, 0.0) + (reply.latency_s or 0.0)
    name = model.rsplit("/", 1)[-1] + _suffix(profile)
    for dimension, tasks in outputs.items():
        done = sum(map(len, tasks.values()))
        about = {"existing_num": done, "already_running_time": seconds[dimension]}
        _put(out / dimension / name / "output.json", {"benchmeatinfo": about, **tasks})
        _put(out / dimension / name / "final_score.json", scores[dimension])
    return 2 * len(outputs)


def _scores(row: Row) -> dict[str, float]:
    detail = row.score.detail
    if detail.get("rule") != "json block":
        return dict(NOTHING)
    return {**{f"{name}_score": detail[name] for name in SCORES}, "total_score": detail["total_score"]}


def _suffix(profile: str) -> str:
    return ("_1shot" if profile.startswith("one_shot") else "") + ("_CoT" if profile.endswith("cot") else "")


def _put(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(content, ensure_ascii=False, indent=4).encode())
