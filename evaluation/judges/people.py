"""People as judges: one page to compare two runs' answers on, and what several people said on it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np
import orjson

from sightbench.client.journal import Journal
from sightbench.errors import UsageError
from sightbench.evaluation.judges.review import majority
from sightbench.evaluation.run import Run
from sightbench.files import replace_file
from sightbench.reports import entry as page_of
from sightbench.reports.build import build
from sightbench.reports.entry import Ballot, Entry, Masks
from sightbench.reports.summary import Summary
from sightbench.rle import MaskError, Rle, read
from sightbench.sample import Reply, Sample, StoredMasks
from sightbench.scorers.score import Score
from sightbench.scorers.statistics.agreement import agreement, cohens_kappa, krippendorffs_alpha
from sightbench.scorers.statistics.means import mean

PAGE, KEY = "review.html", "key.json"
LABELS = ("First", "Second")

T = TypeVar("T")

Vote = Literal["first", "second", "tie"]


class Key(msgspec.Struct):
    """Which answer was whose. `order` says by sample which run (0 or 1) stood first, `clusters` what samples
    share; `ballot` tells which page it belongs to."""

    ballot: str
    runs: tuple[str, str]
    seed: int
    order: dict[str, int]
    clusters: dict[str, str]


class Ratings(msgspec.Struct):
    """One person's file, as the page saves it."""

    ballot: str
    rater: str
    ratings: dict[str, Vote]


@dataclass(frozen=True, slots=True)
class _Shown:
    sample: Sample
    replies: tuple[Reply, Reply]
    first: int


