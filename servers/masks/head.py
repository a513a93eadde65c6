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
from sightbench.servers.masks.checkpoint import HEAD, Model
from sightbench.servers.masks.decoder import Decoder, Frame

GROUP = 8
"""Objects drawn in one batch; more go in turn, so that memory does not grow with the request."""


class Cancelled(Exception):
    """The client left while its masks were being drawn."""


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
        """COCO RLE counts, [object][frame]; Cancelled when `cancelled` is set between frames."""
        prompts = self.projection.prompts(states, normed).to(self.decoder.device)
        out: list[list[str]] = []
        for start in range(0, len(prompts), GROUP):
            group: list[list[str]] = [[] for _ in prompts[start : start + GROUP]]
            for masks in self._masks(frames, prompts[start : start + GROUP], size):
                if cancelled is not None and cancelled.is_set():
                    raise Cancelled
                for counts, mask in zip(group, masks, strict=True):
                    counts.append(rle.encode(mask)["counts"])
            out += group
        return out

    def _masks(
        self, frames: Sequence[Frame], prompts: Tensor, size: tuple[int, int]
    ) -> Iterator[NDArray[np.bool_]]:
        prompted = 1 if self.model.decoder == "unipixel" else self.model.llm_frames
        return self.decoder.decode(frames, prompts, prompted, size)
