"""Checkpoints of a training run: found in folders, told apart, and put in the order they were made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightbench.errors import UsageError

_NAMES = (
    re.compile(r"(?P<series>.*?)[-_/]?checkpoint-(?P<step>\d+)"),
    re.compile(r"lora_(?P<series>.+)_step(?P<step>\d+)"),
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights to serve: `path` is a folder, or a hub id. `label` is unique among those swept together.

    `series` is the training run (or the preset of its adapter) and `step` how far it was; None where the
    name does not tell, as of the model that the training started from.
    """

    label: str
    path: str
    series: str = ""
    step: int | None = None

    @property
    def is_adapter(self) -> bool:
        folder = Path(self.path)
        return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def step_of(name: str) -> tuple[str, int | None]:
    """(training run, step) of `sft-checkpoint-200` or `lora_sft_step200`; (name, None) of any other name."""
    for pattern in _NAMES:
        if found := pattern.fullmatch(name):
            return found["series"], int(found["step"])
    return name, None


def natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts numbers inside names by their size: checkpoint-200, checkpoint-1000."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def checkpoints(given: Sequence[str]) -> tuple[Checkpoint, ...]:
    """The checkpoints that are meant: those of a training run's folder, a folder itself, a model's hub id.

    What is named after no step comes first, as it was given; then training run by training run, step by
    step. Two folders of the same name are told apart by the folders above them. Raises UsageError for a
    folder that is not there or holds no checkpoint.
    """
    paths = list(dict.fromkeys(path for text in given for path in _found(text)))
    made = [_named(path, label) for path, label in zip(paths, _labels(paths), strict=True)]
    first = [one for one in made if one.step is None]
    later = [one for one in made if one.step is not None]
    return (*first, *sorted(later, key=lambda one: (natural(one.series), one.step or 0)))


def _found(text: str) -> list[str]:
    path = Path(text).expanduser()
    if not path.exists():
        if text.startswith(("/", ".", "~")) or text.count("/") > 1:
            raise UsageError(f"--checkpoints {text}: there is no such folder")
        return [text]
    if not path.is_dir():
        raise UsageError(f"--checkpoints {text}: a file; give the folder of the checkpoint")
    inside = [entry for entry in path.iterdir() if entry.is_dir() and step_of(entry.name)[1] is not None]
    if inside:
        return [str(entry.resolve()) for entry in sorted(inside, key=lambda entry: natural(entry.name))]
    if not any((path / name).is_file() for name in ("config.json", "adapter_config.json", "masks.json")):
        raise UsageError(
            f"--checkpoints {text}: holds neither checkpoint-<step> or lora_<preset>_step<k> folders nor a "
            "config.json"
        )
    return [str(path.resolve())]


def _labels(paths: Sequence[str]) -> list[str]:
    """The last part of each path, all with as many before it as it takes to tell them apart, and to tell
    apart the training runs that their steps belong to."""
    runs = {str(Path(path).parent) for path in paths if step_of(Path(path).name)[1] is not None}
    deepest = max((len(Path(path).parts) for path in paths), default=1)
    for depth in range(1, deepest):
        labels = [_end(path, depth) for path in paths]
        if len(set(labels)) == len(paths) and len({_end(run, depth - 1) for run in runs}) == len(runs):
            return labels
    return list(paths)


def _end(path: str, depth: int) -> str:
    return "/".join(Path(path).parts[-depth:] if depth else ()) if Path(path).is_absolute() else path


def _named(path: str, label: str) -> Checkpoint:
    series, step = step_of(Path(path).name)
    above = label.rpartition("/")[0]
    return Checkpoint(label, path, "" if step is None else "/".join(filter(None, (above, series))), step)
