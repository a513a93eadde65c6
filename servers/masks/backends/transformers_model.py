"""The language model in this process, on transformers: the fallback that needs no engine.

One request at a time, greedy decoding only. States are read at the input of the final norm, so the answer
does not depend on what a transformers version calls the last hidden state (4.57 and 5.x differ on Qwen3-VL).
"""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.internvl import CONTEXT, load_internvl, pixels
from sightbench.servers.masks.checkpoint import LLM, CheckpointError, Model
from sightbench.servers.masks.llm_frames import chosen, prepare
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.refusal import Refusal

_GREEDY: dict[str, tuple[Any, ...]] = {
    "temperature": (0, None),
    "top_p": (1, None),
    "repetition_penalty": (1, None),
    "stop": (None, []),
}


class TransformersBackend:
    """`folder` is a split checkpoint of Sa2VA or Sa2VA-i; CheckpointError for UniPixel."""

    def __init__(self, folder: Path, model: Model, device: str, dtype: str, max_queue: int) -> None:
        if model.decoder == "unipixel":
            raise CheckpointError("the transformers backend does not serve UniPixel: use --backend vllm")
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

        llm = folder / LLM
        self._folder, self._model, self._max_queue = folder, model, max_queue
        self._tokenizer: Any = AutoTokenizer.from_pretrained(llm)
        self._processor: Any = None
        if model.family == "internvl":
            self._llm: Any = load_internvl(llm, getattr(torch, dtype), device)
            self._llm.model.config.image_token_id = self._tokenizer.convert_tokens_to_ids(CONTEXT)
        else:
            self._processor = AutoImageProcessor.from_pretrained(llm)
            self._llm = AutoModelForImageTextToText.from_pretrained(llm, dtype=getattr(torch, dtype))
            self._llm = self._llm.to(device).eval()
        self._rows: list[torch.Tensor] = []
        self._norm().register_forward_pre_hook(lambda _, inputs: self._rows.append(inputs[0].detach()))
        self._device = device
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llm")
        self._waiting = 0

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        shown = tuple(chosen(self._model, len(images)))
        turns: list[dict[str, Any]] = []
        if video.system is not None:
            turns.append({"role": "system", "content": video.system})
        parts = [{"type": "image"} for _ in shown] + [{"type": "text", "text": video.text}]
        turns.append({"role": "user", "content": parts})
        picked = await asyncio.to_thread(lambda: [images[i] for i in shown])
        body, ids, states, tokens = await self._run(turns, picked, video.sampling)
        seg = self._model.seg_token_id
        return Generation(
            body=body,
            token_ids=tuple(ids),
            prompt_tokens=int(body["usage"]["prompt_tokens"]),
            states=states,
            tokens=tuple(tokens),
            uncomputed=ids.count(seg) - len(tokens),
            normed=False,
            llm_frames=shown,
        )

    async def models(self) -> list[dict[str, Any]]:
        text = self._llm.config.get_text_config()
        length = int(text.max_position_embeddings)
        return [{"id": "llm", "object": "model", "owned_by": "sightbench", "max_model_len": length}]

    async def healthy(self) -> bool:
        return True

    async def metrics(self) -> str:
        return f"masks_llm_requests_waiting {self._waiting}\n"

    async def forward(self, body: Mapping[str, Any]) -> tuple[int, str, AsyncIterator[bytes]]:
        turns = [
            {"role": m.get("role"), "content": _plain(m.get("content"))} for m in body.get("messages") or []
        ]
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or self._model.max_tokens
        answer, _, _, _ = await self._run(turns, [], dict(body, max_tokens=limit))
        if not body.get("stream"):
            return 200, "application/json", _once(json.dumps(answer).encode())
        choice = answer["choices"][0]
        delta = {"index": 0, "delta": choice["message"], "finish_reason": choice["finish_reason"]}
        chunk = dict(answer, object="chat.completion.chunk", choices=[delta])
        return 200, "text/event-stream", _once(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

    async def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _norm(self) -> Any:
        for name, module in self._llm.named_modules():
            if name.endswith("language_model.norm"):
                return module
        raise CheckpointError("this transformers has no language_model.norm in the model")

    async def _run(
        self, turns: list[dict[str, Any]], images: list[Image.Image], sampling: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[int], np.ndarray[Any, np.dtype[np.float32]], list[int]]:
        for name, allowed in _GREEDY.items():
            if sampling.get(name) not in allowed:
                raise Refusal(f"the transformers backend decodes greedily: no {name}", param=name)
        if self._waiting >= self._max_queue:
            raise Refusal("the queue is full", 503, kind="overloaded_error", retry_after=5)
        stop = threading.Event()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._generate, turns, images, int(sampling["max_tokens"]), stop
            )
        finally:
            stop.set()
            self._waiting -= 1

    def _generate(
        self, turns: list[dict[str, Any]], images: list[Image.Image], limit: int, stop: threading.Event
    ) -> tuple[dict[str, Any], list[int], np.ndarray[Any, np.dtype[np.float32]], list[int]]:
        inputs = self._inputs(turns, images)
        prompt = int(inputs["input_ids"].shape[1])
        self._rows.clear()
        with torch.inference_mode():
            out = self._llm.generate(
                **inputs,
                max_new_tokens=limit,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                repetition_penalty=1.0,
                eos_token_id=list(self._model.eos_token_ids),
                pad_token_id=self._model.eos_token_ids[0],
                stopping_criteria=[lambda ids, _: torch.full((len(ids),), stop.is_set(), device=ids.device)],
            )
        ids = [int(i) for i in out[0, prompt:]]
        rows = torch.cat([row.reshape(-1, row.shape[-1]) for row in self._rows])
        self._rows.clear()
        # The last generated token never became an input: its row does not exist.
        found = [i for i, token in enumerate(ids[:-1]) if token == self._model.seg_token_id]
        states = rows[[prompt + i for i in found]].float().cpu().numpy()
        ended = bool(ids) and ids[-1] in self._model.eos_token_ids
        text = self._tokenizer.decode(ids[:-1] if ended else ids, skip_special_tokens=False)
        body = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": "llm",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop" if ended else "length",
                }
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": len(ids),
                "total_tokens": prompt + len(ids),
            },
        }
        return body, ids, states, found

    def _inputs(self, turns: list[dict[str, Any]], images: list[Image.Image]) -> dict[str, Any]:
        """Token ids with each image's placeholder repeated once per merged patch, and the patches."""
        text = str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        extra: dict[str, Any] = {}
        if images and self._processor is None:
            tiles, counts = pixels([prepare(self._model, i, len(images)) for i in images])
            extra = {"pixel_values": tiles.to(self._device, self._llm.dtype)}
            per_tile = 256
            pieces = text.split("<image>")
            if len(pieces) != len(counts) + 1:
                raise Refusal("the chat template did not place every frame", 500, kind="server_error")
            shown = [f"<img>{CONTEXT * (n * per_tile)}</img>" for n in counts]
            text = pieces[0] + "".join(s + piece for s, piece in zip(shown, pieces[1:], strict=True))
        elif images:
            made = self._processor(
                images=[prepare(self._model, i, len(images)) for i in images], return_tensors="pt"
            )
            extra = {k: made[k].to(self._device) for k in ("pixel_values", "image_grid_thw")}
            pad, merged = "<|image_pad|>", self._processor.merge_size**2
            pieces = text.split(pad)
            counts = [int(grid.prod()) // merged for grid in made["image_grid_thw"]]
            if len(pieces) != len(counts) + 1:
                raise Refusal("the chat template did not place every frame", 500, kind="server_error")
            text = pieces[0] + "".join(pad * n + piece for n, piece in zip(counts, pieces[1:], strict=True))
        ids = self._tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        if extra and "mm_token_type_ids" in inspect.signature(self._llm.forward).parameters:
            image = self._tokenizer.convert_tokens_to_ids("<|image_pad|>")
            extra["mm_token_type_ids"] = (ids == image).int().to(self._device)
        return dict(
            extra, input_ids=ids.to(self._device), attention_mask=torch.ones_like(ids).to(self._device)
        )


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(p.get("text", "")) for p in content if isinstance(p, dict))
    return str(content or "")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
