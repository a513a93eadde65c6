"""[SEG] vectors and frames -> masks, as the models' own inference draws them, in fewer passes.

Sa2VA runs its image encoder 2 * 5 + (T - 5) times for every object. Here a frame is encoded once, whatever
the number of objects (encoder.py), and objects share every pass, those of other requests among them.

Three ways of drawing the frames that start the tracking, by model:
sa2va     the first five from the language prompt (bytedance/Sa2VA, language_embd_inference);
sa2va_i   five spread evenly, drawn by a second, finetuned mask decoder, thresholded at the output's size
          and given back to SAM 2 as masks (kumuji/Sa2VA-i);
unipixel  the first from two prompt tokens (PolyU-ChenLab/UniPixel, SAM 2.1).
What they do and stock SAM 2 does not, kept: both Sa2VA round the normalisation constants to bfloat16, do not
blank prompted masks by a low object score (the object pointer still is; sa2va does not blank tracked ones
either) and enlarge logits twice (input/4 -> input -> output). All store memories in bfloat16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sightbench.servers.masks.asked import Frame
from sightbench.servers.masks.checkpoint import DecoderName
from sightbench.servers.masks.encoder import Encoder, Features, More, none
from sightbench.servers.masks.llm_frames import spread
from sightbench.servers.masks.sam2 import load_sam2, load_second_decoder

POINTERS = 16
"""How many frames' object pointers SAM 2 looks back at."""
NO_OBJECT = -1024.0
"""Stock SAM 2's logit where it sees no object."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What is drawn of one video: its frames, [objects, tokens, 256] prompts, and the masks' (h, w)."""

    frames: Sequence[Frame]
    prompts: Tensor
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Memory:
    """What one drawn frame leaves for the others: maps [O,64,g,g] and pointers [O,256]."""

    maps: Tensor
    pointers: Tensor

    def first(self, objects: int) -> _Memory:
        """The same of the first objects alone."""
        return _Memory(self.maps[:objects], self.pointers[:objects])


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One frame's float32 logits [O,1,S/4,S/4], object pointers [O,256], and 1 where there is an object."""

    low: Tensor
    pointers: Tensor
    present: Tensor


