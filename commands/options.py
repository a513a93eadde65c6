"""What a run was asked to do: the flags of `bench.py`, typed, and the run.json they become."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightbench.client.settings import Mode
from sightbench.errors import RunFolderError, UsageError
from sightbench.scorers.scoring_options import OnError


@dataclass(frozen=True, slots=True)
class Options:
    """One field per flag of the same name; a config file (`--config`) uses the same names."""

    endpoint: tuple[str, ...]
    model: str | None
    alias: str | None
    task: tuple[str, ...]
    data: Path | None
    out: Path | None
    profile: str | None
    limit: int | None
    shard: str | None
    dry_run: bool
    api_key_env: str
    header: tuple[str, ...]
    insecure: bool
    concurrency: str
    rpm: float | None
    tpm: float | None
    timeout: float
    attempts: int
    deadline: float | None
    max_tokens_total: int | None
    max_tokens: int | None
    temperature: float
    top_p: float | None
    top_k: int | None
    repetition_penalty: float | None
    seed: int | None
    extra_body: str | None
    frames: int | None
    fps: float | None
    max_pixels: int | None
    media: Mode | None
    family: str | None
    box_mode: str | None
    on_error: OnError
    unparsed: str
    unparsed_seed: int
    scenes: int
    quiet: bool

    def folder(self, model: str) -> Path:
        """The run folder: `--out`, else runs/<model>-<tasks>: the same command finds the same folder."""
        if self.out is not None:
            return self.out
        name = "-".join((self.alias or model.rsplit("/", 1)[-1], *self.task))
        if self.shard:
            name += "-" + self.shard.replace("/", "of")
        return Path("runs") / re.sub(r"[^A-Za-z0-9._+-]+", "_", name)


def split_shard(text: str | None, environment: dict[str, str]) -> tuple[int, int] | None:
    """(index, count) of `--shard i/n`, counted from 0, or Slurm's task when there is more than one."""
    if text is None:
        count = environment.get("SLURM_NTASKS", "1")
        if not count.isdigit() or int(count) < 2 or "SLURM_PROCID" not in environment:
            return None
        text = f"{environment['SLURM_PROCID']}/{count}"
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or int(found[1]) >= int(found[2]):
        raise UsageError(f"--shard {text}: write i/n with 0 <= i < n, for example 0/4")
    return int(found[1]), int(found[2])


def refuse_other_run(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises RunFolderError unless `now` continues the run in `folder`.

    Same model, same request parameters, same data and profile of every benchmark both have; more tasks,
    another limit, other endpoints and other scoring are no other run.
    """
    for key in ("model", "request"):
        if before.get(key) != now.get(key):
            old, new = _different(before.get(key), now.get(key))
            raise _other(folder, key, old, new)
    known = {entry["name"]: entry for entry in before.get("benchmarks", ())}
    for entry in now["benchmarks"]:
        for key in ("digest", "profile"):
            old = known.get(entry["name"], entry).get(key)
            if old != entry[key]:
                what = "the data" if key == "digest" else "the profile"
                raise _other(folder, f"{what} of {entry['name']}", old, entry[key])


def _other(folder: Path, what: str, old: Any, new: Any) -> RunFolderError:
    return RunFolderError(
        f"{folder} holds another run: {what} was {old}, now {new}; choose another folder with --out"
    )


def _different(old: Any, new: Any) -> tuple[Any, Any]:
    """The two values, or of two mappings the entries in which they differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return old, new
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return {key: old.get(key) for key in keys}, {key: new.get(key) for key in keys}
