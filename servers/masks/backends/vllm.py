"""vLLM with our connector: one call answers the text and, through /v1/seg_states, its [SEG] states."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import numpy as np
from PIL import Image

from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.engine_http import HttpEngine, messages
from sightbench.servers.masks.checkpoint import Model
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.refusal import Refusal


class VllmBackend(HttpEngine):
    """`url`: a server started with `servers.masks.engine.vllm_command`."""

    def __init__(self, model: Model, url: str, timeout_s: float, key: str | None = None) -> None:
        super().__init__(url, timeout_s, key)
        self._model = model

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        turns, shown = await asyncio.to_thread(messages, self._model, video, images)
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
        choice = body["choices"][0]
        held = choice.pop("seg_states", None)
        if held is None:
            raise Refusal("the engine runs without the [SEG] connector", 500, kind="server_error")
        hidden = self._model.hidden_size
        states = np.zeros((0, hidden), np.float32)
        if held["tokens"]:
            rows = np.frombuffer(base64.b64decode(held["data"]), "<f4").reshape(held["shape"])
            states = rows[:, -1].copy()
        for bulky in ("prompt_token_ids", "prompt_text"):
            body.pop(bulky, None)
        return Generation(
            body=body,
            token_ids=tuple(choice.pop("token_ids") or ()),
            prompt_tokens=int(body["usage"]["prompt_tokens"]),
            states=states,
            tokens=tuple(held["tokens"]),
            uncomputed=int(held["uncomputed"]),
            normed=False,
            llm_frames=shown,
        )
