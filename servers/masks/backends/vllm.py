"""vLLM with our connector: one call answers the text and, through /v1/seg_states, its [SEG] states."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.engine_http import HttpEngine, broken, messages, typed
from sightbench.servers.masks.checkpoint import Model
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.refusal import Refusal


class _SegStates(msgspec.Struct):
    tokens: list[int]
    uncomputed: int
    shape: tuple[int, int, int] | None = None
    data: str = ""


class _Choice(msgspec.Struct):
    message: dict[str, Any]
    token_ids: list[int] | None = None
    seg_states: _SegStates | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int


class _Answer(msgspec.Struct):
    """What of /v1/seg_states' answer is needed here; the rest goes to the client as it is."""

    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1, max_length=1)]
    usage: _Usage


def _states(said: _SegStates, hidden: int) -> NDArray[np.float32]:
    """[n, hidden]: the last layer's rows, one per [SEG]. Raises Refusal when they are not that many."""
    try:
        rows = np.frombuffer(base64.b64decode(said.data), "<f4").reshape(said.shape or ())
    except ValueError as error:
        raise broken("its states have another size than it says") from error
    if rows.ndim != 3 or rows.shape[::2] != (len(said.tokens), hidden):
        raise broken(f"it has {list(rows.shape)} states for {len(said.tokens)} [SEG] tokens of {hidden}")
    return rows[:, -1].copy()


class VllmBackend(HttpEngine):
    """`url`: a server started with `servers.masks.engine.vllm_command`."""

    def __init__(self, model: Model, url: str, timeout_s: float, key: str | None = None) -> None:
        super().__init__(url, timeout_s, key)
        self._model = model

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        turns, shown = await asyncio.to_thread(messages, self._model, video, images, self.prepared)
        request = dict(
            video.sampling,
            model=await self.name(),
            messages=turns,
            skip_special_tokens=False,
            return_token_ids=True,
        )
        if self._model.decoder == "unipixel":
            # Two frames a second is what its processor assumes of a list of frames.
            request["mm_processor_kwargs"] = {"do_resize": False, "fps": 2.0}
            request["media_io_kwargs"] = {"video": {"num_frames": -1}}
        request.setdefault("stop_token_ids", list(self._model.eos_token_ids))
        body = await self.post("/v1/seg_states", request)
        answer = typed(body, _Answer)
        said = answer.choices[0].seg_states
        if said is None:
            raise Refusal("the engine runs without the [SEG] connector", 500, kind="server_error")
        states = np.zeros((0, self._model.hidden_size), np.float32)
        if said.tokens:
            states = _states(said, self._model.hidden_size)
        choice = body["choices"][0]
        choice.pop("seg_states")
        choice.pop("token_ids", None)
        for bulky in ("prompt_token_ids", "prompt_text"):
            body.pop(bulky, None)
        return Generation(
            body=body,
            token_ids=tuple(answer.choices[0].token_ids or ()),
            prompt_tokens=answer.usage.prompt_tokens,
            states=states,
            tokens=tuple(said.tokens),
            uncomputed=said.uncomputed,
            normed=False,
            llm_frames=shown,
        )
