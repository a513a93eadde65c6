"""What a benchmark is: one row of the catalog, and what its reader may complain about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError
from sightbench.sample import Kind, Sample

SHOWN = 10


@dataclass(slots=True)
class Problems:
    """What a reader met that is no sample. It keeps reading, so one pass finds everything.

    `broken` makes the dataset unfit to be asked (a bad row, a missing image); `skipped` is left out on
    purpose and only told: reason -> the files.
    """

    broken: list[DatasetError] = field(default_factory=list)
    skipped: dict[str, list[Path]] = field(default_factory=dict)

    def broke(self, message: str, path: Path | None = None, line: int | None = None) -> None:
        self.broken.append(DatasetError(message, path, line))

    def skip(self, reason: str, path: Path) -> None:
        self.skipped.setdefault(reason, []).append(path)

    def notes(self) -> list[str]:
        """One line per reason for skipping: how many files, and the first few by name."""
        lines = []
        for reason, paths in self.skipped.items():
            named = [str(path) for path in dict.fromkeys(paths)]
            more = ", ..." if len(named) > 3 else ""
            lines.append(f"{len(paths)} left out, {reason}: {', '.join(named[:3])}{more}")
        return lines

    def check(self) -> None:
        """Raise DatasetError naming what is broken, if anything is; call it before anything is asked."""
        if not self.broken:
            return
        if len(self.broken) == 1:
            raise self.broken[0]
        shown = [str(error) for error in self.broken[:SHOWN]]
        more = len(self.broken) - len(shown)
        tail = f"\n  ... and {more} more" if more else ""
        raise DatasetError(
            f"{len(self.broken)} problems in the dataset:\n  " + "\n  ".join(shown) + tail,
        )


Read = Callable[..., Iterator[Sample]]
"""(data root: Path, profile: str, problems: Problems) -> samples in the order they are asked.

Raises UsageError or DatasetError when nothing can be read at all; what is wrong with single rows goes to
`problems`, and the row is left out.
"""


@dataclass(frozen=True, slots=True)
class Needed:
    """Files a benchmark expects below the data root: `paths` are alternatives (globs allowed).

    Where they are folders, `inside` are globs, from the data root too, for the files that count in them.
    """

    what: str
    paths: tuple[str, ...]
    media: bool = False
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One row of the catalog, or a set of your own: `name`, `scorers`, `read` and `files` are enough.

    `scorers` says which entry of the scorers' table judges its texts and which its masks; masks by
    `definition`, whose J and F it is, or without one by the profile's rule. `mask_tasks` are those of `tasks`
    that ask for masks, where others do not. `aggregate` names the entry of the aggregates' table that sums
    both up; a benchmark of one kind needs none, its scorer does that.
    `prompt` shows the default profile's wording, with {question}, {options}... where the data goes.
    `profile` is the default of `profiles`: whose prompt and whose scoring are reproduced.
    `tasks` are the values of Sample.task that `--task` may pick one by one; `subsets` names several at once
    (`<benchmark>-<subset>`), and `task_names` go without the benchmark's name too. With `reads_tasks`, `read`
    also takes `tasks`, so that the files of tasks nobody wants need not be there.
    `own_ids`: its samples' ids are unlike any other benchmark's and stay as they are in a run.
    `submission` names the file format an evaluation server takes; set where the gold is hidden.
    `whole`: the metric means something else on a part of the data, so `--limit` needs a warning.
    `saved`: nothing is asked, masks that are saved already are judged on it.
    `wording` is the kind of its questions where model families have words of their own for them (models.yaml,
    `wordings`); `read` then also takes `prompt_profile`, whose words they are.
    A change of a file in `files` makes another run of it.
    """

    name: str
    scorers: Mapping[Kind, str]
    read: Read
    files: tuple[Needed, ...]
    title: str = ""
    family: str = ""
    prompt: str = ""
    headline: str = ""
    metric: str = ""
    reference: str = ""
    profiles: tuple[str, ...] = ("official",)
    profile: str = "official"
    aliases: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    task_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mask_tasks: tuple[str, ...] = ()
    definition: str = ""
    aggregate: str | None = None
    reads_tasks: bool = False
    own_ids: bool = False
    max_tokens: int | None = None
    submission: str | None = None
    whole: bool = False
    saved: bool = False
    wording: str = ""
    scoring: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    def scored_as(self, profile: str, kind: Kind = "text") -> str:
        """The scorer's profile for a prompt profile: several wordings may share one scoring."""
        by_profile = self.scoring.get(profile, profile)
        return self.definition or by_profile if kind == "masks" else by_profile


@dataclass(frozen=True, slots=True)
class Selection:
    """A benchmark, whole (`tasks` None) or some of its tasks.

    Not `required`: only a group of several names it, so that it may be left out where its files are not.
    """

    benchmark: Benchmark
    tasks: tuple[str, ...] | None = None
    required: bool = True


def parse_json(text: str | bytes, path: Path, line: int | None = None) -> Any:
    """The JSON value in `text`; DatasetError with file and line if it is none or repeats a key."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) != len(pairs):
            keys = [key for key, _ in pairs]
            again = next(key for key in keys if keys.count(key) > 1)
            raise DatasetError(f"the key {again!r} appears twice in one object", path, line)
        return mapping

    try:
        return json.loads(text if isinstance(text, str) else text.decode(), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DatasetError(f"not valid JSON: {error.msg}", path, line or error.lineno) from None
    except UnicodeDecodeError:
        raise DatasetError("not UTF-8 text", path, line) from None
    except RecursionError:
        raise DatasetError("not usable JSON: it is nested too deeply", path, line) from None
    except ValueError:
        raise DatasetError("not usable JSON: an integer has thousands of digits", path, line) from None


BOM = b"\xef\xbb\xbf"


def content_of(path: Path) -> bytes:
    """The bytes of a text file, without the mark that Windows begins one with. Raises OSError."""
    return path.read_bytes().removeprefix(BOM)


def load_json(path: Path) -> Any:
    """The JSON value in a file; DatasetError if the file is missing, unreadable or not JSON."""
    if path.exists() and not path.is_file():
        raise DatasetError("cannot be read: it is no file", path)
    try:
        text = content_of(path)
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    return parse_json(text, path)
