"""InternVL's published layout on transformers' own classes: no remote code, one transformers for all bases.

The language model is Qwen2, Qwen3, or InternLM2, which is Llama with its query, key and value rows packed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONTEXT = "<IMG_CONTEXT>"
_VISION = (
    (r"^vision_model\.embeddings\.class_embedding", "embeddings.cls_token"),
    (r"^vision_model\.embeddings\.position_embedding", "embeddings.position_embeddings"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "embeddings.patch_embeddings.projection."),
    (r"^vision_model\.encoder\.layers\.", "encoder.layer."),
    (r"\.attn\.proj\.", ".attention.projection_layer."),
    (r"\.attn\.([qk]_norm)\.", r".attention.\1."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.ls([12])$", r".lambda_\1"),
)
_INTERNLM2 = (
    ("tok_embeddings.", "embed_tokens."),
    (".attention.wo.", ".self_attn.o_proj."),
    (".feed_forward.w1.", ".mlp.gate_proj."),
    (".feed_forward.w3.", ".mlp.up_proj."),
    (".feed_forward.w2.", ".mlp.down_proj."),
    (".attention_norm.", ".input_layernorm."),
    (".ffn_norm.", ".post_attention_layernorm."),
)
_PROJECTOR = {"mlp1.0": "layer_norm", "mlp1.1": "linear_1", "mlp1.3": "linear_2"}


def load_internvl(folder: Path, dtype: torch.dtype, device: str) -> Any:
    """An InternVLForConditionalGeneration in eval mode from a folder in InternVLChatModel's layout."""
    from safetensors.torch import load_file
    from transformers import InternVLConfig, InternVLForConditionalGeneration

    content: dict[str, Any] = json.loads((folder / "config.json").read_text())
    llm, vision = dict(content["llm_config"]), content["vision_config"]
    packed = llm.get("model_type") == "internlm2"
    if packed:
        llm |= {"model_type": "llama", "attention_bias": bool(llm.get("bias"))}
    for name in ("architectures", "auto_map", "attn_implementation", "bias"):
        llm.pop(name, None)
    side = int(content.get("force_image_size") or vision["image_size"])
    config = InternVLConfig(
        text_config=llm,
        vision_config={
            "model_type": "internvl_vision",
            "hidden_size": vision["hidden_size"],
            "num_attention_heads": vision["num_attention_heads"],
            "num_hidden_layers": vision["num_hidden_layers"],
            "intermediate_size": vision["intermediate_size"],
            "image_size": [side, side],
            "patch_size": [vision["patch_size"]] * 2,
            "attention_bias": vision["qkv_bias"],
            "use_qk_norm": vision["qk_normalization"],
            "norm_type": vision.get("norm_type", "layer_norm"),
            "layer_norm_eps": vision["layer_norm_eps"],
            "hidden_act": vision["hidden_act"],
            "use_absolute_position_embeddings": True,
            # True means "no norm after the last layer", which the published vision model does not have.
            "use_mean_pooling": True,
        },
        downsample_ratio=content["downsample_ratio"],
        tie_word_embeddings=False,
    )
    with torch.device("meta"):
        model: Any = InternVLForConditionalGeneration(config)
    names = set(model.state_dict())
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        for name, value in load_file(file).items():
            weights |= _renamed(name, value.to(dtype), llm if packed else None)
    if missing := sorted(names - set(weights)):
        raise ValueError(f"{folder} lacks {len(missing)} tensors, the first is {missing[0]}")
    # Buffers (rotary tables) are computed, so they need a real build; parameters are then the file's.
    model = InternVLForConditionalGeneration(config).to(dtype)
    model.load_state_dict(weights)
    return model.to(device).eval()


def _renamed(name: str, value: Tensor, packed: Mapping[str, Any] | None) -> dict[str, Tensor]:
    if name.startswith("vision_model."):
        if match := re.match(r"vision_model\.encoder\.layers\.(\d+)\.attn\.qkv\.(weight|bias)", name):
            at = f"model.vision_tower.encoder.layer.{match[1]}.attention."
            return {f"{at}{n}_proj.{match[2]}": part for n, part in zip("qkv", value.chunk(3), strict=True)}
        for pattern, new in _VISION:
            name = re.sub(pattern, new, name)
        return {"model.vision_tower." + name.removeprefix("vision_model."): value}
    if name.startswith("mlp1."):
        layer, kind = name.rsplit(".", 1)
        return {f"model.multi_modal_projector.{_PROJECTOR[layer]}.{kind}": value}
    name = name.removeprefix("language_model.")
    if name in ("lm_head.weight", "output.weight"):
        return {"lm_head.weight": value}
    name = "model.language_model." + name.removeprefix("model.")
    if packed is None:
        return {name: value}
    if match := re.match(r"(.*)\.attention\.wqkv\.(weight|bias)", name):
        return {f"{match[1]}.self_attn.{n}_proj.{match[2]}": v for n, v in _unpacked(value, packed).items()}
    for old, new in _INTERNLM2:
        name = name.replace(old, new)
    return {name: value}


def _unpacked(value: Tensor, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Per key head: its query heads, then the key, then the value."""
    groups = config["num_attention_heads"] // config["num_key_value_heads"]
    size = config["hidden_size"] // config["num_attention_heads"]
    rows = value.reshape(config["num_key_value_heads"], groups + 2, size, *value.shape[1:])
    flat = {"q": rows[:, :groups], "k": rows[:, groups], "v": rows[:, groups + 1]}
    return {name: part.reshape(-1, *value.shape[1:]).contiguous() for name, part in flat.items()}


def pixels(images: list[Image.Image], side: int = 448) -> tuple[Tensor, list[int]]:
    """Normalised tiles [n, 3, side, side], and how many each image has: one, or more for a lone image."""
    tiles = [tiled(images[0], side)] if len(images) == 1 else [[image] for image in images]
    flat = np.stack(
        [np.asarray(t.resize((side, side), Image.Resampling.BICUBIC)) for ts in tiles for t in ts]
    )
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    out = (torch.from_numpy(flat).permute(0, 3, 1, 2).float() / 255 - mean) / std
    return out, [len(ts) for ts in tiles]


def tiled(image: Image.Image, side: int = 448, most: int = 12) -> list[Image.Image]:
    """InternVL's dynamic tiling: the grid nearest in aspect (the larger for a large image), a thumbnail."""
    grids = {(c, r) for c in range(1, most + 1) for r in range(1, most + 1) if c * r <= most}
    aspect, area = image.width / image.height, image.width * image.height
    best, nearest = (1, 1), float("inf")
    for grid in sorted(grids, key=lambda g: g[0] * g[1]):
        off = abs(aspect - grid[0] / grid[1])
        if off < nearest or (off == nearest and area > 0.5 * side * side * grid[0] * grid[1]):
            best, nearest = grid, off
    columns, rows = best
    grown = image.resize((side * columns, side * rows))
    tiles = [
        grown.crop((c * side, r * side, (c + 1) * side, (r + 1) * side))
        for r in range(rows)
        for c in range(columns)
    ]
    return tiles if len(tiles) == 1 else [*tiles, image.resize((side, side))]
