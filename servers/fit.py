"""What a server must hold for a benchmark, and whether a GPU does: context, images, memory."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.families import EngineName, Family, Flag
from sightbench.servers.target import Target

MARGIN = 1.1
"""What a text may have more tokens than a third of its characters, and a prompt than was counted here."""
SHARE = 0.9
"""Of a GPU's memory that an engine takes."""
ASSUMED_GB = 80.0
BATCHED = 8192
"""vLLM's own --max-num-batched-tokens; one image has to fit into it."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The most that one prompt of a benchmark holds, as the command `needs --json` says it.

    `images` are single images, `videos` of at most `frames` frames; `width` and `height` are those of the
    picture with the most pixels, `characters` of all text, `max_tokens` those of an answer.
    """

    images: int
    videos: int
    frames: int
    width: int
    height: int
    characters: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Fit:
    """The flags an engine gets, and what is said before it starts."""

    flags: Mapping[str, Flag]
    lines: tuple[str, ...]


def asked_of(command: Sequence[str], tasks: Sequence[str], data: Path) -> Needs:
    """What `command needs` says of the benchmarks. Raises UsageError with its own words where it cannot."""
    words = [*command, "needs", "--json", "--data", str(data), "--task", *tasks]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UsageError(f"--task: {said[-1].removeprefix('error: ')}")
    return Needs(**json.loads(done.stdout))


def fit(
    needs: Needs,
    target: Target,
    engine: EngineName,
    gpus: int,
    *,
    tiles: int | None,
    pixels: tuple[int, int] | None,
    memory_gb: float | None,
    share: float = SHARE,
) -> Fit:
    """What the engine is told. Raises UsageError where the model or the GPUs hold no such prompt.

    `memory_gb` is that of one GPU, None where it is not known; `share` what the engine takes of it.
    """
    family = target.family
    if engine not in ("vllm", "sglang") or family.masks or not family.image_tokens:
        raise UsageError(
            f"--task: what a prompt of {family.name} on {engine} takes is not known; leave --task out"
        )
    item, pictures = _picture_tokens(needs, family, tiles, pixels)
    prompt = math.ceil((pictures + needs.characters / 3) * MARGIN)
    answer = max(needs.max_tokens, family.max_tokens or 0)
    context = math.ceil((prompt + answer) / 1024) * 1024
    config = _config(target.folder)
    longest = config.get("max_position_embeddings")
    lines = [f"its longest prompt takes about {prompt:,} tokens and its answer up to {answer:,}"]
    if isinstance(longest, int) and context > longest:
        raise UsageError(
            f"--task: {lines[0]}; the model's context is {longest:,}: take fewer frames, pixels or --tiles"
        )
    lines.append(_memory(target, config, context, gpus, memory_gb, share))
    images = max(1, needs.images + (needs.frames * needs.videos if family.frames == "images" else 0))
    limits = {"image": images, "video": max(1, needs.videos)}
    if engine == "sglang":
        images = max(1, needs.images + needs.frames * needs.videos)
        flags: dict[str, Flag] = {"--context-length": context}
        flags["--limit-mm-data-per-request"] = {**limits, "image": images}
    else:
        batched = max(BATCHED, math.ceil(item * MARGIN / 1024) * 1024)
        flags = {"--max-model-len": context, "--limit-mm-per-prompt": limits}
        flags["--max-num-batched-tokens"] = batched
    told = " ".join(f"{name} {json.dumps(value)}" for name, value in flags.items())
    return Fit(flags, (*lines, f"so it is started with {told}"))


def check_share(target: Target, gpus: int, share: float, memory_gb: float | None) -> None:
    """Raises UsageError where `share` is none, or the weights alone take more of the GPUs' memory."""
    if not 0 < share <= 1:
        raise UsageError("--memory-share is above 0 and at most 1")
    if gpus and memory_gb and target.billions and 2 * target.billions > (room := gpus * share * memory_gb):
        what = f"weights of {2 * target.billions:.0f} GB in bfloat16 are more than {room:.0f} GB"
        raise UsageError(f"--memory-share {share:g}: {what}; fewer servers on a GPU, or more --gpus for each")


