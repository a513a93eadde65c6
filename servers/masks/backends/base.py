"""What the gateway asks of whatever runs the language model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.masks.request import VideoRequest


@dataclass(frozen=True, slots=True)
class Generation:
    """An answered chat completion (OpenAI's body) and the states at its [SEG] tokens.

    `states` is float32 [n, hidden] before the final norm, or after it if `normed`; `tokens` are their n
    indices in `token_ids`, the generated ids. `uncomputed` counts [SEG] that were generated last and so
    never became an input: they have no state. `llm_frames` are the indices of the frames that were shown.
    """

    body: dict[str, Any]
    token_ids: tuple[int, ...]
    prompt_tokens: int
    states: NDArray[np.float32]
    tokens: tuple[int, ...]
    uncomputed: int
    normed: bool
    llm_frames: tuple[int, ...]


class Backend(Protocol):
    """One of vllm, sglang, transformers. Errors meant for the user are RequestErrors."""

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        """One answer; cancelling it stops the generation."""

    async def models(self) -> list[dict[str, Any]]:
        """The engine's /v1/models entries, with max_model_len where it knows."""

    async def healthy(self) -> bool: ...

    async def metrics(self) -> str:
        """The engine's own metrics in Prometheus text, or an empty string."""

    async def forward(self, body: Mapping[str, Any]) -> tuple[int, str, AsyncIterator[bytes]]:
        """A text-only chat completion as the engine answers it: status, content type, body in pieces."""

    async def close(self) -> None: ...
