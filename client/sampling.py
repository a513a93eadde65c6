"""What of a request the run decides, and not the sample: one dataclass, whose fields are flags, request
fields and the `request` of run.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sightbench.errors import UsageError
from sightbench.flags import check, flag
from sightbench.redaction import secret_names
from sightbench.terminal import plain

OURS = ("model", "messages", "stream")
"""Body fields that `extra_body` may not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn. Each field goes into the body under its own name unless it is None.

    Raises UsageError for a value out of bounds.
    """

    temperature: float = flag(0.0, "Randomness of the answer.", "what a request carries", least=0)
    top_p: float = flag(
        1.0, "Draw from the likeliest tokens of this share.", "what a request carries", least=0, most=1
    )
    top_k: int | None = flag(None, "Draw from this many likeliest tokens.", "what a request carries")
    repetition_penalty: float | None = flag(None, "Weight against repetition.", "what a request carries")
    seed: int | None = flag(None, "Seed of the server's sampling.", "what a request carries")

    def __post_init__(self) -> None:
        check(self)

    def sampling(self) -> dict[str, Any]:
        """Body field -> value."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(Sampling)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions(Sampling):
    """Everything that shapes the requests of a run beside its samples; a run is one set of these.

    `max_tokens` overrides what samples ask for. `system` takes the place of the model family's and of a
    benchmark's own system prompt (empty: none is sent), `suffix` that of the family's suffix. `frames`,
    `fps`, `min_pixels` and `max_pixels` are the only ways media are changed. Samples that want masks go out
    as they are, whatever these say. `extra_body` holds further fields of the body. `repeat` is 2
    when the same is asked for the second time, and so on: part of the fingerprint, never sent.
    """

    max_tokens: int | None = flag(
        None, "Tokens per answer.", "what a request carries", least=1, shown="the benchmark's"
    )
    extra_body: Mapping[str, Any] = flag(
        {}, "Further fields of the request body.", "what a request carries", metavar="JSON"
    )
    system: str | None = flag(
        None,
        "System prompt; an empty one sends none.",
        "what a request carries",
        metavar="TEXT",
        shown="the benchmark's or the model family's",
    )
    suffix: str | None = flag(
        None,
        "Text on a line of its own after each question.",
        "what a request carries",
        metavar="TEXT",
        shown="the model family's",
    )
    detail: Literal["low", "medium", "high", "auto"] | None = flag(
        None,
        "How closely the service looks at pictures (OpenAI's and Gemini's wires).",
        "what a request carries",
    )
    frames: int | None = flag(
        None, "Send only N evenly spaced frames of a video.", "what a request carries", least=1, metavar="N"
    )
    fps: float | None = flag(None, "Sample video files at this rate.", "what a request carries", above=0)
    min_pixels: int | None = flag(
        None, "Enlarge smaller images to this many pixels.", "what a request carries", least=1, most=2**26
    )
    max_pixels: int | None = flag(
        None, "Shrink larger images to this many pixels.", "what a request carries", least=1
    )
    service_tier: str | None = flag(
        None,
        "Processing tier of a hosted service: flex, priority, ...",
        "what a request carries",
        metavar="TIER",
        shown="the account's",
    )
    family: str | None = flag(
        None,
        "Model family (see the command `models`), if the name does not tell.",
        "what a request carries",
    )
    repeat: int | None = None

    def __post_init__(self) -> None:
        # super() finds no class in a dataclass with slots.
        Sampling.__post_init__(self)
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise UsageError(
                f"--min-pixels {self.min_pixels} is more than --max-pixels {self.max_pixels}: "
                "give the least first"
            )
        if ours := sorted(set(OURS) & self.extra_body.keys()):
            raise UsageError(
                f"--extra-body sets {', '.join(ours)}, which the evaluation sets itself; leave it out"
            )
        if secrets := secret_names(self.extra_body):
            raise UsageError(
                f"--extra-body sets {plain(', '.join(secrets), 100)}: what it holds is kept in run.json. "
                "Send secrets as a header, --header 'NAME: $VARIABLE'"
            )

    def request(self) -> dict[str, Any]:
        """Every value by name, as run.json keeps them."""
        return {entry.name: getattr(self, entry.name) for entry in fields(RequestOptions)}
