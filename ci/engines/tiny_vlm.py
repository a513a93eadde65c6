"""Writes a tiny vision-language checkpoint without weights: engines load it with random ones.

usage: tiny_vlm.py FAMILY FOLDER     FAMILY: qwen2.5-vl, qwen3-vl, internvl, llava-onevision

Configuration, tokenizer and processor files have the layout of the real models, so that prompts, token
counts, limits and errors are the engine's own; answers are noise. Needs transformers and tokenizers.
"""

import json
import sys
from pathlib import Path

TURNS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
HALF = [0.5, 0.5, 0.5]
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
SENTENCES = (
    "which object is closer to the camera and where does it move, left or right?",
    "A. B. C. D. Answer with the option's letter from the given choices directly.",
    "system user assistant <0.5 seconds> Frame1: Please segment the object.",
)
INTERNVL_CONFIG = '''"""What an engine reads of InternVL's configuration."""

from transformers import PretrainedConfig, Qwen2Config


class VisionConfig(PretrainedConfig):
    model_type = "intern_vit_6b"


class InternVLChatConfig(PretrainedConfig):
    model_type = "internvl_chat"
    is_composition = True

    def __init__(self, vision_config=None, llm_config=None, **rest):
        self.vision_config = VisionConfig(**(vision_config or {}))
        self.llm_config = Qwen2Config(**(llm_config or {}))
        super().__init__(**rest)

    def get_text_config(self, *args, **kwargs):
        return self.llm_config
'''


def chat_template(image: str, video: str) -> str:
    """Turns as `<|im_start|>role ... <|im_end|>`, media as their placeholders in the order of the parts."""
    part = (
        "{%- if 'image' in part.type -%}"
        + image
        + "{%- elif 'video' in part.type -%}"
        + video
        + "{%- else -%}"
        "{{ part.text }}{%- endif -%}"
    )
    return (
        "{%- for turn in messages -%}{{ '<|im_start|>' + turn.role + '\\n' }}"
        "{%- if turn.content is string -%}{{ turn.content }}{%- else -%}"
        "{%- for part in turn.content -%}" + part + "{%- endfor -%}{%- endif -%}"
        "{{ '<|im_end|>\\n' }}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
    )


