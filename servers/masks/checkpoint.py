"""A mask model's checkpoint as two halves: what an engine serves, and what draws the masks.

`split` writes OUT/llm (a plain checkpoint of the language model), OUT/head.safetensors (SAM 2, the
projection of the [SEG] state, the final norm) and OUT/masks.json (a `Model`: how the two go together).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sightbench.servers.masks import tensors

Family = Literal["qwen2_5_vl", "qwen3_vl", "internvl"]
DecoderName = Literal["sa2va", "sa2va_i", "unipixel"]

SIDECAR = "masks.json"
HEAD = "head.safetensors"
LLM = "llm"
_HEAD_PREFIXES = ("grounding_encoder.", "text_hidden_fcs.")
_UNIPIXEL_HEAD = ("sam2.", "seg_head.")
_UNIPIXEL_TRAINING = ("ref_encoder.", "ref_proj", "tem_", "msk_proj.")
DEFAULT_IMAGE_SIZE = 1024


class CheckpointError(Exception):
    """A folder that is not a mask model we know: one line, what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Model:
    """What the gateway must know about a split checkpoint.

    `normed`: the head was fitted to states after the final norm (Sa2VA on transformers 4.57: true for
    every base but Qwen3-VL). `shift`: which position's state is read, relative to the [SEG] token.
    `llm_frames`: how many frames the language model sees; `image_size`: side of SAM 2's square input.
    """

    family: Family
    decoder: DecoderName
    seg_token: str
    seg_token_id: int
    normed: bool
    shift: int
    llm_frames: int
    image_size: int
    num_layers: int
    hidden_size: int
    rms_eps: float
    max_tokens: int
    eos_token_ids: tuple[int, ...]
    tokenizer_code: bool
    llm_architecture: str


def load_model(folder: Path) -> Model:
    """The `Model` of a folder that `split` wrote; CheckpointError if it is not one."""
    file = folder / SIDECAR
    if not file.is_file():
        raise CheckpointError(
            f"{folder} is not a split checkpoint ({SIDECAR} is missing): "
            f"run `python -m sightbench.servers.masks split CHECKPOINT {folder}` first"
        )
    content = _read_json(file)
    try:
        return Model(**{**content, "eos_token_ids": tuple(content["eos_token_ids"])})
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{file} was written by another version: split the checkpoint again") from error


def is_split(folder: Path) -> bool:
    return (folder / SIDECAR).is_file()


def split_folder(checkpoint: Path, wanted: Path | None = None) -> Path:
    """Where the split form of a checkpoint is, or belongs: where it is `wanted`, in the checkpoint itself if
    it is one, beside it if one is there, else in the user's cache. Unasked nothing is written beside what
    is not ours."""
    if wanted is not None:
        return wanted
    if is_split(checkpoint):
        return checkpoint
    checkpoint = checkpoint.resolve()
    beside = checkpoint.with_name(checkpoint.name + "-split")
    if is_split(beside):
        return beside
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightbench" / "masks"
    return cache / f"{checkpoint.name}-{hashlib.sha256(bytes(checkpoint)).hexdigest()[:8]}"


def split(source: Path, out: Path, image_size: int | None = None) -> Model:
    """Split `source` (Sa2VA, Sa2VA-i or UniPixel) into `out`; CheckpointError if it is none of them.

    `out` appears complete or not at all. `image_size` overrides what the checkpoint says (or 1024).
    """
    there = is_split(out)
    with _alone(out):
        # Of several that start one model at once the first splits it, and the others take what it made.
        if not there and is_split(out) and image_size in (None, (made := load_model(out)).image_size):
            return made
        return _split_alone(source, out, image_size)


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Waits until nobody else splits into `out`; nobody is waited for where the file system has no locks."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_name(out.name + ".lock").open("ab") as lock:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _split_alone(source: Path, out: Path, image_size: int | None) -> Model:
    config = _read_json(source / "config.json")
    try:
        entries = tensors.read_folder(source)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    names = {entry.name for entry in entries}
    if any("sam3" in name.lower() for name in names | set(config)):
        raise CheckpointError(f"{source} draws its masks with SAM 3, and the decoder here is SAM 2's")
    try:
        return _split(source, out, config, entries, image_size)
    except KeyError as error:
        raise CheckpointError(
            f"{source}/config.json has no {error}: a mask model of a layout that is not known here"
        ) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{source}: config.json or the tokenizer's files are not as a mask model has them ({error})"
        ) from error


