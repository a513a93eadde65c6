"""Tiny mask models with random weights in the real key layouts: `python tiny_masks.py KIND OUT`.

KIND is qwen2_5, qwen3, internvl_qwen2, internvl_internlm2 (Sa2VA), sa2va_i or unipixel. The language model is
a bigram table (large embeddings; the output row of a token holds the embedding of the one before it), so
greedy decoding says `Sure, [SEG].` in every engine while its states still depend on the frames. Needs torch,
transformers 5 and tokenizers.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

HIDDEN, LAYERS, VISION = 128, 3, 64
REAL_TEXT: dict[str, Any] = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "num_hidden_layers": 28,
    "vocab_size": 152064,
    "rope_scaling": {"rope_type": "default", "type": "default", "mrope_section": [16, 24, 24]},
}
REAL_VISION: dict[str, Any] = {
    "depth": 32,
    "hidden_size": 1280,
    "num_heads": 16,
    "intermediate_size": 3420,
    "out_hidden_size": 3584,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
"""Qwen2.5-VL-7B's, as its config.json says."""
SPOKEN = ("S", "u", "r", "e", ",", "Ġ", "[SEG]", ".", "<|im_end|>")
QWEN_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
INTERN_TOKENS = ("<img>", "</img>", "<IMG_CONTEXT>", "<image>")
QWEN_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for c in m['content'] %}{% if c['type'] in ('image', 'image_url') %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif c['type'] in ('video', 'video_url') %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}


def make(kind: str, out: Path, trunk: str = "hiera-t", *, real: bool = False) -> None:
    """`real`: with a language model of 7B (qwen2_5 alone), 17 GB on disk and in memory."""
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    intern, unipixel = kind.startswith(("internvl", "sa2va_i")), kind == "unipixel"
    seg = "<|seg|>" if unipixel else "[SEG]"
    ids = write_tokenizer(out, INTERN_TOKENS if intern else QWEN_TOKENS, seg, None if intern else QWEN_CHAT)
    config, weights = internvl(kind, ids) if intern else qwen(kind, ids, out, real)
    hidden = REAL_TEXT["hidden_size"] if real else HIDDEN
    make_bigrams(weights, ids, ["S", "u", "r", "e", ",", "Ġ", seg, ".", "<|im_end|>"])
    sam = sam2_weights(new=unipixel, trunk=trunk)
    prefix = "sam2." if unipixel else "grounding_encoder.sam2_model."
    weights |= {prefix + k: v for k, v in sam.items()}
    if kind == "sa2va_i":
        own = {k: v for k, v in sam2_weights(seed=5).items() if k.startswith("sam_mask_decoder.")}
        weights |= {prefix + k.replace("decoder.", "decoder_modified.", 1): v for k, v in own.items()}
    if unipixel:
        weights |= {"seg_head.0.weight": spread(HIDDEN)} | linear("seg_head.1", HIDDEN, HIDDEN)
        weights |= linear("seg_head.3", 512, HIDDEN)
    else:
        weights |= linear("text_hidden_fcs.0", hidden, hidden) | linear("text_hidden_fcs.2", 256, hidden)
        weights["text_hidden_fcs.2.weight"] *= 4
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in weights.items()}, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(config, indent=1))


def write_tokenizer(out: Path, more: tuple[str, ...], seg: str, chat: str | None) -> dict[str, int]:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", *more, seg]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(special + letters)}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(special)
    bpe.save(str(out / "tokenizer.json"))
    kind = (
        {"tokenizer_class": "PreTrainedTokenizerFast"}
        if chat is None
        else {"tokenizer_class": "Qwen2TokenizerFast"}
    )
    added = {str(i): _added(token) for i, token in enumerate(special)}
    config = kind | {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "added_tokens_decoder": added}
    if chat is not None:
        (out / "chat_template.jinja").write_text(chat)
    else:
        config |= {"bos_token": "<s>"}
        tokens = {"start_image_token": "<img>", "end_image_token": "</img>"}
        config["extra_special_tokens"] = tokens | {"context_image_token": "<IMG_CONTEXT>"}
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    (out / "vocab.json").write_text(json.dumps(vocabulary))
    (out / "merges.txt").write_text("#version: 0.2\n")
    # A penalty that must not reach the engine: the reference decodes without it.
    eos = vocabulary["<|im_end|>"]
    (out / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [eos], "repetition_penalty": 1.5})
    )
    return vocabulary


def _added(token: str) -> dict[str, Any]:
    flags = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
    return {"content": token, "special": True, **flags}


