"""The command line and environment of an engine that can answer the gateway."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sightbench.servers.masks.checkpoint import LLM, load_model

PLUGIN_DIR = Path(__file__).parent / "vllm_plugin"
"""On the engine's PYTHONPATH: self-contained modules and a .dist-info that names them as vLLM plugins."""

PLUGINS = ("sightbench_masks_models", "sightbench_masks_route")


def vllm_command(
    split_dir: Path,
    port: int,
    *,
    host: str = "127.0.0.1",
    name: str | None = None,
    dtype: str = "auto",
    tensor_parallel: int = 1,
    max_model_len: int | None = None,
    gpu_memory_utilization: float | None = None,
    executable: str = "vllm",
    state_dir: Path | None = None,
    extra: tuple[str, ...] = (),
) -> list[str]:
    """`vllm serve` for a split checkpoint, with the connector that lets [SEG] states out.

    `state_dir` is where states pass from the worker to the API process: a memory-backed folder on the
    engine's machine, private to this server. Run it under `vllm_environment`. CheckpointError if
    `split_dir` was not written by `split`.
    """
    model = load_model(split_dir)
    state_dir = state_dir or Path("/dev/shm") / f"sightbench-masks-{os.getuid()}-{port}"
    speculative = {
        "method": "extract_hidden_states",
        "num_speculative_tokens": 1,
        "draft_model_config": {"hf_config": {"eagle_aux_hidden_state_layer_ids": [model.num_layers]}},
    }
    transfer = {
        "kv_connector": "SegStatesConnector",
        "kv_role": "kv_producer",
        "kv_connector_module_path": "seg_connector",
        "kv_connector_extra_config": {
            "seg_dir": str(state_dir),
            "seg_token_ids": [model.seg_token_id],
            "seg_shift": model.shift,
        },
    }
    limit = {"video": 1, "image": 8} if model.decoder == "unipixel" else {"image": max(8, model.llm_frames)}
    command = [executable, "serve", str(split_dir / LLM), "--host", host, "--port", str(port)]
    command += ["--served-model-name", name or split_dir.name]
    command += ["--dtype", dtype, "--generation-config", "vllm"]
    command += ["--limit-mm-per-prompt", json.dumps(limit)]
    command += ["--speculative-config", json.dumps(speculative)]
    command += ["--kv-transfer-config", json.dumps(transfer)]
    if model.decoder == "unipixel":
        command += [
            "--media-io-kwargs",
            json.dumps({"video": {"num_frames": -1}}),
            "--trust-request-mm-kwargs",
        ]
    if tensor_parallel > 1:
        command += ["--tensor-parallel-size", str(tensor_parallel)]
    if max_model_len is not None:
        command += ["--max-model-len", str(max_model_len)]
    if gpu_memory_utilization is not None:
        command += ["--gpu-memory-utilization", str(gpu_memory_utilization)]
    if model.tokenizer_code:
        command.append("--trust-remote-code")
    return [*command, *extra]


def sglang_command(
    split_dir: Path,
    port: int,
    *,
    host: str = "127.0.0.1",
    name: str | None = None,
    dtype: str = "auto",
    tensor_parallel: int = 1,
    executable: Sequence[str] = ("python", "-m", "sglang.launch_server"),
    extra: tuple[str, ...] = (),
) -> list[str]:
    """SGLang for a split checkpoint, giving states (the gateway's replay refuses bases it cannot use)."""
    command = [*executable, "--model-path", str(split_dir / LLM)]
    command += ["--host", host, "--port", str(port), "--served-model-name", name or split_dir.name]
    command += ["--dtype", dtype, "--enable-return-hidden-states"]
    if tensor_parallel > 1:
        command += ["--tp-size", str(tensor_parallel)]
    return [*command, *extra]


def vllm_environment(environment: Mapping[str, str], installed: Sequence[str] = ()) -> dict[str, str]:
    """`environment` with our plugins importable and allowed.

    A list of allowed plugins switches every other one off (a platform's, for one), so ours join the list
    that is there; without one, the `installed` plugins of the engine's environment.
    """
    path = [str(PLUGIN_DIR), *filter(None, [environment.get("PYTHONPATH")])]
    allowed = environment["VLLM_PLUGINS"].split(",") if "VLLM_PLUGINS" in environment else installed
    return dict(
        environment,
        PYTHONPATH=os.pathsep.join(path),
        VLLM_PLUGINS=",".join(dict.fromkeys([*filter(None, allowed), *PLUGINS])),
    )


def installed_plugins(python: str) -> tuple[str, ...]:
    """The names of the vLLM plugins in that interpreter's environment that are loaded without being named;
    none where it cannot be asked."""
    try:
        listed = subprocess.run([python, "-c", _LIST], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(listed.stdout.split())


# Not the endpoint plugins: vLLM loads those by name only.
_LIST = """
from importlib.metadata import entry_points
groups = ("general", "platform", "io_processor", "stat_logger")
print(*sorted({found.name for group in groups for found in entry_points(group=f"vllm.{group}_plugins")}))
"""