def tokenizer(special: list[str], template: str):
    """A byte-level BPE of a few hundred tokens that knows the family's special ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=TURNS + special, initial_alphabet=alphabet)
    bpe.train_from_iterator(SENTENCES * 8, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=special,
        chat_template=template,
    )


def language_model(words) -> dict:
    """A Qwen2-like decoder of two layers; a head of 32 is the smallest the CPU kernels take."""
    return {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "vocab_size": -(-len(words) // 64) * 64,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": words.convert_tokens_to_ids("<|im_end|>"),
    }


VISION = {"hidden_size": 64, "intermediate_size": 128}
QWEN_MEDIA = ["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
QWEN_PARTS = tuple(f"{QWEN_MEDIA[0]}<|{kind}_pad|>{QWEN_MEDIA[1]}" for kind in ("image", "video"))


def _qwen_ids(words) -> dict:
    ids = words.convert_tokens_to_ids
    return {f"{name}_token_id": ids(f"<|{name}|>") for name in ("vision_start", "vision_end")} | {
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
    }


def qwen2_5_vl(words) -> dict[str, dict]:
    patches = {"patch_size": 14, "temporal_patch_size": 2}
    vision = (
        VISION
        | patches
        | {
            "depth": 2,
            "num_heads": 4,
            "out_hidden_size": 128,
            "spatial_merge_size": 2,
            "spatial_patch_size": 14,
            "window_size": 112,
            "fullatt_block_indexes": [1],
            "in_chans": 3,
            "tokens_per_second": 2,
            "hidden_act": "silu",
        }
    )
    return {
        "config.json": language_model(words)
        | _qwen_ids(words)
        | {
            "architectures": ["Qwen2_5_VLForConditionalGeneration"],
            "model_type": "qwen2_5_vl",
            "vision_token_id": words.convert_tokens_to_ids("<|vision_pad|>"),
            "rope_theta": 1e6,
            "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
            "vision_config": vision,
        },
        "preprocessor_config.json": CLIP
        | patches
        | {
            "merge_size": 2,
            "min_pixels": 56 * 56,
            "max_pixels": 12845056,
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2_5_VLProcessor",
        },
    }


def qwen3_vl(words) -> dict[str, dict]:
    patches = {"patch_size": 16, "temporal_patch_size": 2}
    shown = patches | {"merge_size": 2, "image_mean": HALF, "image_std": HALF}
    rope = {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [6, 5, 5]}
    text = {"model_type": "qwen3_vl_text", "head_dim": 32, "rope_theta": 5e6, "rope_scaling": rope}
    vision = (
        VISION
        | patches
        | {
            "model_type": "qwen3_vl",
            "depth": 3,
            "num_heads": 4,
            "out_hidden_size": 128,
            "spatial_merge_size": 2,
            "num_position_embeddings": 48 * 48,
            "deepstack_visual_indexes": [0, 1],
            "in_channels": 3,
            "hidden_act": "gelu_pytorch_tanh",
        }
    )
    return {
        "config.json": _qwen_ids(words)
        | {
            "architectures": ["Qwen3VLForConditionalGeneration"],
            "model_type": "qwen3_vl",
            "tie_word_embeddings": True,
            "text_config": language_model(words) | text,
            "vision_config": vision,
        },
        "preprocessor_config.json": shown
        | {
            "size": {"longest_edge": 16777216, "shortest_edge": 65536},
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
        },
        "video_preprocessor_config.json": shown
        | {
            "size": {"longest_edge": 25165824, "shortest_edge": 4096},
            "video_processor_type": "Qwen3VLVideoProcessor",
            "processor_class": "Qwen3VLProcessor",
        },
    }


def internvl(words) -> dict[str, dict]:
    """The remote-code layout of the published checkpoints (InternVLChatModel)."""
    vision = VISION | {
        "architectures": ["InternVisionModel"],
        "model_type": "intern_vit_6b",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
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
    llm = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rope_theta": 1e6}
    return {
        "config.json": {
            "architectures": ["InternVLChatModel"],
            "model_type": "internvl_chat",
            "auto_map": {"AutoConfig": "configuration_internvl_chat.InternVLChatConfig"},
            "downsample_ratio": 0.5,
            "dynamic_image_size": True,
            "force_image_size": 448,
            "min_dynamic_patch": 1,
            "max_dynamic_patch": 12,
            "ps_version": "v2",
            "select_layer": -1,
            "template": "internvl2_5",
            "use_thumbnail": True,
            "pad2square": False,
            "llm_config": language_model(words) | llm,
            "vision_config": vision,
        },
        "preprocessor_config.json": IMAGENET
        | {
            "crop_size": 448,
            "size": 448,
            "do_center_crop": True,
            "do_normalize": True,
            "do_resize": True,
            "resample": 3,
            "feature_extractor_type": "CLIPFeatureExtractor",
        },
    }


def llava_onevision(words) -> dict[str, dict]:
    steps = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_convert_rgb": True}
    shown = steps | {
        "size": {"height": 384, "width": 384},
        "resample": 3,
        "image_mean": HALF,
        "image_std": HALF,
        "processor_class": "LlavaOnevisionProcessor",
    }
    pinpoints = [[384, 384], [384, 768], [768, 384], [768, 768]]
    vision = VISION | {
        "model_type": "siglip_vision_model",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "image_size": 384,
        "patch_size": 14,
        "vision_use_head": False,
    }
    aspect = {"vision_aspect_ratio": "anyres_max_9", "vision_feature_select_strategy": "full"}
    return {
        "config.json": aspect
        | {
            "architectures": ["LlavaOnevisionForConditionalGeneration"],
            "model_type": "llava_onevision",
            "image_token_index": words.convert_tokens_to_ids("<image>"),
            "video_token_index": words.convert_tokens_to_ids("<video>"),
            "projector_hidden_act": "gelu",
            "vision_feature_layer": -1,
            "tie_word_embeddings": True,
            "image_grid_pinpoints": pinpoints,
            "multimodal_projector_bias": True,
            "text_config": language_model(words) | {"model_type": "qwen2"},
            "vision_config": vision,
        },
        "preprocessor_config.json": shown
        | {
            "do_pad": True,
            "image_grid_pinpoints": pinpoints,
            "image_processor_type": "LlavaOnevisionImageProcessor",
        },
        "video_preprocessor_config.json": shown | {"video_processor_type": "LlavaOnevisionVideoProcessor"},
        "processor_config.json": aspect
        | {
            "processor_class": "LlavaOnevisionProcessor",
            "num_image_tokens": 729,
            "image_token": "<image>",
            "video_token": "<video>",
        },
    }


FAMILIES = {
    "qwen2.5-vl": (qwen2_5_vl, QWEN_MEDIA, QWEN_PARTS),
    "qwen3-vl": (qwen3_vl, QWEN_MEDIA, QWEN_PARTS),
    "internvl": (
        internvl,
        ["<img>", "</img>", "<IMG_CONTEXT>", "<video>", "<|video_pad|>"],
        ("{{ '<image>\\n' }}", "{{ '<video>\\n' }}"),
    ),
    "llava-onevision": (
        llava_onevision,
        ["<image>", "<video>"],
        ("{{ '<image>\\n' }}", "{{ '<video>\\n' }}"),
    ),
}


def write(family: str, folder: Path) -> None:
    make, special, parts = FAMILIES[family]
    template = chat_template(*parts)
    words = tokenizer(special, template)
    files = make(words)
    files["config.json"]["torch_dtype"] = "bfloat16"
    files["generation_config.json"] = {
        "bos_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": [words.convert_tokens_to_ids("<|im_end|>")],
    }
    files["chat_template.json"] = {"chat_template": template}
    words.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Qwen2TokenizerFast", "chat_template": template}
    if processor := files["preprocessor_config.json"].get("processor_class"):
        settings["processor_class"] = processor
    files["tokenizer_config.json"] = settings
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1))
    if family == "internvl":
        (folder / "configuration_internvl_chat.py").write_text(INTERNVL_CONFIG)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in FAMILIES:
        sys.exit(__doc__)
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    write(sys.argv[1], folder)
