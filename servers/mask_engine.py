"""A mask model's processes: an engine for its language model, and the gateway before it that draws."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.families import EngineName, Flag
from sightbench.run_module import module_command
from sightbench.servers.engines import CPU, Process, Wish, local_url, refuse_key, rendered, value
from sightbench.servers.target import Target, lacking

DOWNLOADS = Path("models")
"""Where checkpoints from the hub go: the gateway needs files, so an engine's own download is no use to it."""

GPU_SHARE = 0.8
"""Of a GPU's memory for the engine; the rest is SAM 2's."""

DECODER_GB = 16.0
"""More is not set aside for SAM 2: of a larger card the engine gets the rest. Reckoned, not measured."""

CACHED = 4.0
"""GB of encoded frames that a decoder keeps, and at most a quarter of what is left for it."""

GATEWAY_GRACE = 60.0
"""Seconds the gateway has to answer what is in hand; a little more than it gives itself."""

PLACEHOLDERS = (
    "the 0 in eagle_aux_hidden_state_layer_ids and in seg_token_ids are placeholders: the split checkpoint "
    "knows the number of its layers and the id of [SEG], and the launcher reads them there"
)
"""What a person must know who copies command lines that were made before the checkpoint was split."""

_ENGINE_PORT = 100
"""The engine listens that far above its gateway."""


@dataclass(frozen=True, slots=True)
class GatewayWish:
    """What is said to the mask server: flags of its gateway, and where the split checkpoint goes."""

    gateway: tuple[str, ...] = ()
    split_dir: Path | None = None


def processes(
    target: Target,
    wish: Wish,
    engine: EngineName,
    program: Sequence[str],
    venv: Path | None,
    options: GatewayWish,
) -> tuple[tuple[Process, ...], list[Process]]:
    """(steps to run first, [engine and gateway, or the gateway alone]).

    Steps download and split what is not yet there; before they have run, the two numbers that only the
    checkpoint knows (its layers, the id of [SEG]) stand as 0. UsageError for a folder no gateway can serve.
    """
    from sightbench.servers.masks.checkpoint import CheckpointError, is_split, split_folder

    if target.adapters:
        raise UsageError("a mask model is served without adapters: merge them into the checkpoint first")
    if value("--api-key", wish.extra) is not None:
        raise UsageError("the gateway would not know this key: name its variable with --api-key-env instead")
    python = _python(program, venv)
    original = target.folder or DOWNLOADS / target.model.replace("/", "--")
    # What we download ourselves is split beside it.
    own = original.with_name(original.name + "-split") if target.folder is None else None
    folder = split_folder(original, options.split_dir or own)
    steps = []
    if not is_split(folder):
        if target.folder is None and lacking(original) is not None:
            getter = sys.executable if find_spec("huggingface_hub") else python
            get = (*module_command(getter, "servers.download"), target.model, "--out", str(original))
            steps.append(Process("download", get))
        cut = (*module_command(python, "servers.masks"), "split", str(original), str(folder))
        steps.append(Process("split", cut))
    gateway = [
        *module_command(python, "servers.masks"),
        "serve",
        "--checkpoint",
        str(folder),
        "--alias",
        wish.name,
    ]
    gateway += ["--host", wish.host, "--port", str(wish.port), *options.gateway]
    if wish.key_env is not None:
        gateway += ["--api-key-env", wish.key_env]
    if wish.gpus == CPU:
        gateway += ["--device", "cpu"]
    elif "--cache-gb" not in options.gateway and (cache := shares(wish)[1]) < CACHED:
        gateway += ["--cache-gb", f"{cache:.1f}"]
    front = local_url(wish.host, wish.port)
    if engine == "transformers":
        gateway += ["--backend", "transformers", *wish.extra]
        return tuple(steps), [_gateway(gateway, front, wish)]
    inner = wish.port + _ENGINE_PORT
    url = local_url("127.0.0.1", inner)
    gateway += ["--backend", "sglang" if engine == "sglang" else "vllm", "--engine-url", url]
    try:
        if engine == "sglang":
            refuse_key("sglang", wish)
            made = _sglang(target, wish, program, folder, inner)
        else:
            made = _vllm(target, wish, program, folder, inner, bool(steps))
    except CheckpointError as error:
        raise UsageError(str(error)) from error
    served = Process(
        "sglang" if engine == "sglang" else "vllm",
        *made,
        url,
        wish.name,
        key_env=wish.key_env,
        key_as="VLLM_API_KEY" if wish.key_env else None,
    )
    return tuple(steps), [served, _gateway(gateway, front, wish)]


