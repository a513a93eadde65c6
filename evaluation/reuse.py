"""`--reuse`: which earlier runs may answer for this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sightbench.client.hosted.negotiation import greedy
from sightbench.client.journal import REPLIES
from sightbench.client.settings import Settings
from sightbench.client.store import Store
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation import run_record
from sightbench.evaluation.options import Options, several
from sightbench.evaluation.run_record import RunRecord, other_answerer


def earlier(
    options: Options, folder: Path, record: RunRecord, asked: Settings, note: Callable[[str], None]
) -> Store:
    """The answers of the runs that `--reuse` names and that the same model gave; empty without it.

    Raises UsageError where no run is there, and for sampled answers that nobody asked for: another draw is
    another answer, and asking again costs what `--reuse` was to save.
    """
    named = several(options.reuse)
    if not named:
        return Store()
    found = {path: [run for run in _runs(Path(path)) if run.resolve() != folder.resolve()] for path in named}
    for path, runs in found.items():
        if not runs:
            raise UsageError(f"--reuse {path}: there is no other run with replies in it")
    if sampled(asked) and not options.reuse_sampled:
        raise UsageError(
            "--reuse: this run's answers are drawn at a temperature above 0, so an earlier one is only one "
            "draw; say --reuse-sampled to take it all the same"
        )
    fitting: list[Path] = []
    others: list[str] = []
    for run in (run for runs in found.values() for run in runs):
        why = _unfit(run, record, options)
        if why is None:
            fitting.append(run)
        else:
            others.append(f"{run} ({why})")
    store = Store(fitting)
    count = "1 earlier run" if len(fitting) == 1 else f"{len(fitting)} earlier runs"
    note(f"{len(store):,} answers of {count} may be used again (--reuse)")
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        note(f"--reuse takes nothing from {', '.join(others[:3])}{more}")
    return store


def sampled(asked: Settings) -> bool:
    """Whether the same request may be answered otherwise the next time, as far as its parameters tell."""
    config = asked.extra_body.get("generationConfig")
    given = [asked.temperature, asked.extra_body.get("temperature")]
    if isinstance(config, Mapping):
        given.append(config.get("temperature"))
    hot = any(isinstance(value, int | float) and value > 0 for value in given)
    return hot or not greedy(asked.changes)


def _runs(path: Path) -> Iterator[Path]:
    if (path / REPLIES).exists():
        yield path
    else:
        yield from sorted(file.parent for file in path.rglob(REPLIES))


def _unfit(run: Path, record: RunRecord, options: Options) -> str | None:
    try:
        return other_answerer(run_record.read(run), record, same_model=options.same_model)
    except RunFolderError:
        return "its run.json cannot be read"
