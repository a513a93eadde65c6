"""Repositories of the Hugging Face hub into a folder: `bench.py download`, or
`python -m sightbench.servers.download MODEL --out DIR`. What is there already is not fetched again."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sightbench.errors import SightbenchError, UsageError
from sightbench.families import load
from sightbench.program import program
from sightbench.servers.target import known_id, lacking

Kind = Literal["model", "dataset"]
Fetch = Callable[..., Any]

_UNREACHABLE = {
    "LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectionError", "Timeout", "TransportError",
    "TransportException",
}  # fmt: skip
"""Names of errors of huggingface_hub and of the HTTP clients it has used, or of their base classes."""

_USELESS = ("*.gitattributes", "*.md5", "original/*", "*.onnx", "*.h5", "*.msgpack", "*.tflite")


@dataclass(frozen=True, slots=True)
class Source:
    """A repository of the hub, of which kind, and the folder it goes into by default; of a data set only the
    files of `patterns`, where there are any."""

    id: str
    kind: Kind
    folder: Path
    patterns: tuple[str, ...] = ()


def source(name: str, kind: Kind | None = None) -> Source:
    """The repository a name means; ORGANISATION/NAME stands for a model unless `kind` says otherwise.

    Raises UsageError for a name nobody knows.
    """
    wanted = name if kind == "dataset" else known_id(name, load()) or name
    if wanted.count("/") != 1 or wanted.startswith(("/", ".")):
        raise UsageError(
            f"{name}: neither a model (ORGANISATION/NAME) nor a benchmark; `{program()} tasks` lists the "
            "benchmarks"
        )
    if kind == "dataset":
        return Source(name, kind, Path("data") / name.replace("/", "--"))
    return Source(wanted, "model", Path("models") / wanted.replace("/", "--"))


def download(
    name: str,
    kind: Kind | None = None,
    dest: Path | None = None,
    *,
    cache: Path | None = None,
    fetch: Fetch | None = None,
) -> Path:
    """Fetches a model, or with `kind` a data set, by its name; see `fetch_repository`."""
    wanted = source(name, kind)
    return fetch_repository(wanted, dest or wanted.folder, cache=cache, fetch=fetch)


def fetch_repository(
    wanted: Source, folder: Path, *, cache: Path | None = None, fetch: Fetch | None = None
) -> Path:
    """Fetches a repository into `folder` and returns that: what `launch_server.sh` takes for a model, and
    `--data` for a benchmark.

    An interrupted download is continued. With `cache` the files lie there as the hub's own programs keep
    them, and `folder` has links to them. With HF_HUB_OFFLINE nothing is fetched: all must be there already.
    `fetch` is huggingface_hub.snapshot_download. Raises UsageError when huggingface_hub is missing,
    SightbenchError with the reason when the hub does not give it.
    """
    if cache is None and os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return _offline(wanted, folder)
    fetch = fetch or _snapshot_download()
    place = {"local_dir": str(folder)} if cache is None else {"cache_dir": str(cache)}
    chosen = {"allow_patterns": list(wanted.patterns)} if wanted.patterns else {}
    try:
        came = fetch(
            repo_id=wanted.id,
            repo_type=wanted.kind,
            ignore_patterns=list(_USELESS),
            **place,
            **chosen,
        )
    except KeyboardInterrupt:
        raise SightbenchError(
            f"{wanted.id}: stopped; the same command continues in {cache or folder}"
        ) from None
    except Exception as error:
        # huggingface_hub raises its own errors, its HTTP client's, and OSError; all end here.
        raise SightbenchError(f"{wanted.id}: {_reason(error, wanted, cache or folder)}") from None
    if cache is not None:
        _link(sorted(Path(came).iterdir()), folder)
    if wanted.kind == "model" and (lacks := lacking(folder)):
        raise SightbenchError(f"{wanted.id}: what came is not whole: {lacks}")
    return folder


def _link(entries: Sequence[Path], folder: Path) -> None:
    """Puts links to the entries into the folder. SightbenchError for a name that something else has."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        link = folder / entry.name
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise SightbenchError(f"{link} is there and no link: take it away, or leave --cache-dir out")
        link.symlink_to(entry.resolve() if entry.is_file() else entry.absolute())


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
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise UsageError("downloading needs huggingface_hub: pip install 'sightbench[download]'") from error

    def fetch(**asked: Any) -> str:
        if "local_dir" not in asked:
            return str(snapshot_download(**asked))
        # Without the hub, snapshot_download takes any folder that is there for the whole.
        state = HfApi().repo_info(asked["repo_id"], repo_type=asked["repo_type"]).sha
        return str(snapshot_download(**asked, revision=state))

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
