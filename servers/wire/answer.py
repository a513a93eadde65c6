"""A completion that carries masks, as JSON and as the chunks of a stream.

`choices[0].message.masks` has one entry per `[SEG]` that has a mask, in order, each with one COCO RLE per
frame; `[]` says that there is no object, and the field is absent only where masks were not wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec


def mask_entry(index: int, token: int, size: tuple[int, int], counts: Sequence[str]) -> dict[str, Any]:
    """One object: `token` is the place of its [SEG] in the answer, `counts` the RLE text of each frame."""
    height, width = size
    return {
        "object_id": index,
        "token_index": token,
        "size": [height, width],
        "num_frames": len(counts),
        "rles": [{"size": [height, width], "counts": text} for text in counts],
    }


def mask_info(objects: int, seg_tokens: int, truncated: bool, frames: int, **more: Any) -> dict[str, Any]:
    """What a person wants to know about the masks; `truncated`: an object has none, there would be more."""
    return {
        "num_objects": objects,
        "num_seg_tokens": seg_tokens,
        "truncated": truncated,
        "decoded_frames": frames,
        **more,
    }


def chunks(completion: Mapping[str, Any], usage: bool = True) -> Iterator[dict[str, Any]]:
    """The same completion as stream chunks: the text, then one last chunk with masks and usage."""
    base = {key: completion[key] for key in ("id", "created", "model") if key in completion}
    base["object"] = "chat.completion.chunk"
    choice = completion["choices"][0]
    message = choice["message"]
    first = {"role": "assistant", "content": message.get("content")}
    yield base | {"choices": [{"index": 0, "delta": first, "finish_reason": None}]}
    delta = {"masks": message["masks"]} if "masks" in message else {}
    last = base | {"choices": [{"index": 0, "delta": delta, "finish_reason": choice.get("finish_reason")}]}
    if "mask_info" in completion:
        last["mask_info"] = completion["mask_info"]
    if usage:
        last["usage"] = completion.get("usage")
    yield last


def events(completion: Mapping[str, Any], usage: bool = True) -> Iterator[bytes]:
    """The chunks as server-sent events, with the end mark."""
    for chunk in chunks(completion, usage):
        yield event(chunk)
    yield b"data: [DONE]\n\n"


def event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
