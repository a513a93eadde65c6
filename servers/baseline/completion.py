"""An answer in words and objects -> the JSON of a chat completion, masks included."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench import rle
from sightbench.servers.baseline import tokens
from sightbench.servers.baseline.answer import Answer
from sightbench.servers.baseline.frames import LIMITS
from sightbench.servers.baseline.request import MODEL, VideoQuestion
from sightbench.servers.baseline.sight.perceive import Scene
from sightbench.servers.wire.answer import mask_entry, mask_info
from sightbench.servers.wire.frames import mask_size
from sightbench.servers.wire.refusal import Refusal


def completion(question: VideoQuestion, scene: Scene, answer: Answer) -> dict[str, Any]:
    """A `chat.completion` without `id` and `created`.

    `message.masks` has one entry per `[SEG]` of the content, each with one COCO RLE per frame at the
    frames' own size (or `output_size`); it is absent only where `return_masks` is false.
    Raises Refusal if the question does not fit the context length.
    """
    options, limit = question.chat.options, question.chat.max_tokens
    count, height, width = scene.labels.shape
    size = mask_size(options, scene.size, count, LIMITS)
    prompt = tokens.count_text(question.text) + tokens.count_frames(count, height, width)
    if prompt > tokens.MAX_MODEL_LEN:
        raise Refusal(
            f"This model's maximum context length is {tokens.MAX_MODEL_LEN} tokens; the request has {prompt}",
            param="messages",
            code="context_length_exceeded",
        )
    objects = answer.objects[: options.max_objects]
    full = f"Sure, {', '.join(['[SEG]'] * len(objects))}." if objects else answer.text
    content = full if limit is None else tokens.cut(full, limit)
    said = tokens.count_text(content)
    message: dict[str, Any] = {"role": "assistant", "content": content}
    completion: dict[str, Any] = {
        "object": "chat.completion",
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "stop" if content == full else "length",
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said},
    }
    if options.return_masks:
        positions = tokens.seg_positions(content)
        message["masks"] = [
            mask_entry(index, position, size, [encode(frame == label, size) for frame in scene.labels])
            for index, (label, position) in enumerate(zip(objects, positions, strict=False))
        ]
        truncated = len(positions) < len(objects)
        completion["mask_info"] = mask_info(len(message["masks"]), len(positions), truncated, count)
    return completion


def encode(mask: NDArray[np.bool_], size: tuple[int, int]) -> str:
    """The RLE text of a mask scaled (nearest) to `size` (H, W)."""
    pixels = mask
    if mask.shape != size:
        image = Image.fromarray(mask.astype(np.uint8))
        pixels = np.asarray(image.resize((size[1], size[0]), Image.Resampling.NEAREST))
    return str(rle.encode(pixels)["counts"])
