"""What an engine's log says went wrong, in one line."""

from __future__ import annotations

import re
from pathlib import Path

from sightbench.program import command_line

_TAIL = 400_000

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"stored in KV cache|No available memory for the cache blocks|KV cache.{0,80}(needed|larger)"
        r"|Not enough memory\. Please try",
        "out of memory: the context does not fit beside the weights; a shorter one "
        "(-- --max-model-len 16384, SGLang: --context-length), or more GPUs (--gpus)",
    ),
    (
        r"less than desired GPU memory utilization",
        "out of memory: another process holds this GPU's memory (nvidia-smi shows which)",
    ),
    (
        r"OutOfMemoryError|CUDA out of memory|HIP out of memory|DefaultCPUAllocator: can't allocate",
        "out of memory: more GPUs (--gpus), a smaller model, or less of it for the engine "
        "(-- --gpu-memory-utilization, SGLang: --mem-fraction-static)",
    ),
    (
        r"[Aa]ddress already in use",
        "a port that it wanted is taken: start it again, or choose another with --port",
    ),
    (
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|no NVIDIA driver"
        r"|No accelerator \(|torch\.cuda\.is_available\(\) is False",
        "no GPU that this engine can use was found",
    ),
    (
        r"GatedRepoError|Access to model .* is restricted|401 Client Error|403 Client Error",
        "the hub refuses this model: accept its licence there and set HF_TOKEN",
    ),
    (
        r"LocalEntryNotFoundError|offline mode is enabled|couldn't connect to|Cannot reach https?://"
        r"|Name or service not known|Temporary failure in name",
        "the weights are not here and the hub cannot be reached: {command} download MODEL where it can",
    ),
    (
        r"RepositoryNotFoundError|is not a local folder and is not a valid model identifier",
        "the hub has no model of this name",
    ),
    (
        r"Cannot find any model weights|No such file or directory: .*\.safetensors"
        r"|no file named .*safetensors",
        "weights are missing: download the model again, it continues where it stopped",
    ),
    (
        r"architectures? .* (?:is|are) not supported|does not recognize this architecture"
        r"|not supported for now",
        "this version of the engine does not know the model's architecture: upgrade the engine",
    ),
    (r"unrecognized arguments?: (?P<what>.+)", "the engine does not know {what}"),
    (r"error: argument (?P<what>.+)", "the engine refuses {what}"),
)

_NOTED = re.compile(r"^.*\b(?:DEBUG|INFO|WARNING)\b.*$", re.MULTILINE)
"""What an engine merely notes; where its log has no levels all of it may be a cause."""

_OWN = re.compile(r"^error: (.{1,500})\s*\Z", re.MULTILINE)
"""The last word of a program of ours: download, split and gateway say themselves what is wrong."""

_LAST = re.compile(r"^(?:.*\s)?(?:\w+\.)*(\w*(?:Error|Exception)): (.+)$")


def diagnose(log: Path, code: int, begin: int = 0) -> str:
    """One line for a process that ended with `code` when it should not: a known cause, else its last error.

    `begin` is where in the log its own output begins.
    """
    try:
        text = _NOTED.sub("", _tail(log, begin))
    except OSError as error:
        return f"ended with exit code {code}, and its log cannot be read: {error.strerror}"
    if (own := _OWN.search(text)) is not None:
        return own[1]
    for pattern, line in _KNOWN:
        match = re.search(pattern, text)
        if match is not None:
            told = {key: " ".join(value.split()) for key, value in match.groupdict().items()}
            return line.format_map({"command": " ".join(command_line()), **told})
    # Whose signal it was is in no log, and an engine may end itself with it whatever went wrong.
    killed = "killed (SIGKILL)" if code in (-9, 137) else ""
    for line in reversed(text.splitlines()):
        found = _LAST.match(line.strip())
        if found is not None:
            last = f"{found[1]}: {found[2][:300]}"
            return f"{killed}; the last error it wrote is {last}" if killed else last
    if killed:
        return f"{killed}, and its log does not say why; dmesg tells whether the machine ran out of memory"
    return f"ended with exit code {code}"


def _tail(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(begin, file.tell() - _TAIL))
        return file.read().decode("utf-8", "replace")