def _split(
    source: Path,
    out: Path,
    config: dict[str, Any],
    entries: Sequence[tensors.Entry],
    image_size: int | None,
) -> Model:
    names = {entry.name for entry in entries}
    if config.get("model_type") == "pixel_qwen2_5_vl" or any(n.startswith("sam2.") for n in names):
        plan = _plan_unipixel(config)
    elif not any(n.startswith("grounding_encoder.sam2_model.") for n in names):
        raise CheckpointError(f"{source} has no mask head (no grounding_encoder.* or sam2.* weights)")
    elif "text_config" in config or any(n.startswith("model.model.") for n in names):
        plan = _plan_qwen(config)
    else:
        plan = _plan_internvl(config, any("sam_mask_decoder_modified" in n for n in names))

    tokens = _token_ids(source)
    if plan.seg_token not in tokens:
        raise CheckpointError(f"the tokenizer of {source} has no {plan.seg_token} token")
    text = plan.text_config
    size = image_size or config.get("sam2_image_size") or DEFAULT_IMAGE_SIZE
    model = Model(
        family=plan.family,
        decoder=plan.decoder,
        seg_token=plan.seg_token,
        seg_token_id=tokens[plan.seg_token],
        normed=plan.normed,
        shift=plan.shift,
        llm_frames=plan.llm_frames,
        image_size=int(size),
        num_layers=int(text["num_hidden_layers"]),
        hidden_size=int(text["hidden_size"]),
        rms_eps=float(text.get("rms_norm_eps", 1e-6)),
        max_tokens=plan.max_tokens,
        eos_token_ids=_eos(plan, source, tokens),
        tokenizer_code="auto_map" in _read_json(source / "tokenizer_config.json"),
        llm_architecture=plan.llm_architecture,
    )
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / LLM).mkdir(parents=True)
    head = [e for e in entries if e.name.startswith(plan.head_prefixes)]
    body = [e for e in entries if not e.name.startswith(plan.head_prefixes + plan.dropped_prefixes)]
    norm = [e for e in body if plan.rename(e.name) == plan.norm]
    if len(norm) != 1:
        raise CheckpointError(f"{source} has no final norm ({plan.norm})")
    tensors.write(partial / HEAD, head + norm, lambda n: "final_norm.weight" if n == norm[0].name else n)
    tensors.write_folder(partial / LLM, body, plan.rename)
    tensors.copy_sidecars(source, partial / LLM)
    (partial / LLM / "config.json").write_text(json.dumps(plan.llm_config, indent=1))
    if plan.chat_template is not None:
        (partial / LLM / "chat_template.jinja").write_text(plan.chat_template)
    (partial / SIDECAR).write_text(json.dumps(asdict(model), indent=1))
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return model


@dataclass(frozen=True, slots=True)
class _Plan:
    family: Family
    decoder: DecoderName
    llm_architecture: str
    llm_config: dict[str, Any]
    text_config: dict[str, Any]
    norm: str
    rename: Callable[[str], str]
    chat_template: str | None = None
    seg_token: str = "[SEG]"
    normed: bool = True
    shift: int = 0
    llm_frames: int = 5
    max_tokens: int = 2048
    head_prefixes: tuple[str, ...] = _HEAD_PREFIXES
    dropped_prefixes: tuple[str, ...] = ()


def _plan_qwen(config: dict[str, Any]) -> _Plan:
    text = dict(config["text_config"], tie_word_embeddings=False)
    # transformers 4.57 saves the wrapper's own class name inside text_config.
    text.pop("architectures", None)
    third = "deepstack_visual_indexes" in config["vision_config"]
    name = "Qwen3VLForConditionalGeneration" if third else "Qwen2_5_VLForConditionalGeneration"
    llm = {k: v for k, v in config.items() if k not in ("auto_map", "template", "sam2_image_size")} | {
        "architectures": [name],
        "model_type": "qwen3_vl" if third else "qwen2_5_vl",
        "tie_word_embeddings": False,
        "text_config": text,
    }
    if third:
        # Its heads were fitted to the state before the norm: what transformers 4.57 called the last one.
        norm = "model.language_model.norm.weight"
        return _Plan("qwen3_vl", "sa2va", name, llm, text, norm, _strip_wrapper, normed=False)
    return _Plan("qwen2_5_vl", "sa2va", name, llm, text, "model.norm.weight", _hub_names)


def _strip_wrapper(name: str) -> str:
    return name.removeprefix("model.")


def _hub_names(name: str) -> str:
    """Qwen2.5-VL's published names: SGLang's loader knows no other."""
    name = name.removeprefix("model.")
    if name.startswith("model.language_model."):
        return "model." + name.removeprefix("model.language_model.")
    return name.removeprefix("model.") if name.startswith("model.visual.") else name