def write_page(
    runs: Sequence[Run], folder: Path, *, limit: int | None = None, seed: int = 0
) -> tuple[Path, Path]:
    """Writes review.html, without any model's name, and key.json beside it; returns both paths.

    Which run's answer stands first is drawn anew for each question from the seed. Raises UsageError unless
    there are two runs that answered the same questions.
    """
    if len(runs) != 2:
        raise UsageError("--human compares two runs")
    shown = _shown(runs, limit, seed)
    order = {one.sample.id: one.first for one in shown}
    names = [str(run.folder.resolve()) for run in runs]
    ballot = hashlib.sha256(orjson.dumps([names, seed, order], option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    pages = [
        page_of.Run(label, Path(label), "complete", Summary(label, (), {}, {}), _entries(shown, place))
        for place, label in enumerate(LABELS)
    ]
    built = build(pages, folder / PAGE, embed=0, ballot=Ballot(ballot))
    clusters = {one.sample.id: one.sample.affinity for one in shown}
    labels = (runs[0].record.shown_as, runs[1].record.shown_as)
    key = Key(ballot, labels, seed, order, clusters)
    replace_file(folder / KEY, msgspec.json.format(msgspec.json.encode(key), indent=1) + b"\n")
    return built.path, folder / KEY


def _shown(runs: Sequence[Run], limit: int | None, seed: int) -> list[_Shown]:
    with Journal.open(runs[0].folder, write=False) as one, Journal.open(runs[1].folder, write=False) as other:
        found = []
        for dataset in runs[0].datasets:
            for sample in dataset.samples():
                first, second = one.read(sample.id), other.read(sample.id)
                if first is None or second is None or "error" in (first.status, second.status):
                    continue
                drawn = random.Random(f"{seed}:{sample.id}").randrange(2)
                found.append(_Shown(sample, (first, second), drawn))
    if not found:
        raise UsageError("these runs have no question in common that both of them answered")
    if limit is not None and limit < len(found):
        kept = sorted(random.Random(seed).sample(range(len(found)), limit))
        found = [found[at] for at in kept]
    return found


def _entries(shown: Sequence[_Shown], place: int) -> Callable[[], Iterator[Entry]]:
    def entries() -> Iterator[Entry]:
        for one in shown:
            reply = one.replies[one.first if place == 0 else 1 - one.first]
            # Nothing but the answer: times, tokens and names tell who it was.
            bare = Reply(reply.sample, "", "ok", text=reply.text)
            yield Entry(one.sample, one.sample.turns, bare, _unscored(one.sample), _masks(one.sample, reply))

    return entries


def _unscored(sample: Sample) -> Score:
    return Score(sample.id, None, None, "ungraded")


def _masks(sample: Sample, reply: Reply) -> Masks | None:
    """The first object's predicted masks, without the truth."""
    if not isinstance(sample.gold, StoredMasks):
        return None
    predicted: list[Rle | None] = []
    try:
        objects = reply.masks.objects(sample.gold.frames) if reply.masks is not None else []
    except MaskError:
        objects = []
    first = objects[0] if isinstance(objects, list) and objects else None
    frames = first.get("rles") if isinstance(first, Mapping) else None
    for frame in frames if isinstance(frames, list) else ():
        try:
            predicted.append(None if frame is None else read(frame))
        except MaskError:
            predicted.append(None)
    return Masks(tuple(predicted), ())


def ratings_lines(folder: Path, files: Sequence[Path]) -> list[str]:
    """What people preferred, how far they agree with each other, and with the judges of review.json.

    Raises UsageError for a file of another page, or none at all.
    """
    key = _read(folder / KEY, Key)
    people = [_read(path, Ratings) for path in files]
    for path, one in zip(files, people, strict=True):
        if one.ballot != key.ballot:
            raise UsageError(f"{path}: these ratings are of another page than {folder / KEY}")
    votes = [_votes(key, one) for one in people]
    rated = [id for id in key.order if any(id in own for own in votes)]
    if not rated:
        raise UsageError("nothing is rated in these files")
    won = [majority([own[id] for own in votes if id in own]) for id in rated]
    rate = mean("", won, [key.clusters[id] for id in rated])
    low, high = rate.interval or (None, None)
    span = "" if low is None else f" (95 % interval {low:.1f} to {high:.1f})"
    lines = [
        f"{key.runs[0]} against {key.runs[1]}: preferred {rate.value:.1f} %{span}, "
        f"{len(rated)} of {len(key.order)} questions rated by {len(people)}",
        *(f"  {one.rater or 'no name'}: {len(own)} rated" for one, own in zip(people, votes, strict=True)),
    ]
    if len(people) > 1:
        table = np.array([[own.get(id, np.nan) for id in rated] for own in votes])
        lines.append(
            f"agreement between people: Krippendorff's alpha {_number(krippendorffs_alpha(table, 'nominal'))}"
        )
    judges = _judges(folder)
    both = [(vote, judges[id]) for id, vote in zip(rated, won, strict=True) if id in judges]
    if both:
        ours, theirs = [one for one, _ in both], [other for _, other in both]
        same, kappa = 100 * (agreement(ours, theirs) or 0), _number(cohens_kappa(ours, theirs))
        lines.append(f"with the judges: {same:.1f} % of {len(both)} the same, Cohen's kappa {kappa}")
    return lines


def _votes(key: Key, one: Ratings) -> dict[str, float]:
    """The share of the first run in each vote: 1 preferred, 0.5 tie, 0 the other."""
    found = {}
    for id, vote in one.ratings.items():
        if id in key.order:
            first = key.order[id]
            found[id] = 0.5 if vote == "tie" else float((vote == "first") == (first == 0))
    return found


def _judges(folder: Path) -> dict[str, float]:
    """The judges' majority on the first pair of review.json, by sample; nothing where there is none."""
    try:
        content = json.loads((folder / "review.json").read_bytes())
    except (OSError, ValueError):
        return {}
    found = {}
    for verdict in content.get("verdicts", []):
        for orders in verdict["duels"][:1]:
            votes = [one if one == other else 0.5 for one, other in orders if None not in (one, other)]
            if votes:
                found[str(verdict["sample"])] = majority(votes)
    return found


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: not what the review page saves ({error})") from None


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
