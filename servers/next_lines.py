"""What to type once a server is up."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from sightbench.families import EngineFlags, EngineName, Table
from sightbench.program import command_line
from sightbench.servers.engines import Wish
from sightbench.servers.target import Target

CUT_INTO = {12: "MMMU_DEV_VAL", 18: "DocVQA_VAL", 24: "OCRBench"}
"""A benchmark whose reference cuts images into so many tiles; six, as most do, where none stands here."""


def bench_lines(
    target: Target, engine: EngineName, wish: Wish, urls: Sequence[str], table: Table
) -> list[str]:
    """The line to type next, one per model that is served (the model, and each adapter)."""
    endpoints = [word for url in urls for word in ("--endpoint", f"{url}/v1")]
    # Behind another name the client cannot tell the family.
    flags = target.family.serving.engines[engine]
    body = flags.body_with_tiles(wish.tiles) if wish.tiles is not None else {}
    served = target.model if engine == "transformers" and not target.family.masks else wish.name
    lines = []
    for adapter in (None, *target.adapters):
        model, extra, alias = served, dict(body), []
        if adapter is not None and engine == "sglang":
            extra["lora_path"] = adapter.name
            alias = ["--alias", adapter.name]
        elif adapter is not None:
            model = adapter.name
        words = [*command_line(), *endpoints, "--model", model, *alias]
        if table.of_name(model) != target.family:
            words += ["--family", target.family.name]
        if wish.key_env is not None:
            words += ["--api-key-env", wish.key_env]
        if wish.deterministic:
            words.append("--deterministic")
        if extra:
            words += ["--extra-body", json.dumps(extra)]
        lines.append(shlex.join([*words, "--task", _task(target, flags, wish), "--data", "DIR"]))
    return lines


def _task(target: Target, flags: EngineFlags, wish: Wish) -> str:
    """A task that the server is right for as it was started: Dyn-Bench's, or a set of images."""
    if target.family.masks:
        return "all"
    # More tiles or pixels than frames need are for benchmarks of images.
    if wish.pixels is not None or (flags.cuts_tiles and wish.tiles != 1):
        return CUT_INTO.get(wish.tiles or 0, "MMStar")
    return "qa"
