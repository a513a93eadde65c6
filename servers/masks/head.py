"""From a [SEG] state to SAM 2's prompt, and from a request to its masks. Needs torch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sightbench import rle
from sightbench.servers.masks.asked import Asked, Cancelled, Frame
from sightbench.servers.masks.checkpoint import HEAD, Model
from sightbench.servers.masks.decoder import Clip, Decoder
from sightbench.servers.masks.encoder import More, none

GROUP = 8
"""Objects drawn in one pass; more go in turn, so that memory does not grow with the requests."""


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some objects of a request, and where their counts go."""

    asked: Asked
    clip: Clip
    counts: list[list[str]]


@dataclass(frozen=True, slots=True)
class Projection:
    """A [SEG] state as one or more 256-vectors, in float32: `norm` is the language model's final RMSNorm."""

    model: Model
    norm: Tensor
    weights: dict[str, Tensor]

    def normed(self, states: NDArray[np.float32]) -> Tensor:
        rows = torch.from_numpy(states)
        return rows * torch.rsqrt(rows.pow(2).mean(-1, keepdim=True) + self.model.rms_eps) * self.norm

    def prompts(self, states: NDArray[np.float32], normed: bool) -> Tensor:
        """[objects, tokens, 256] from [objects, hidden] as a backend gives them."""
        if self.model.normed and not normed:
            rows = self.normed(states)
        elif normed and not self.model.normed:
            raise ValueError("this head reads states before the final norm; the backend gives them after it")
        else:
            rows = torch.from_numpy(states)
        w = self.weights
        if self.model.decoder == "unipixel":
            rows = rows * torch.rsqrt(rows.pow(2).mean(-1, keepdim=True) + 1e-6) * w["seg_head.0.weight"]
            rows = F.gelu(F.linear(rows, w["seg_head.1.weight"], w["seg_head.1.bias"]))
            rows = F.linear(rows, w["seg_head.3.weight"], w["seg_head.3.bias"])
        else:
            rows = F.relu(F.linear(rows, w["text_hidden_fcs.0.weight"], w["text_hidden_fcs.0.bias"]))
            rows = F.linear(rows, w["text_hidden_fcs.2.weight"], w["text_hidden_fcs.2.bias"])
        return rows.reshape(len(rows), -1, 256)


class Masker:
    """The head of a split checkpoint on one device. One call at a time."""

    def __init__(self, folder: Path, model: Model, device: str, dtype: str, cache_bytes: int) -> None:
        from safetensors.torch import load_file

        weights = load_file(folder / HEAD)
        prefix = "sam2." if model.decoder == "unipixel" else "grounding_encoder.sam2_model."
        sam = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        rest = {k: v.float() for k, v in weights.items() if k.startswith(("text_hidden_fcs.", "seg_head."))}
        self.model = model
        self.projection = Projection(model, weights["final_norm.weight"].float(), rest)
        self.decoder = Decoder(
            sam, model.image_size, torch.device(device), getattr(torch, dtype), cache_bytes, model.decoder
        )

    def rles(
        self,
        frames: Sequence[Frame],
        states: NDArray[np.float32],
        normed: bool,
        size: tuple[int, int],
        cancelled: threading.Event | None = None,
    ) -> list[list[str]]:
        """One request's masks: COCO RLE counts, [object][frame]. Raises Cancelled."""
        (made,) = self.draw([Asked(frames, states, normed, size, cancelled or threading.Event())])
        if made is None:
            raise Cancelled
        return made

    def draw(self, requests: Sequence[Asked], more: More = none) -> list[list[list[str]] | None]:
        """The masks of several requests: COCO RLE counts, [object][frame] each; None for one whose client
        has left. Objects share passes, at most GROUP of them, where their videos have one `shape`.

        `more` gives frames that will be needed next.
        """
        pieces: dict[tuple[object, ...], list[_Piece]] = {}
        out: list[list[list[str]] | None] = []
        for request in requests:
            masks: list[list[str]] = [[] for _ in request.states]
            out.append(masks)
            prompts = self.projection.prompts(request.states, request.normed).to(self.decoder.device)
            for start in range(0, len(prompts), GROUP):
                clip = Clip(request.frames, prompts[start : start + GROUP], request.size)
                piece = _Piece(request, clip, masks[start : start + GROUP])
                pieces.setdefault(self.shape(len(request.frames)), []).append(piece)
        for alike in pieces.values():
            for group in _groups(sorted(alike, key=lambda piece: -len(piece.clip.frames))):
                self._draw(group, more)
        return [
            None if request.cancelled.is_set() else masks
            for request, masks in zip(requests, out, strict=True)
        ]

    def shape(self, frames: int) -> tuple[object, ...]:
        """What videos must have in common to be drawn in one pass."""
        return self.decoder.shape(frames, self._prompted)

    @property
    def exact(self) -> bool:
        """Whether a request's masks are to be the same bits whatever else is asked: in float32. Products of
        matrices with more rows round their last bit otherwise, which moves a pixel now and then."""
        return bool(self.decoder.dtype == torch.float32)

    @property
    def _prompted(self) -> int:
        return 1 if self.model.decoder == "unipixel" else self.model.llm_frames

    def _draw(self, group: Sequence[_Piece], more: More) -> None:
        for number, masks in self.decoder.decode([piece.clip for piece in group], self._prompted, more):
            if all(piece.asked.cancelled.is_set() for piece in group):
                return
            for counts, mask in zip(group[number].counts, masks, strict=True):
                counts.append(rle.encode(mask)["counts"])


def _groups(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """In order, at most GROUP objects each."""
    group: list[_Piece] = []
    for piece in pieces:
        if group and sum(len(p.clip.prompts) for p in (*group, piece)) > GROUP:
            yield group
            group = []
        group.append(piece)
    yield group
