"""SAM 2 on transformers' Sam2Video modules, filled from a checkpoint that uses the original key names.

Trunk (Hiera T, S, B+ or L) and generation (2.0 or 2.1) are read from the weights; nothing is assumed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Trunk:
    """One Hiera size: what its weights' shapes do not say."""

    name: str
    embed_dim: int
    blocks: tuple[int, int, int, int]
    heads: int
    global_blocks: tuple[int, int, int]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)


TRUNKS = (
    Trunk("hiera-t", 96, (1, 2, 7, 2), 1, (5, 7, 9)),
    Trunk("hiera-s", 96, (1, 2, 11, 2), 1, (7, 10, 13)),
    Trunk("hiera-b+", 112, (2, 3, 16, 3), 2, (12, 16, 20)),
    Trunk("hiera-l", 144, (2, 6, 36, 4), 2, (23, 33, 43), (8, 4, 16, 8)),
)

_MLP3 = {"layers.0": "proj_in", "layers.1": "layers.0", "layers.2": "proj_out"}
_MLP2 = {"layers.0": "proj_in", "layers.1": "proj_out"}
_PREFIX = (
    ("image_encoder.trunk.", "vision_encoder.backbone."),
    ("image_encoder.neck.", "vision_encoder.neck."),
    ("sam_mask_decoder.", "mask_decoder."),
    ("sam_prompt_encoder.", "prompt_encoder."),
    ("obj_ptr_proj.", "object_pointer_proj."),
)
_EXACT = {
    "maskmem_tpos_enc": "memory_temporal_positional_encoding",
    "no_mem_embed": "no_memory_embedding",
    "no_mem_pos_enc": "no_memory_positional_encoding",
    "no_obj_ptr": "no_object_pointer",
    "no_obj_embed_spatial": "occlusion_spatial_embedding_parameter",
}
_PART = (
    (r"^vision_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^(vision_encoder\.backbone\.patch_embed\.)proj\.", r"\1projection."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
    (r"(memory_fuser\.layers\.\d+)\.(?:g_weight|gamma|weight)$", r"\1.scale"),
    (r"\.out_proj\.", ".o_proj."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"\.norm(\d?)\.", r".layer_norm\1."),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
)
_THREE_LAYER = re.compile(
    r"(.*(?:iou_prediction_head|pred_obj_score_head|output_hypernetworks_mlps\.\d+|object_pointer_proj)\.)"
    r"(layers\.\d)(\..*)"
)
_TWO_LAYER = re.compile(r"(.*\.mlp\.)(layers\.\d)(\..*)")


SECOND = "sam_mask_decoder_modified."
"""Sa2VA-i's finetuned copy of the mask decoder."""


def trunk_of(weights: Mapping[str, Tensor]) -> Trunk:
    """The Hiera size of SAM 2 weights under their original names; ValueError if it is none of the four."""
    dim = weights["image_encoder.trunk.patch_embed.proj.weight"].shape[0]
    depth = 1 + max(int(k.split(".")[3]) for k in weights if k.startswith("image_encoder.trunk.blocks."))
    for trunk in TRUNKS:
        if (trunk.embed_dim, sum(trunk.blocks)) == (dim, depth):
            return trunk
    raise ValueError(f"no SAM 2 trunk has embedding size {dim} and {depth} blocks")


def rename(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """SAM 2's original parameter names -> transformers' Sam2VideoModel's; values untouched."""
    out: dict[str, Tensor] = {}
    points: dict[int, Tensor] = {}
    for key, value in weights.items():
        if key == "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix":
            out["shared_image_embedding.positional_embedding"] = value
            out["prompt_encoder.shared_embedding.positional_embedding"] = value
            continue
        if key.startswith("sam_prompt_encoder.point_embeddings."):
            points[int(key.split(".")[2])] = value
            continue
        out[_renamed(key)] = value
    out["prompt_encoder.point_embed.weight"] = torch.cat([points[i] for i in sorted(points)])
    return out


def _renamed(key: str) -> str:
    if key in _EXACT:
        return _EXACT[key]
    for old, new in _PREFIX:
        if key.startswith(old):
            key = new + key[len(old) :]
    if found := re.match(r"memory_encoder\.mask_downsampler\.encoder\.(\d+)\.(.*)", key):
        # The original is one Sequential of (conv, norm, activation) triples and a last 1x1 convolution.
        step, rest = int(found[1]), found[2]
        if step == 12:
            return f"memory_encoder.mask_downsampler.final_conv.{rest}"
        return f"memory_encoder.mask_downsampler.layers.{step // 3}.{('conv', 'layer_norm')[step % 3]}.{rest}"
    for pattern, new in _PART:
        key = re.sub(pattern, new, key)
    if found := _THREE_LAYER.match(key):
        return found[1] + _MLP3[found[2]] + found[3]
    if found := _TWO_LAYER.match(key):
        return found[1] + _MLP2[found[2]] + found[3]
    return key


def vision_config(trunk: Trunk, image_size: int, background: tuple[int, int] = (7, 7)) -> dict[str, object]:
    """transformers' configuration of the image encoder; its positions are kept at the size `background`."""
    dims = [trunk.embed_dim * 2**i for i in range(4)]
    grid = image_size // 16
    return {
        "model_type": "sam2_vision_model",
        "backbone_channel_list": dims[::-1],
        "backbone_feature_sizes": [[grid * 4] * 2, [grid * 2] * 2, [grid] * 2],
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "image_size": [image_size, image_size],
            "hidden_size": trunk.embed_dim,
            "num_attention_heads": trunk.heads,
            "blocks_per_stage": list(trunk.blocks),
            "embed_dim_per_stage": dims,
            "num_attention_heads_per_stage": [trunk.heads * 2**i for i in range(4)],
            "window_size_per_stage": list(trunk.windows),
            "global_attention_blocks": list(trunk.global_blocks),
            "window_positional_embedding_background_size": list(background),
        },
    }


def load_sam2(
    weights: Mapping[str, Tensor], image_size: int, device: torch.device, dtype: torch.dtype
) -> Any:
    """A Sam2VideoModel in eval mode with exactly these weights.

    `weights` has SAM 2's original names (no prefix). ValueError if a tensor is missing or left over.
    """
    from transformers import Sam2VideoConfig, Sam2VideoModel

    background = weights["image_encoder.trunk.pos_embed"].shape[-2:]
    grid = image_size // 16
    config = Sam2VideoConfig(
        image_size=image_size,
        vision_config=vision_config(trunk_of(weights), image_size, (background[0], background[1])),
        prompt_encoder_config={"image_size": image_size},
        memory_attention_rope_feat_sizes=[grid, grid],
        enable_temporal_pos_encoding_for_object_pointers="obj_ptr_tpos_proj.weight" in weights,
        enable_occlusion_spatial_embedding="no_obj_embed_spatial" in weights,
    )
    model = Sam2VideoModel(config)
    named = rename({k: v for k, v in weights.items() if not k.startswith(SECOND)})
    expected = set(model.state_dict())
    if missing := sorted(expected - set(named)):
        raise ValueError(f"SAM 2 weights lack {len(missing)} tensors, the first is {missing[0]}")
    if extra := sorted(set(named) - expected):
        raise ValueError(f"{len(extra)} SAM 2 tensors are not known, the first is {extra[0]}")
    model.load_state_dict(named)
    return model.to(device=device, dtype=dtype).eval()


def load_second_decoder(model: Any, weights: Mapping[str, Tensor]) -> Any:
    """Sa2VA-i's second mask decoder, beside `model`'s own; ValueError if a tensor is missing or left over."""
    held = {k.removeprefix(SECOND): v for k, v in weights.items() if k.startswith(SECOND)}
    named = {_renamed("sam_mask_decoder." + k).removeprefix("mask_decoder."): v for k, v in held.items()}
    second = copy.deepcopy(model.mask_decoder)
    if set(named) != set(second.state_dict()):
        raise ValueError(f"the second mask decoder has {len(named)} tensors, not {len(second.state_dict())}")
    second.load_state_dict(named)
    return second