def _gateway(command: Sequence[str], url: str, wish: Wish) -> Process:
    return Process(
        "gateway", tuple(command), url=url, serves=wish.name, key_env=wish.key_env, grace=GATEWAY_GRACE
    )


def _vllm(
    target: Target, wish: Wish, program: Sequence[str], folder: Path, port: int, unsplit: bool
) -> tuple[tuple[str, ...], dict[str, str]]:
    from sightbench.servers.masks.engine import installed_plugins, vllm_command, vllm_environment

    flags = rendered(target.family.serving.engines["masks"].flags, wish.extra)
    with tempfile.TemporaryDirectory() as scratch:
        source = folder
        if unsplit:
            source = Path(scratch) / folder.name
            source.mkdir()
            (source / "masks.json").write_text(json.dumps(_stand_in(target)))
        command = vllm_command(
            source,
            port,
            name=wish.name,
            # The gateway's self-test compares at the precision it runs in itself.
            dtype="float32" if wish.gpus == CPU else "auto",
            tensor_parallel=max(1, wish.gpus),
            gpu_memory_utilization=None if wish.gpus == CPU else shares(wish)[0],
            executable=program[0],
            extra=(*flags, *wish.extra),
        )
    command = [word.replace(str(source), str(folder)) for word in command]
    before = {name: os.environ[name] for name in ("PYTHONPATH", "VLLM_PLUGINS") if name in os.environ}
    python = Path(program[0]).with_name("python")
    installed = installed_plugins(str(python)) if python.exists() and "VLLM_PLUGINS" not in before else ()
    return tuple(command), {**vllm_environment(before, installed), "HF_HUB_OFFLINE": "1"}


def _sglang(
    target: Target, wish: Wish, program: Sequence[str], folder: Path, port: int
) -> tuple[tuple[str, ...], dict[str, str]]:
    from sightbench.servers.masks.engine import sglang_command

    flags: dict[str, Flag] = dict(target.family.serving.engines["sglang"].flags)
    flags |= (
        {"--device": "cpu"}
        if wish.gpus == CPU
        else {"--mem-fraction-static": round(shares(wish)[0] - 0.05, 3)}
    )
    command = sglang_command(
        folder,
        port,
        name=wish.name,
        dtype="float32" if wish.gpus == CPU else "auto",
        tensor_parallel=max(1, wish.gpus),
        executable=program,
        extra=(*rendered(flags, wish.extra), *wish.extra),
    )
    return tuple(command), {"HF_HUB_OFFLINE": "1"}


def shares(wish: Wish) -> tuple[float, float]:
    """(the engine's share of a GPU's memory, GB of encoded frames that the decoder keeps), by the card."""
    of = wish.memory_share or 1.0
    if wish.card_gb is None:
        return round(GPU_SHARE * of, 3), CACHED
    share = max(GPU_SHARE, 1 - DECODER_GB / wish.card_gb)
    return round(share * of, 3), min(CACHED, (1 - share) * of * wish.card_gb / 4)


def _stand_in(target: Target) -> dict[str, object]:
    """What a dry run takes for a checkpoint that is not here: the family's constants, 0 for its numbers."""
    unipixel = target.family.name == "unipixel"
    return {
        "family": "qwen2_5_vl",
        "decoder": "unipixel" if unipixel else "sa2va",
        "seg_token": "[SEG]",
        "seg_token_id": 0,
        "normed": not unipixel,
        "shift": -1 if unipixel else 0,
        "llm_frames": 5,
        "image_size": 1024,
        "num_layers": 0,
        "hidden_size": 0,
        "rms_eps": 1e-6,
        "max_tokens": 2048,
        "eos_token_ids": [],
        "tokenizer_code": False,
        "llm_architecture": "",
    }


def _python(program: Sequence[str], venv: Path | None) -> str:
    """The Python the gateway runs on: this one if it has torch, else the one beside the engine."""
    engines = (Path(program[0]).parent if venv is None else venv / "bin") / "python"
    return str(engines) if find_spec("torch") is None and engines.exists() else sys.executable
