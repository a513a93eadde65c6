"""From flags to the client's Settings: endpoints, the key, headers, what the request carries."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

import orjson

from sightbench.client.address import address, label
from sightbench.client.settings import Settings, Target
from sightbench.commands.options import Options, split_shard
from sightbench.errors import UsageError


def settings(options: Options) -> Settings:
    """Settings as asked, before any server is probed. UsageError for a flag that means nothing."""
    return Settings(
        endpoints=tuple(_target(url) for url in options.endpoint),
        model=options.model or "",
        api_key=os.environ.get(options.api_key_env) or None,
        headers=dict(_header(header) for header in options.header),
        family=options.family,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        top_p=1.0 if options.top_p is None else options.top_p,
        top_k=options.top_k,
        repetition_penalty=options.repetition_penalty,
        seed=options.seed,
        extra_body=_extra_body(options.extra_body),
        frames=options.frames,
        fps=options.fps,
        max_pixels=options.max_pixels,
        concurrency=_concurrency(options.concurrency),
        rpm=options.rpm,
        tpm=options.tpm,
        timeout=options.timeout,
        attempts=options.attempts,
        deadline=options.deadline,
        max_tokens_total=options.max_tokens_total,
        insecure=options.insecure,
        shard=split_shard(options.shard, dict(os.environ)),
    )


def request(settings: Settings) -> dict[str, Any]:
    """What decides the request beside the sample: a run is one set of these (run.json, `request`)."""
    names = (
        "family", "max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "extra_body",
        "mode", "frames", "fps", "max_pixels",
    )  # fmt: skip
    return {name: getattr(settings, name) for name in names}


def _target(text: str) -> Target:
    found = re.fullmatch(r"(.+)\*(\d+(?:\.\d+)?)", text)
    url, weight = (found[1], float(found[2])) if found else (text, 1.0)
    address(url)
    if weight == 0 or not math.isfinite(weight):
        raise UsageError(f"--endpoint {label(url)}*{found[2] if found else ''}: a weight is above 0")
    return Target(url, weight)


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        raise UsageError("--header: write NAME:VALUE, for example --header 'X-Team: $TEAM_TOKEN'")
    value = value.strip()
    if value.startswith("$"):
        if value[1:] not in os.environ:
            raise UsageError(f"--header {name.strip()}: the environment has no variable {value[1:]}")
        value = os.environ[value[1:]]
    return name.strip(), value


def _extra_body(text: str | None) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise UsageError(f"--extra-body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError("--extra-body is a JSON object, for example '{\"min_p\": 0.05}'")
    if ours := sorted({"model", "messages", "stream"} & value.keys()):
        raise UsageError(
            f"--extra-body sets {', '.join(ours)}, which the evaluation sets itself; leave it out"
        )
    return value


def _concurrency(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return cast(Literal["auto"], text)
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--concurrency {text}: a number from 1 on, or auto")
    return int(text)