def _plan_internvl(config: dict[str, Any], modified_decoder: bool) -> _Plan:
    text = dict(config["llm_config"])
    architecture = (text.get("architectures") or ["Qwen2ForCausalLM"])[0]
    internlm = architecture == "InternLM2ForCausalLM"
    if config.get("template") == "phi3_chat":
        raise CheckpointError("Sa2VA on Phi-3 is not supported: its prompt template differs")
    if internlm:
        # vLLM's own class gives no intermediate states; ours (servers/masks/vllm_plugin) does.
        text["architectures"] = ["SegInternLM2ForCausalLM"]
    llm = {k: v for k, v in config.items() if k not in ("auto_map", "sam2_image_size")} | {
        "architectures": ["SegInternVLChatModel"],
        "model_type": "internvl_chat",
        "llm_config": text,
        "force_image_size": config.get("force_image_size") or 448,
        # The reference tiles a single image into 1..12 and a thumbnail; frames of a video arrive as 448x448.
        "dynamic_image_size": True,
        "use_thumbnail": True,
        "min_dynamic_patch": 1,
        "max_dynamic_patch": 12,
    }
    norm = "language_model.model.norm.weight"
    decoder: DecoderName = "sa2va_i" if modified_decoder else "sa2va"
    bos = "<s>" if internlm else ""
    return _Plan("internvl", decoder, architecture, llm, text, norm, str, bos + _INTERNVL_TEMPLATE)


_INTERNVL_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}{{ '\\n' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] in ('image', 'image_url') %}<image>"
    "{% if not loop.last and loop.nextitem['type'] in ('image', 'image_url') %}{{ '\\n' }}{% endif %}"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant{{ '\\n' }}{% endif %}"
)
"""The reference's instruction, no system turn: frames joined by a newline, the question right after."""


def _plan_unipixel(config: dict[str, Any]) -> _Plan:
    text = dict(config.get("text_config") or config, tie_word_embeddings=False)
    text.pop("architectures", None)
    name = "Qwen2_5_VLForConditionalGeneration"
    llm = {k: v for k, v in config.items() if not k.startswith("sam2_") and k != "auto_map"} | {
        "architectures": [name],
        "model_type": "qwen2_5_vl",
        "tie_word_embeddings": False,
    }
    return _Plan(
        "qwen2_5_vl",
        "unipixel",
        name,
        llm,
        text,
        "model.norm.weight",
        lambda n: _hub_names("model." + n),
        seg_token="<|seg|>",
        normed=False,
        shift=-1,
        llm_frames=0,
        max_tokens=512,
        head_prefixes=_UNIPIXEL_HEAD,
        dropped_prefixes=_UNIPIXEL_TRAINING,
    )


def _read_json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise CheckpointError(f"{file} is missing: not a checkpoint folder")
    try:
        content = json.loads(file.read_text())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} is not a JSON object")
    return content


def _token_ids(folder: Path) -> dict[str, int]:
    """Added tokens by text, wherever this tokenizer keeps them."""
    ids: dict[str, int] = {}
    if (folder / "tokenizer.json").is_file():
        for token in _read_json(folder / "tokenizer.json").get("added_tokens", []):
            ids[token["content"]] = token["id"]
    for ident, token in _read_json(folder / "tokenizer_config.json").get("added_tokens_decoder", {}).items():
        ids[token["content"]] = int(ident)
    if (folder / "added_tokens.json").is_file():
        ids |= {k: int(v) for k, v in _read_json(folder / "added_tokens.json").items()}
    return ids


def _eos(plan: _Plan, folder: Path, tokens: dict[str, int]) -> tuple[int, ...]:
    """Where the reference stops.

    Sa2VA on Qwen generates with the inner model, whose configuration alone counts; on InternVL the chat
    template adds stop words; UniPixel reads generation_config.json.
    """
    own = plan.text_config.get("eos_token_id")
    if plan.family != "internvl" and plan.decoder == "sa2va" and isinstance(own, int):
        return (own,)
    stops = {tokens[t] for t in ("<|im_end|>", "<|endoftext|>") if t in tokens}
    if plan.decoder == "unipixel" and (folder / "generation_config.json").is_file():
        listed = _read_json(folder / "generation_config.json").get("eos_token_id")
        stops = set(listed) if isinstance(listed, list) else {listed} if isinstance(listed, int) else stops
    return tuple(sorted(stops | ({own} if isinstance(own, int) else set())))
