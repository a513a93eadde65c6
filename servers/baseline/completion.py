"""An answer in words and objects -> the JSON of a chat completion, masks included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench import rle
from sightbench.servers.baseline import tokens
from sightbench.servers.baseline.answer import Answer
from sightbench.servers.baseline.refusal import Refusal
from sightbench.servers.baseline.sight.perceive import Scene
from sightbench.servers.baseline.wire import MODEL, ChatRequest


def completion(request: ChatRequest, scene: Scene, answer: Answer) -> dict[str, Any]:
    """A `chat.completion` without `id` and `created`.

    `message.masks` has one entry per `[SEG]` of the content, each with one COCO RLE per frame at the
    frames' own size (or `output_size`); it is absent only where `return_masks` is false.
    Raises Refusal if the question does not fit the context length.
    """
    options = request.mask_options
    count, height, width = scene.labels.shape
    prompt = tokens.count_text(request.question) + tokens.count_frames(count, height, width)
    if prompt > tokens.MAX_MODEL_LEN:
        raise Refusal(
            f"This model's maximum context length is {tokens.MAX_MODEL_LEN} tokens; the request has {prompt}",
            param="messages",
            code="context_length_exceeded",
        )
    objects = answer.objects[: options.max_objects]
    full = f"Sure, {', '.join(['[SEG]'] * len(objects))}." if objects else answer.text
    content = full if request.max_tokens is None else tokens.cut(full, request.max_tokens)
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
        size = options.output_size or scene.size
        positions = tokens.seg_positions(content)
        message["masks"] = [
            {
                "object_id": index,
                "token_index": position,
                "size": list(size),
                "num_frames": count,
                "rles": [encode(frame == label, size) for frame in scene.labels],
            }
            for index, (label, position) in enumerate(zip(objects, positions, strict=False))
        ]
        completion["mask_info"] = {
            "num_objects": len(message["masks"]),
            "num_seg_tokens": len(positions),
            "truncated": len(positions) < len(objects),
            "decoded_frames": count,
        }
    return completion


def encode(mask: NDArray[np.bool_], size: tuple[int, int]) -> dict[str, Any]:
    """A mask scaled (nearest) to `size` (H, W) as COCO RLE: `{"size": [H, W], "counts": str}`."""
    if mask.shape == size:
        return rle.encode(mask)
    pixels = Image.fromarray(mask.astype(np.uint8))
    return rle.encode(np.asarray(pixels.resize((size[1], size[0]), Image.Resampling.NEAREST)))


def chunks(completion: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same completion as stream chunks: the text, then one last chunk with masks and usage."""
    choice = completion["choices"][0]
    message = dict(choice["message"])
    head = {"id": completion["id"], "object": "chat.completion.chunk", "created": completion["created"]}
    head["model"] = completion["model"]
    first = {"role": "assistant", "content": message["content"]}
    yield head | {"choices": [{"index": 0, "delta": first, "finish_reason": None}]}
    last = {"masks": message["masks"]} if "masks" in message else {}
    yield head | {
        "choices": [{"index": 0, "delta": last, "finish_reason": choice["finish_reason"]}],
        "usage": completion["usage"],
    }
