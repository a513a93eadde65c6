"""Dyn-Bench's own output files: overall.txt, qa_details/ and mask_details/, as its save_results writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightbench.sample import Reply
from sightbench.scorers.dynbench import CATEGORIES
from sightbench.scorers.score import Metric, Row

RULE = "=" * 60 + "\n"


def overall(model: str, task: str, headline: Metric, at: datetime) -> str:
    """The text of overall.txt. Numbers have two decimals there; summary.json has them whole."""
    values = {metric.name: metric.value for metric in headline.parts}
    lines = [
        RULE,
        f"  Model: {model}\n",
        f"  Task: {task}\n",
        f"  Date: {at:%Y-%m-%d %H:%M:%S}\n",
        RULE,
        "\n",
    ]
    for category in CATEGORIES:
        lines.append(f"{category}:\n")
        for name, label in (("QA accuracy", "QA Accuracy"), ("J&F", "Mask J&F")):
            value = values.get(f"{category} {name}")
            if value is not None:
                lines.append(f"  {label}: {value:.2f}%\n")
        lines.append("\n")
    if headline.value is not None:
        lines += [RULE, f"  Overall Score: {headline.value:.2f}%\n", RULE]
    return "".join(lines)


def write(
    out: Path,
    model: str,
    rows: Iterable[Row],
    read: Callable[[str], Reply | None],
    decode: Callable[[Any], list[np.ndarray | None]],
    headline: Metric,
) -> int:
    """Writes the three into `out`; returns how many files. `decode` gives one object's masks, h x w bool.

    Where one task file names several objects, the reference overwrites the first with the last; here their
    frames are `frame_0000_obj1.png`, `frame_0000_obj2.png`, and `bench.py import` reads both forms.
    """
    rows = list(rows)
    details: dict[Path, list[dict[str, Any]]] = {}
    files = 1
    objects = Counter(row.sample.id.rsplit("/", 1)[0] for row in rows if row.sample.wants == "masks")
    for row in rows:
        dataset, scene, suffix, last = row.sample.id.split("/")
        reply = read(row.sample.id)
        if row.sample.wants == "text":
            path = out / "qa_details" / dataset / f"{scene}_{suffix}_details.json"
            details.setdefault(path, []).append(_qa(row, reply))
        elif reply is not None and reply.masks:
            folder = out / "mask_details" / dataset / f"{scene}_{suffix}_output"
            alone = objects[f"{dataset}/{scene}/{suffix}"] == 1
            ending = ".png" if alone else f"_obj{last.split('_')[-1]}.png"
            folder.mkdir(parents=True, exist_ok=True)
            for index, mask in enumerate(decode(reply.masks.objects()[0])):
                if mask is not None:
                    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"frame_{index:04d}{ending}")
                    files += 1
    for path, records in details.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(records, indent=2, ensure_ascii=False), encoding="utf-8")
        files += 1
    kinds = {row.sample.wants for row in rows}
    task = "all" if len(kinds) == 2 else "mask" if kinds == {"masks"} else "qa"
    out.mkdir(parents=True, exist_ok=True)
    (out / "overall.txt").write_text(overall(model, task, headline, datetime.now()), encoding="utf-8")
    return files


def _qa(row: Row, reply: Reply | None) -> dict[str, Any]:
    return {
        "question": row.sample.meta["question"],
        "options": row.sample.meta["options"],
        "answer": row.sample.gold,
        "model_predict": "" if reply is None else reply.text or "",
        "accuracy": row.score.value,
    }