def qwen(
    kind: str, ids: dict[str, int], out: Path, real: bool = False
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from transformers import AutoConfig, AutoModelForImageTextToText

    third = kind == "qwen3"
    text = TEXT | {"vocab_size": len(ids), "eos_token_id": ids["<|im_end|>"], "rope_theta": 1e6}
    patch = 16 if third else 14
    vision: dict[str, Any] = {
        "depth": 3 if third else 2,
        "hidden_size": VISION,
        "num_heads": 4,
        "intermediate_size": 128,
        "out_hidden_size": HIDDEN,
        "patch_size": patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    if third:
        rope = {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [6, 5, 5]}
        text |= {"model_type": "qwen3_vl_text", "head_dim": 32, "rope_scaling": rope}
        vision |= {"num_position_embeddings": 2304, "deepstack_visual_indexes": [0, 1], "in_channels": 3}
        vision |= {"model_type": "qwen3_vl", "hidden_act": "gelu_pytorch_tanh"}
    else:
        rope = {"rope_type": "default", "type": "default", "mrope_section": [4, 6, 6]}
        text |= {"model_type": "qwen2_5_vl_text", "rope_scaling": rope}
        vision |= {"window_size": 112, "fullatt_block_indexes": [1], "in_channels": 3, "in_chans": 3}
        vision |= {"model_type": "qwen2_5_vl", "hidden_act": "silu", "tokens_per_second": 2}
    if real:
        text, vision = text | REAL_TEXT, vision | REAL_VISION
    config: dict[str, Any] = {
        "text_config": text,
        "vision_config": vision,
        "tie_word_embeddings": False,
        "dtype": "bfloat16",
        **{f"{n}_token_id": ids[f"<|{n}_pad|>"] for n in ("image", "video")},
        **{f"vision_{n}_token_id": ids[f"<|vision_{n}|>"] for n in ("start", "end")},
    }
    processor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen3VLProcessor" if third else "Qwen2_5_VLProcessor",
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "min_pixels": 3136,
        "max_pixels": 12845056,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (out / "preprocessor_config.json").write_text(json.dumps(processor))
    video = dict(processor, size={"shortest_edge": 3136, "longest_edge": 12845056})
    del video["image_processor_type"], video["min_pixels"], video["max_pixels"]
    video["video_processor_type"] = "Qwen3VLVideoProcessor" if third else "Qwen2VLVideoProcessor"
    (out / "video_preprocessor_config.json").write_text(json.dumps(video))
    plain = dict(config, model_type="qwen3_vl" if third else "qwen2_5_vl")
    # Its own weights are not used: where they are many they are not made.
    with torch.device("meta" if real else "cpu"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(**plain))
    weights = {k: spread_like(k, v).to(torch.bfloat16) for k, v in model.state_dict().items()}
    if kind == "unipixel":
        config |= {"model_type": "pixel_qwen2_5_vl", "sam2_image_size": 256, "sam2_hidden_tokens": 2}
        config["architectures"] = ["PixelQwen2_5_VLForConditionalGeneration"]
        return config, weights
    # transformers 4.57 leaves the wrapper's class name in text_config.
    text["architectures"] = ["Sa2VAChatModelQwen"]
    config |= {
        "model_type": "sa2va_chat",
        "auto_map": {"AutoModel": "modeling_sa2va_qwen.Sa2VAChatModelQwen"},
    }
    return config, {"model." + k: v for k, v in weights.items()}


def internvl(kind: str, ids: dict[str, int]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    internlm = kind == "internvl_internlm2"
    llm = TEXT | {"vocab_size": len(ids), "eos_token_id": ids["<|im_end|>"], "bos_token_id": ids["<s>"]}
    if internlm:
        llm |= {"architectures": ["InternLM2ForCausalLM"], "model_type": "internlm2", "bias": False}
        llm |= {"rope_theta": 1e6, "attn_implementation": "eager"}
    else:
        llm |= {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rope_theta": 1e6}
    vision = {
        "architectures": ["InternVisionModel"],
        "model_type": "intern_vit_6b",
        "hidden_size": VISION,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "image_size": 448,
        "patch_size": 14,
        "qkv_bias": True,
        "qk_normalization": False,
        "norm_type": "layer_norm",
        "use_flash_attn": False,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "initializer_factor": 0.1,
        "num_channels": 3,
        "drop_path_rate": 0.0,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    }
    config = {
        "model_type": "sa2va_chat",
        "auto_map": {"AutoModel": "modeling_sa2va_chat.Sa2VAChatModel"},
        "template": "internlm2_chat" if internlm else "qwen_chat",
        "force_image_size": 448,
        "downsample_ratio": 0.5,
        "ps_version": "v2",
        "select_layer": -1,
        "dynamic_image_size": True,
        "use_thumbnail": True,
        "llm_config": llm,
        "vision_config": vision,
        "torch_dtype": "bfloat16",
    }
    w: dict[str, Tensor] = {
        "vision_model.embeddings.class_embedding": torch.randn(1, 1, VISION),
        "vision_model.embeddings.position_embedding": torch.randn(1, 1025, VISION),
        "vision_model.embeddings.patch_embedding.weight": torch.randn(VISION, 3, 14, 14) * 0.1,
        "vision_model.embeddings.patch_embedding.bias": torch.randn(VISION) * 0.1,
        "mlp1.0.weight": spread(4 * VISION),
        "mlp1.0.bias": torch.randn(4 * VISION) * 0.1,
        **linear("mlp1.1", HIDDEN, 4 * VISION),
        **linear("mlp1.3", HIDDEN, HIDDEN),
    }
    for i in range(2):
        at = f"vision_model.encoder.layers.{i}."
        w |= linear(at + "attn.qkv", 3 * VISION, VISION) | linear(at + "attn.proj", VISION, VISION)
        w |= linear(at + "mlp.fc1", 128, VISION) | linear(at + "mlp.fc2", VISION, 128)
        w |= {at + n: spread(VISION) for n in ("norm1.weight", "norm2.weight", "ls1", "ls2")}
        w |= {at + n: torch.randn(VISION) * 0.1 for n in ("norm1.bias", "norm2.bias")}
    w |= internlm2(len(ids)) if internlm else qwen2(len(ids))
    return config, w


def qwen2(vocabulary: int) -> dict[str, Tensor]:
    root = "language_model.model."
    w = {root + "embed_tokens.weight": torch.zeros(vocabulary, HIDDEN), root + "norm.weight": spread(HIDDEN)}
    w["language_model.lm_head.weight"] = torch.zeros(vocabulary, HIDDEN)
    for i in range(LAYERS):
        at = f"{root}layers.{i}."
        for name, rows in (("q", HIDDEN), ("k", HIDDEN // 2), ("v", HIDDEN // 2)):
            w |= linear(f"{at}self_attn.{name}_proj", rows, HIDDEN)
        w[at + "self_attn.o_proj.weight"] = matrix(HIDDEN, HIDDEN)
        for name in ("gate", "up"):
            w[f"{at}mlp.{name}_proj.weight"] = matrix(2 * HIDDEN, HIDDEN)
        w[at + "mlp.down_proj.weight"] = matrix(HIDDEN, 2 * HIDDEN)
        w |= {at + n + "_layernorm.weight": spread(HIDDEN) for n in ("input", "post_attention")}
    return w


def internlm2(vocabulary: int) -> dict[str, Tensor]:
    root = "language_model.model."
    w = {
        root + "tok_embeddings.weight": torch.zeros(vocabulary, HIDDEN),
        root + "norm.weight": spread(HIDDEN),
    }
    w["language_model.output.weight"] = torch.zeros(vocabulary, HIDDEN)
    for i in range(LAYERS):
        at = f"{root}layers.{i}."
        w[at + "attention.wqkv.weight"] = matrix(2 * HIDDEN, HIDDEN)
        w[at + "attention.wo.weight"] = matrix(HIDDEN, HIDDEN)
        w |= {f"{at}feed_forward.w{n}.weight": matrix(2 * HIDDEN, HIDDEN) for n in (1, 3)}
        w[at + "feed_forward.w2.weight"] = matrix(HIDDEN, 2 * HIDDEN)
        w |= {at + n + "_norm.weight": spread(HIDDEN) for n in ("attention", "ffn")}
    return w


def make_bigrams(weights: dict[str, Tensor], ids: dict[str, int], spoken: list[str]) -> None:
    """Greedy decoding from the end of the prompt (a newline) says `spoken`."""
    (embed,) = (k for k in weights if k.endswith(("embed_tokens.weight", "tok_embeddings.weight")))
    (head,) = (k for k in weights if k.endswith(("lm_head.weight", "language_model.output.weight")))
    shape = weights[embed].shape
    table = torch.randn(shape) * 8
    weights[embed] = table
    weights[head] = torch.randn(shape) * 0.02
    for before, after in zip(["Ċ", *spoken], spoken, strict=False):
        weights[head][ids[after]] += 0.5 * table[ids[before]]


def sam2_weights(new: bool = False, seed: int = 1, trunk: str = "hiera-t") -> dict[str, Tensor]:
    """SAM 2 (or, `new`, 2.1) under its original names, spread at random."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    from sightbench.servers.masks.sam2 import TRUNKS, vision_config

    torch.manual_seed(seed)
    size = next(one for one in TRUNKS if one.name == trunk)
    model = Sam2VideoModel(
        Sam2VideoConfig(
            vision_config=vision_config(size, 1024),
            enable_temporal_pos_encoding_for_object_pointers=new,
            enable_occlusion_spatial_embedding=new,
        )
    )
    out: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if name == "shared_image_embedding.positional_embedding":
            continue
        made = spread_like(name, value)
        if name == "prompt_encoder.point_embed.weight":
            out |= {f"sam_prompt_encoder.point_embeddings.{i}.weight": made[i : i + 1] for i in range(4)}
        else:
            out[original_name(name, new)] = made
    return out


ORIGINAL = (
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^vision_encoder\.neck\.convs\.(\d)\.", r"image_encoder.neck.convs.\1.conv."),
    (
        r"^prompt_encoder\.shared_embedding.*",
        "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"^prompt_encoder\.mask_embed\.conv1", "sam_prompt_encoder.mask_downscaling.0"),
    (r"^prompt_encoder\.mask_embed\.layer_norm1", "sam_prompt_encoder.mask_downscaling.1"),
    (r"^prompt_encoder\.mask_embed\.conv2", "sam_prompt_encoder.mask_downscaling.3"),
    (r"^prompt_encoder\.mask_embed\.layer_norm2", "sam_prompt_encoder.mask_downscaling.4"),
    (r"^prompt_encoder\.mask_embed\.conv3", "sam_prompt_encoder.mask_downscaling.6"),
    (r"^prompt_encoder\.", "sam_prompt_encoder."),
    (r"^mask_decoder\.upscale_conv1", "sam_mask_decoder.output_upscaling.0"),
    (r"^mask_decoder\.upscale_layer_norm", "sam_mask_decoder.output_upscaling.1"),
    (r"^mask_decoder\.upscale_conv2", "sam_mask_decoder.output_upscaling.3"),
    (r"^mask_decoder\.", "sam_mask_decoder."),
    (r"^object_pointer_proj\.", "obj_ptr_proj."),
    (r"^temporal_positional_encoding_projection_layer\.", "obj_ptr_tpos_proj."),
    (r"^memory_encoder\.memory_fuser\.", "memory_encoder.fuser."),
    (r"^memory_encoder\.projection\.", "memory_encoder.out_proj."),
    (r"^memory_encoder\.feature_projection\.", "memory_encoder.pix_feat_proj."),
    (r"mask_downsampler\.final_conv", "mask_downsampler.encoder.12"),
    (r"depthwise_conv", "dwconv"),
    (r"pointwise_conv", "pwconv"),
    (r"patch_embed\.projection", "patch_embed.proj"),
    (r"o_proj", "out_proj"),
    (r"layer_norm_final_attn", "norm_final_attn"),
    (r"layer_norm", "norm"),
)
SINGLE = {
    "memory_temporal_positional_encoding": "maskmem_tpos_enc",
    "no_memory_embedding": "no_mem_embed",
    "no_memory_positional_encoding": "no_mem_pos_enc",
    "no_object_pointer": "no_obj_ptr",
    "occlusion_spatial_embedding_parameter": "no_obj_embed_spatial",
}


def original_name(name: str, new: bool) -> str:
    if name in SINGLE:
        return SINGLE[name]
    if found := re.match(r"memory_encoder\.mask_downsampler\.layers\.(\d)\.(conv|layer_norm)\.(.*)", name):
        step = 3 * int(found[1]) + (found[2] == "layer_norm")
        return f"memory_encoder.mask_downsampler.encoder.{step}.{found[3]}"
    for pattern, text in ORIGINAL:
        name = re.sub(pattern, text, name)
    # UniPixel renames the fuser's scale once more than Sa2VA does.
    name = re.sub(r"(fuser\.layers\.\d)\.scale$", r"\1.weight" if new else r"\1.g_weight", name)
    deep = "iou_prediction_head|pred_obj_score_head|output_hypernetworks_mlps|obj_ptr_proj"
    if re.search(deep, name):
        name = name.replace(".layers.0.", ".layers.1.")
    name = name.replace("proj_in", "layers.0")
    return name.replace("proj_out", "layers.2" if re.search(deep, name) else "layers.1")


def spread_like(name: str, value: Tensor) -> Tensor:
    """Random values of a scale that keeps activations alive: by fan-in for matrices, near one for norms."""
    if value.dim() >= 2 and "embed" not in name and "encoding" not in name and "pointer" not in name:
        return torch.randn(value.shape) / value[0].numel() ** 0.5
    if value.dim() >= 2:
        return torch.randn(value.shape) * 0.5
    if name.endswith("bias"):
        return torch.randn(value.shape) * 0.1
    return spread(value.shape[0])


def spread(size: int) -> Tensor:
    return 1 + 0.1 * torch.randn(size)


def matrix(rows: int, columns: int) -> Tensor:
    return torch.randn(rows, columns) / columns**0.5


def linear(name: str, rows: int, columns: int) -> dict[str, Tensor]:
    return {name + ".weight": matrix(rows, columns), name + ".bias": torch.randn(rows) * 0.1}


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
