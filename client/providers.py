"""What differs between the servers that speak OpenAI's chat completions: data, never code paths.

A server that is not in the table is "generic": only parameters every implementation knows are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Provider:
    """One dialect.

    `defaults` are sampling parameters sent explicitly, since an engine otherwise takes the model's own;
    `token_limit` is the name of the reply-length parameter; `omits` are parameters the API refuses;
    `frame_lists` tells whether `data:video/jpeg;base64,f1,f2` is understood; `part_ids` whether media
    parts may carry a `uuid`; `running`/`waiting` are the names of the gauges in `/metrics`.
    """

    name: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    token_limit: str = "max_tokens"
    omits: frozenset[str] = frozenset()
    frame_lists: bool = False
    part_ids: bool = False
    running: str | None = None
    waiting: str | None = None


PROVIDERS: tuple[Provider, ...] = (
    Provider("generic"),
    Provider(
        "vllm",
        defaults={"top_k": -1, "repetition_penalty": 1.0, "min_p": 0.0},
        frame_lists=True,
        part_ids=True,
        running="vllm:num_requests_running",
        waiting="vllm:num_requests_waiting",
    ),
    Provider(
        "sglang",
        defaults={"top_k": -1, "repetition_penalty": 1.0, "min_p": 0.0},
        running="sglang:num_running_reqs",
        waiting="sglang:num_queue_reqs",
    ),
)


def provider(name: str) -> Provider:
    """The entry of that name; KeyError for a name that is not in the table."""
    for entry in PROVIDERS:
        if entry.name == name:
            return entry
    raise KeyError(name)