def gpu_memory() -> float | None:
    """GB of the smallest GPU, None where nvidia-smi cannot tell."""
    query = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
    try:
        said = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        return min(float(line) for line in said.split()) * 2**20 / 1e9
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _picture_tokens(
    needs: Needs, family: Family, tiles: int | None, pixels: tuple[int, int] | None
) -> tuple[int, int]:
    """Tokens of the largest single item (an image, or a video that goes as one), and of all of a prompt."""
    rule = family.image_tokens
    if "grid" in rule:
        most = pixels[1] if pixels else family.max_pixels or 16384 * rule["grid"] ** 2
        area = min(most, max(needs.width, rule["grid"]) * max(needs.height, rule["grid"]))
        image = frame = math.ceil(area / rule["grid"] ** 2)
    elif "tile" in rule:
        # More than one tile come with the whole image as another.
        image = rule["tile"] * (13 if tiles is None else tiles + (tiles > 1))
        frame = rule["tile"]
    else:
        image, frame = rule["image"], rule["frame"]
    frames = min(needs.frames, family.max_frames or needs.frames)
    # Qwen merges two frames of a video.
    video = math.ceil(frames / 2) * frame if "grid" in rule and family.frames == "video" else frames * frame
    single = video if family.frames == "video" else frame
    item = max(image if needs.images else 0, single if needs.videos else 0)
    return item, needs.images * image + needs.videos * video


def _memory(
    target: Target,
    config: Mapping[str, object],
    context: int,
    gpus: int,
    memory_gb: float | None,
    share: float,
) -> str:
    """Whether weights and the cache of one such prompt fit. Raises UsageError where they do not."""
    cache = _bytes_per_token(config)
    if gpus == 0:
        return "whether this machine's memory holds it is left to the engine (--gpus 0)"
    if target.billions is None or cache is None:
        return "whether it fits cannot be told: the model's size or config.json is not here"
    room = gpus * share * (memory_gb or ASSUMED_GB)
    weights, one = 2 * target.billions, cache * context / 1e9
    where = f"{room:.0f} GB ({share:.0%} of {gpus} GPU{'s' * (gpus > 1)}"
    where += ")" if memory_gb else f", {ASSUMED_GB:.0f} GB each assumed)"
    what = f"weights of {weights:.0f} GB in bfloat16 and {one:.1f} GB for its longest prompt"
    if weights + one > room:
        raise UsageError(f"--task: it does not fit: {what} are more than {where}; take more --gpus")
    return f"it fits: {what}, of {where}; about {int((room - weights) / one)} such prompts at once"


def _bytes_per_token(config: Mapping[str, object]) -> int | None:
    """Of the key-value cache, in bfloat16; None where the configuration does not tell."""
    numbers = [config.get(name) for name in ("num_hidden_layers", "num_attention_heads", "hidden_size")]
    layers, heads, hidden = (number if isinstance(number, int) else 0 for number in numbers)
    if not (layers and heads and hidden):
        return None
    key_heads, width = config.get("num_key_value_heads"), config.get("head_dim")
    kept = key_heads if isinstance(key_heads, int) else heads
    size = 2 * 2 * layers * kept * (width if isinstance(width, int) else hidden // heads)
    return size if 0 < size < 2**40 else None


def _config(folder: Path | None) -> Mapping[str, object]:
    """config.json of a folder, of its language model where it has several; empty where there is none."""
    try:
        content: dict[str, object] = json.loads((folder / "config.json").read_text()) if folder else {}
    except (OSError, ValueError):
        return {}
    inner = content.get("text_config") or content.get("llm_config")
    return {**content, **inner} if isinstance(inner, dict) else content
