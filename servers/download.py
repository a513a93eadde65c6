"""Models and benchmarks from the Hugging Face hub into a folder: `bench.py download`, or
`python -m sightbench.servers.download MODEL --out DIR`. What is there already is not fetched again."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sightbench.errors import SightbenchError, UsageError
from sightbench.families import load
from sightbench.program import program
from sightbench.servers.target import known_id, lacking

Kind = Literal["model", "dataset"]
Fetch = Callable[..., Any]

BENCHMARKS: dict[str, tuple[str, str]] = {
    "dynbench": ("yu2hi13/Dyn-Bench", ""),
    "mmmu": ("MMMU/MMMU", "data/MMMU/MMMU"),
    "mmvp": ("MMVP/MMVP", "data/MMVP"),
    "llava-bench": ("liuhaotian/llava-bench-in-the-wild", "data/llava-bench-in-the-wild"),
    "vlabench": ("VLABench/vlm_evaluation_v1.0", "dataset/vlm_evaluation_v1.0"),
    "ost_bench_multi_round": ("rbler/OST-Bench", ""),
}
"""Benchmarks whose files are a dataset of the hub as they are: its id, and where below --data they belong.
The others come from their own sites or as tables: `bench.py tasks NAME` says which files go where."""

_UNREACHABLE = {
    "LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectionError", "Timeout", "TransportError",
}  # fmt: skip
"""Names of errors of huggingface_hub and of the two HTTP clients it has used, or of their base classes."""

_USELESS = ("*.gitattributes", "*.md5", "original/*", "*.onnx", "*.h5", "*.msgpack", "*.tflite")


@dataclass(frozen=True, slots=True)
class Source:
    """What `download` fetches: a repository of the hub, of which kind, the folder it goes into by default,
    and where in that folder its files belong."""

    id: str
    kind: Kind
    folder: Path
    inside: str = ""


def source(name: str) -> Source:
    """The repository a benchmark's or a model's name means; ORGANISATION/NAME stands for a model.

    Raises UsageError for a name nobody knows.
    """
    benchmark = BENCHMARKS.get(name.lower().replace("dyn-bench", "dynbench"))
    if benchmark is not None:
        return Source(benchmark[0], "dataset", Path("data") / name.lower(), benchmark[1])
    model = known_id(name, load()) or name
    if model.count("/") != 1 or model.startswith(("/", ".")):
        raise UsageError(
            f"{name}: neither a model (ORGANISATION/NAME) nor a benchmark of the hub "
            f"({', '.join(BENCHMARKS)}); `{program()} tasks {name}` says where another benchmark's files go"
        )
    return Source(model, "model", Path("models") / model.replace("/", "--"))


def download(
    name: str, kind: Kind | None = None, dest: Path | None = None, *, fetch: Fetch | None = None
) -> Path:
    """Fetches what `name` means into `dest` (else models/NAME or data/NAME) and returns that folder: what
    `launch_server.sh` takes for a model, and `--data` for a benchmark.

    `kind` "dataset" says that an ORGANISATION/NAME is one of the hub's datasets; None: by the name.
    An interrupted download is continued. With HF_HUB_OFFLINE nothing is fetched: the folder must be whole
    already. `fetch` is huggingface_hub.snapshot_download. Raises UsageError for an unknown name or when
    huggingface_hub is missing, SightbenchError with the reason when the hub does not give it.
    """
    wanted = source(name)
    if kind == "dataset" and wanted.kind == "model":
        wanted = Source(name, kind, Path("data") / name.replace("/", "--"))
    folder = dest or wanted.folder
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return _offline(wanted, folder)
    fetch = fetch or _snapshot_download()
    try:
        fetch(
            repo_id=wanted.id,
            repo_type=wanted.kind,
            local_dir=str(folder / wanted.inside),
            ignore_patterns=list(_USELESS),
        )
    except KeyboardInterrupt:
        raise SightbenchError(f"{wanted.id}: stopped; the same command continues in {folder}") from None
    except Exception as error:
        # huggingface_hub raises its own errors, its HTTP client's, and OSError; all end here.
        raise SightbenchError(f"{wanted.id}: {_reason(error, wanted, folder)}") from None
    if wanted.kind == "model" and (lacks := lacking(folder)):
        raise SightbenchError(f"{wanted.id}: what came is not whole: {lacks}")
    return folder


def _offline(wanted: Source, folder: Path) -> Path:
    lacks = None
    if not folder.is_dir():
        lacks = "there is no such folder"
    elif wanted.kind == "model":
        lacks = lacking(folder)
    elif not any(folder.iterdir()):
        lacks = "it is empty"
    if lacks:
        raise SightbenchError(
            f"{wanted.id}: HF_HUB_OFFLINE is set and {folder} is not whole: {lacks}; unset it to download"
        )
    return folder


def _snapshot_download() -> Fetch:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise UsageError("downloading needs huggingface_hub: pip install 'sightbench[download]'") from error
    fetch: Fetch = snapshot_download
    return fetch


def _reason(error: Exception, wanted: Source, folder: Path) -> str:
    """What went wrong, in words of ours: messages of the hub's client may quote headers."""
    names = {each.__name__ for each in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "GatedRepoError" in names or status in (401, 403):
        page = f"https://huggingface.co/{_page(wanted)}"
        return f"the hub refuses it: accept its licence at {page} and set HF_TOKEN"
    if "RepositoryNotFoundError" in names or status == 404:
        return f"the hub has no such {wanted.kind}, or it is private (set HF_TOKEN)"
    if status == 429:
        return "the hub asks to wait (429); the same command continues later"
    if isinstance(error, OSError) and error.errno == 28:
        return f"no space left for {folder}; make room and repeat the command, it continues"
    if names & _UNREACHABLE:
        return f"the hub cannot be reached ({type(error).__name__}); the same command continues in {folder}"
    if isinstance(error, PermissionError):
        return f"{folder} cannot be written"
    return f"download failed ({type(error).__name__}{f', HTTP {status}' if status else ''})"


def _page(wanted: Source) -> str:
    return f"datasets/{wanted.id}" if wanted.kind == "dataset" else wanted.id


def main(arguments: list[str] | None = None) -> int:
    """0, 1 when the hub does not give it, 2 for a mistake."""
    parser = argparse.ArgumentParser(prog="python -m sightbench.servers.download", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    try:
        print(download(options.name, dest=options.out))
    except SightbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