class Decoder:
    """SAM 2 with a language prompt. One at a time: callers hand requests to a single thread.

    `weights` has SAM 2's original names. On bfloat16 the passes run under autocast, as in the references.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        image_size: int,
        device: torch.device,
        dtype: torch.dtype,
        cache_bytes: int = 1 << 30,
        style: DecoderName = "sa2va",
    ) -> None:
        self.style = style
        self.model: Any = load_sam2(weights, image_size, device, dtype)
        self.second: Any = load_second_decoder(self.model, weights) if style == "sa2va_i" else None
        self.size = image_size
        self.device = device
        self.dtype = dtype
        rounded = torch.float32 if style == "unipixel" else torch.bfloat16
        self.encoder = Encoder(self.model, self.second, image_size, dtype, rounded, cache_bytes)
        with torch.inference_mode(), self._autocast():
            self._image_pe: Tensor = self.model.get_image_wide_positional_embeddings()
        grid = image_size // 16
        self._grid = (grid, grid)
        self._where = _sequence(sine_map(self.model.hidden_dim, grid)).to(device, dtype)
        self._memory_where = _sequence(sine_map(self.model.mem_dim, grid)).to(device, dtype)

    def _autocast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def starts(self, frames: int, prompted: int) -> tuple[int, ...]:
        """Which frames start the tracking: the first ones, or, for sa2va_i, as many spread evenly."""
        if self.style == "sa2va_i":
            return tuple(sorted(set(spread(frames, prompted))))
        return tuple(range(min(prompted, frames)))

    def shape(self, frames: int, prompted: int) -> tuple[object, ...]:
        """What videos must have in common to be drawn in one pass: which frames start, and where pointers
        tell their age, the length that is counted by."""
        aged = self.model.config.enable_temporal_pos_encoding_for_object_pointers
        return self.starts(frames, prompted), min(frames, POINTERS) if aged else None

    def decode(
        self, clips: Sequence[Clip], prompted: int, more: More = none
    ) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """(index of a clip, [objects, h, w]) for each frame of each clip; those of one clip in order.

        All of one `shape`, the longest first. `more` gives frames that others will need, which are encoded
        where there is room.
        """
        starts = self.starts(len(clips[0].frames), prompted)
        for index, low in enumerate(self._propagate(clips, starts, more)):
            row = 0
            for number, clip in enumerate(clips):
                if index < len(clip.frames):
                    own = low[row : row + len(clip.prompts)]
                    row += len(clip.prompts)
                    with torch.inference_mode():
                        yield number, (self._enlarged(own, clip.size).sigmoid() > 0.5).cpu().numpy()

    def _enlarged(self, low: Tensor, size: tuple[int, int]) -> Tensor:
        """[objects, h, w] logits at the output's size."""
        if self.style != "unipixel":
            low = F.interpolate(low, (self.size, self.size), mode="bilinear", align_corners=False)
        return F.interpolate(low, size, mode="bilinear", align_corners=False)[:, 0]

    def _propagate(self, clips: Sequence[Clip], starts: tuple[int, ...], more: More) -> Iterator[Tensor]:
        """Low-resolution logits [objects, 1, S/4, S/4] per frame, of the clips that have it one by one."""
        total = len(clips[0].frames)
        orders = [(*starts, *(i for i in range(len(clip.frames)) if i not in starts)) for clip in clips]
        encoded = [
            self.encoder.features([clip.frames[i] for i in order], more)
            for clip, order in zip(clips, orders, strict=True)
        ]
        started: dict[int, Tensor] = {}
        memories: dict[int, _Memory] = {}
        prompts = torch.cat([clip.prompts for clip in clips])
        # Every starting frame is remembered before the first is tracked: Sa2VA-i looks ahead at them.
        for index in starts:
            features = _rows(
                [(next(made), len(clip.prompts)) for made, clip in zip(encoded, clips, strict=True)]
            )
            with torch.inference_mode(), self._autocast():
                drawn = self._start(features, prompts, clips)
                started[index] = drawn.low
                memories[index] = _Memory(self._remember(features, drawn), drawn.pointers)
        for index in range(total):
            alive = [(m, c) for m, c in zip(encoded, clips, strict=True) if index < len(c.frames)]
            objects = sum(len(clip.prompts) for _, clip in alive)
            if index in started:
                yield started.pop(index)[:objects]
                continue
            features = _rows([(next(made), len(clip.prompts)) for made, clip in alive])
            with torch.inference_mode(), self._autocast():
                if objects < len(memories[starts[0]].maps):
                    memories = {at: memory.first(objects) for at, memory in memories.items()}
                seen = self._attend(features, memories, starts, index, total, objects)
                drawn = self._draw(seen, features, None)
                memories[index] = _Memory(self._remember(features, drawn), drawn.pointers)
            if (gone := index - POINTERS) not in starts:
                memories.pop(gone, None)
            yield drawn.low

    def _start(self, features: Features, prompts: Tensor, clips: Sequence[Clip]) -> _Drawn:
        """A starting frame, from the language prompt alone."""
        objects = len(prompts)
        seen = features.coarse + self.model.no_memory_embedding.view(1, -1, 1, 1)
        drawn = self._draw(seen.expand(objects, -1, -1, -1), features, prompts)
        if self.style != "sa2va_i":
            return drawn
        own = drawn.low.split([len(clip.prompts) for clip in clips])
        given = [self._given(low, clip.size) for low, clip in zip(own, clips, strict=True)]
        return self._from_mask(torch.cat(given), features)

    def _given(self, low: Tensor, size: tuple[int, int]) -> Tensor:
        """A drawn mask [objects,1,S,S] as it is given back: thresholded at the output's size."""
        mask = (F.interpolate(low, size, mode="bilinear", align_corners=False).sigmoid() > 0.5).float()
        whole = (self.size, self.size)
        if mask.shape[-2:] != whole:
            shrunk = F.interpolate(mask, whole, mode="bilinear", align_corners=False, antialias=True)
            mask = (shrunk >= 0.5).float()
        return mask

    def _from_mask(self, mask: Tensor, features: Features) -> _Drawn:
        """A given mask [objects,1,S,S] as SAM 2 takes one: it is the output, and a prompt for the pointer."""
        quarter = (self.size // 4, self.size // 4)
        logits = mask * 20.0 - 10.0
        low = F.interpolate(logits, quarter, mode="bilinear", align_corners=False, antialias=True)
        dense = self.model.prompt_encoder.mask_embed(
            F.interpolate(
                self.model.mask_downsample(mask.to(self.dtype)).float(),
                quarter,
                mode="bilinear",
                align_corners=False,
                antialias=True,
            ).to(self.dtype)
        )
        # Not the no-memory features: a given mask is not looked for in the frame.
        seen = features.coarse.expand(mask.shape[0], -1, -1, -1)
        pointed = self._draw(seen, features, None, dense)
        present = (mask.flatten(1) > 0).any(dim=1, keepdim=True).float()
        pointers = present * pointed.pointers + (1 - present) * self.model.no_object_pointer
        return _Drawn(low, pointers, present)

    def _draw(
        self, seen: Tensor, features: Features, prompts: Tensor | None, dense: Tensor | None = None
    ) -> _Drawn:
        """The mask decoder for all objects of one frame; with `dense` (a mask prompt), a single output."""
        model, objects = self.model, seen.shape[0]
        points = torch.zeros(objects, 1, 1, 2, device=self.device, dtype=self.dtype)
        labels = -torch.ones(objects, 1, 1, device=self.device, dtype=torch.int32)
        sparse, no_mask = model.prompt_encoder(points, labels, None, None)
        decoder, fine, middle = model.mask_decoder, features.fine, features.middle
        if prompts is not None:
            sparse = torch.cat([sparse, prompts[:, None].to(sparse.dtype)], dim=2)
            if features.second is not None:
                decoder, (fine, middle) = self.second, features.second
        masks, ious, tokens, score = decoder(
            image_embeddings=seen.to(self.dtype),
            image_positional_embeddings=self._image_pe.to(self.dtype).expand(objects, -1, -1, -1),
            sparse_prompt_embeddings=sparse.to(self.dtype),
            dense_prompt_embeddings=(no_mask if dense is None else dense).to(self.dtype),
            multimask_output=dense is None,
            high_resolution_features=[f.expand(objects, -1, -1, -1) for f in (fine, middle)],
        )
        row = torch.arange(objects, device=self.device)
        best = ious[:, 0].argmax(dim=-1)
        low = masks[:, 0].float()[row, best][:, None]
        present = (score[:, 0] > 0).to(low.dtype)
        if self.style == "unipixel" or (self.style == "sa2va_i" and prompts is None):
            low = torch.where(present[..., None, None] > 0, low, NO_OBJECT)
        pointers = model.object_pointer_proj(tokens[:, 0][row, best])
        pointers = present * pointers + (1 - present) * model.no_object_pointer
        return _Drawn(low, pointers, present)

    def _remember(self, features: Features, drawn: _Drawn) -> Tensor:
        """A drawn frame as a memory map, bfloat16 whatever the model's own dtype."""
        full = F.interpolate(drawn.low, (self.size, self.size), mode="bilinear", align_corners=False)
        scaled = torch.sigmoid(full) * 20.0 - 10.0
        maps, _ = self.model.memory_encoder(
            features.coarse.expand(len(full), -1, -1, -1), scaled.to(self.dtype)
        )
        if (absent := self.model.occlusion_spatial_embedding_parameter) is not None:
            maps = maps + ((1 - drawn.present) * absent)[..., None, None]
        return maps.to(torch.bfloat16)

    def _attend(
        self,
        features: Features,
        memories: Mapping[int, _Memory],
        starts: tuple[int, ...],
        now: int,
        total: int,
        objects: int,
    ) -> Tensor:
        """The frame's coarse features [objects,256,g,g] conditioned on the frames that were drawn."""
        model = self.model
        temporal = model.memory_temporal_positional_encoding
        last = temporal.shape[0] - 1
        # Starting frames count as "no time apart"; the others by distance, the previous frame nearest.
        used = [(i, last) for i in starts]
        used += [(i, now - i - 1) for i in range(max(now - last, 0), now) if i not in starts]
        keys = [_sequence(memories[i].maps) for i, _ in used]
        places = [(self._memory_where + temporal[at]).expand(-1, objects, -1) for _, at in used]

        looked = [i for i in starts if i <= now]
        back = [now - d for d in range(1, min(total, POINTERS)) if now - d >= 0]
        looked += [i for i in back if i not in starts]
        split = model.hidden_dim // model.mem_dim
        pointers = torch.stack([memories[i].pointers for i in looked])
        pointers = pointers.reshape(len(looked), objects, split, model.mem_dim)
        pointers = pointers.permute(0, 2, 1, 3).flatten(0, 1)
        keys.append(pointers)
        places.append(self._pointer_places([now - i for i in looked], total, split, pointers))

        coarse = features.coarse.expand(objects, -1, -1, -1)
        out = model.memory_attention(
            current_vision_features=_sequence(coarse),
            memory=torch.cat([k.to(self.dtype) for k in keys]),
            current_vision_position_embeddings=self._where.expand(-1, objects, -1),
            memory_posision_embeddings=torch.cat([p.to(self.dtype) for p in places]),
            num_object_pointer_tokens=pointers.shape[0],
        )
        return torch.as_tensor(
            out.reshape(objects, self._grid[0] * self._grid[1], -1)
            .transpose(1, 2)
            .reshape(objects, -1, *self._grid)
        )

    def _pointer_places(self, ages: list[int], total: int, split: int, pointers: Tensor) -> Tensor:
        """SAM 2.1 tells pointers apart by age; 2.0 does not."""
        if not self.model.config.enable_temporal_pos_encoding_for_object_pointers:
            return torch.zeros_like(pointers)
        half = self.model.hidden_dim // 2
        rates = 10000.0 ** (2 * (torch.arange(half, device=self.device) // 2) / half)
        angle = torch.tensor(ages, device=self.device)[:, None] / (min(total, POINTERS) - 1) / rates
        sine = torch.cat([angle.sin(), angle.cos()], dim=-1).to(self.dtype)
        places = self.model.temporal_positional_encoding_projection_layer(sine)
        return places.repeat_interleave(split, 0)[:, None].expand(-1, pointers.shape[1], -1)


def sine_map(channels: int, grid: int) -> Tensor:
    """The usual 2D sine position encoding of a square map, over 2 pi: float32 [1, channels, g, g]."""
    half = channels // 2
    place = torch.arange(1, grid + 1, dtype=torch.float32) / (grid + 1e-6) * 2 * math.pi
    rates = 10000.0 ** (2 * (torch.arange(half) // 2) / half)
    angle = place[:, None] / rates
    wave = torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)
    rows = wave[:, None].expand(-1, grid, -1)
    return torch.cat([rows, rows.transpose(0, 1)], dim=2).permute(2, 0, 1)[None]


def _rows(parts: Sequence[tuple[Features, int]]) -> Features:
    """The features of several frames, each as often as it has objects; of one frame as they are."""
    if len(parts) == 1:
        return parts[0][0]

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        rows = [t.expand(n, -1, -1, -1) for t, (_, n) in zip(tensors, parts, strict=True)]
        return torch.cat(rows)

    second = None
    if parts[0][0].second is not None:
        fine, middle = zip(*(f.second for f, _ in parts if f.second is not None), strict=True)
        second = (joined(fine), joined(middle))
    made = [f for f, _ in parts]
    return Features(
        joined([f.fine for f in made]),
        joined([f.middle for f in made]),
        joined([f.coarse for f in made]),
        second,
    )


def _sequence(maps: Tensor) -> Tensor:
    """[B, C, h, w] -> [h * w, B, C]."""
    return maps.flatten(2).permute(2, 0, 1)
