"""What is checked before a server is started: GPUs, and whether an engine can do what was asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.families import EngineName
from sightbench.servers import engines
from sightbench.servers.engines import CPU
from sightbench.servers.target import Target


def check_deterministic(target: Target, engine: EngineName, gpus: int) -> None:
    """Raises UsageError where no batch-invariant kernels are: vLLM and SGLang have them for GPUs."""
    if gpus == CPU:
        raise UsageError("--deterministic: the engines' batch-invariant kernels are for GPUs (8.0 or newer)")
    if engine not in ("vllm", "sglang") or target.family.masks:
        raise UsageError(
            "--deterministic: for answers from vllm or sglang; the mask server's way to states was not tried "
            "with it"
        )


def visible_gpus() -> list[str] | None:
    """The devices a process may use, as CUDA_VISIBLE_DEVICES names them; None where nobody can tell."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [device for device in given.split(",") if device and device != "-1"]
    if Path("/dev/kfd").exists():
        return None
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(index) for index, line in enumerate(re.findall(r"^GPU \d+", listed.stdout, re.MULTILINE))]


def gpus_here(gpus: int, replicas: int, extra: Sequence[str]) -> int:
    """How many GPUs of this machine `replicas` of so many take; an engine's own flags may spread it."""
    given = engines.value("--nnodes", extra) or "1"
    return -(-gpus * replicas // (max(1, int(given)) if given.isdigit() else 1))


def check_gpus(needed: int, there: list[str] | None) -> None:
    """Raises UsageError when there are fewer GPUs than needed."""
    if there is None or len(there) >= needed:
        return
    if not there:
        raise UsageError(
            "no GPU was found (nvidia-smi -L lists none); a CPU build of the engine runs with --gpus 0"
        )
    raise UsageError(
        f"{needed} GPUs are needed and {len(there)} are visible: --gpus {len(there)}, or fewer --replicas"
    )
