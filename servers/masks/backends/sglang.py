"""SGLang without a plugin: generate, then replay the text up to each [SEG] to read its state.

SGLang's OpenAI route hands out the state of the last token only. Its native route gives, for a prompt that
ends in [SEG] and one new token, the state of that [SEG]: all but one token come from the radix cache, so the
second call costs milliseconds. SGLang's states are after the final norm: Sa2VA on Qwen3-VL, whose head reads
the state before it, is refused.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.engine_http import HttpEngine, broken, prepared, typed
from sightbench.servers.masks.checkpoint import LLM, CheckpointError, Model
from sightbench.servers.masks.llm_frames import png_url
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.refusal import Refusal

_SAMPLING = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "stop", "frequency_penalty",
    "presence_penalty", "ignore_eos",
)  # fmt: skip
_PLACEHOLDER = "<|vision_start|><|image_pad|><|vision_end|>"


class _Meta(msgspec.Struct):
    prompt_tokens: int
    finish_reason: dict[str, Any] | None = None
    hidden_states: list[Any] | None = None


class _Native(msgspec.Struct):
    """What of SGLang's own route is needed here."""

    output_ids: list[int]
    meta_info: _Meta


class SglangBackend(HttpEngine):
    """`url`: a server of the split checkpoint's llm folder with --enable-return-hidden-states."""

    def __init__(
        self, folder: Path, model: Model, url: str, timeout_s: float, key: str | None = None
    ) -> None:
        if not model.normed:
            raise CheckpointError(
                "SGLang gives states after the final norm; this head reads them before it "
                "(Sa2VA-Qwen3-VL, UniPixel): use --backend vllm"
            )
        if model.family == "internvl":
            raise CheckpointError("InternVL bases need our model classes in the engine: use --backend vllm")
        super().__init__(url, timeout_s, key)
        from transformers import AutoTokenizer

        self._model = model
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder / LLM)

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        ready, shown = await asyncio.to_thread(prepared, self._model, video, images, self.prepared)
        urls = [png_url(frame) for frame in ready]
        prompt = self._prompt(video, len(shown))
        if unknown := sorted(set(video.sampling) - {*_SAMPLING, "max_tokens"}):
            raise Refusal(f"the sglang backend takes no {unknown[0]}", param=unknown[0])
        sampling = {k: video.sampling[k] for k in _SAMPLING if video.sampling.get(k) is not None}
        sampling |= {
            "max_new_tokens": video.sampling["max_tokens"],
            "stop_token_ids": list(self._model.eos_token_ids),
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
        }
        made = await self._native(prompt, urls, sampling)
        meta, ids = made.meta_info, made.output_ids
        seg = self._model.seg_token_id
        found = [i for i, token in enumerate(ids[:-1]) if token == seg]
        states = np.zeros((0, self._model.hidden_size), np.float32)
        if found:
            states = np.stack([await self._state(prompt, urls, ids[: i + 1]) for i in found])
        ended = bool(ids) and ids[-1] in self._model.eos_token_ids
        text = self._tokenizer.decode(ids[:-1] if ended else ids, skip_special_tokens=False)
        usage = {"prompt_tokens": meta.prompt_tokens, "completion_tokens": len(ids)}
        body: dict[str, Any] = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": await self.name(),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": (meta.finish_reason or {}).get("type", "stop"),
                }
            ],
            "usage": usage | {"total_tokens": meta.prompt_tokens + len(ids)},
        }
        return Generation(
            body=body,
            token_ids=tuple(ids),
            prompt_tokens=meta.prompt_tokens,
            states=states,
            tokens=tuple(found),
            uncomputed=ids.count(seg) - len(found),
            normed=True,
            llm_frames=shown,
        )

    async def _state(self, prompt: str, urls: list[str], ids: list[int]) -> NDArray[np.float32]:
        """The state of the last of `ids`, generated before: one new token, its prompt's last row."""
        text = prompt + self._tokenizer.decode(ids, skip_special_tokens=False)
        made = await self._native(text, urls, {"max_new_tokens": 1, "temperature": 0}, states=True)
        try:
            rows = np.asarray((made.meta_info.hidden_states or [])[0], np.float32)
            last: NDArray[np.float32] = rows.reshape(-1, self._model.hidden_size)[-1]
        except (ValueError, IndexError, TypeError) as error:
            raise broken(f"it gave no state of {self._model.hidden_size} numbers") from error
        return last

    async def _native(
        self, text: str, urls: list[str], sampling: dict[str, Any], states: bool = False
    ) -> _Native:
        request = {
            "text": text,
            "image_data": urls,
            "sampling_params": sampling,
            "return_hidden_states": states,
        }
        made = typed(await self.post("/generate", request), _Native)
        if states and made.meta_info.hidden_states is None:
            raise Refusal(
                "SGLang returned no ids or states: start it with --enable-return-hidden-states",
                500,
                kind="server_error",
            )
        return made

    def _prompt(self, video: VideoRequest, frames: int) -> str:
        turns: list[dict[str, Any]] = (
            [] if video.system is None else [{"role": "system", "content": video.system}]
        )
        parts: list[dict[str, Any]] = [{"type": "image"}] * frames
        turns.append({"role": "user", "content": [*parts, {"type": "text", "text": video.text}]})
        text = str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        if text.count(_PLACEHOLDER) != frames:
            raise Refusal("the chat template did not place every frame", 500, kind="server_error")
        return text
