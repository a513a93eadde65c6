"""The masks of a run in the files that other programs read: the references' scripts, evaluation servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sightbench import rle
from sightbench.client.journal import Journal
from sightbench.client.saved_expressions import frame_names, own_id
from sightbench.errors import UsageError
from sightbench.evaluation.selection import Dataset
from sightbench.reports import mask_files
from sightbench.reports.mask_files import SUBMISSIONS, Drawn, Packing
from sightbench.reports.pictures import size as picture_size
from sightbench.rle import MaskError, Rle
from sightbench.sample import Image, Media, Reply, Sample, Video

FORMATS = ("results", "pngs")
"""`results`: results.json of videos, JSON lines of images. `pngs`: a folder of PNGs."""


def is_mask_set(dataset: Dataset) -> bool:
    """Whether it asks for masks of expressions: nothing but masks, and not in Dyn-Bench's own files."""
    benchmark = dataset.selection.benchmark
    return tuple(benchmark.scorers) == ("masks",) and benchmark.aggregate is None


def export_masks(dataset: Dataset, journal: Journal, format: str, folder: Path) -> tuple[Path, int, str]:
    """Writes one benchmark's masks below `folder`: (where, how many, of what). `format` is one of FORMATS, or
    a submission's name. Expressions without an answer are written as empty masks, and counted in the words.
    """
    name = dataset.selection.benchmark.name
    lacking: list[str] = []
    drawn = _drawn(dataset, journal, lacking)
    folder.mkdir(parents=True, exist_ok=True)
    images = dataset.selection.benchmark.family == "image masks"
    writers: dict[str, tuple[Path, Callable[[Iterator[Drawn], Path], int], str]] = {
        "results": (
            (folder / f"{name}.jsonl", mask_files.lines, "expressions")
            if images
            else (folder / f"{name}-results.json", mask_files.results, "expressions")
        ),
        "pngs": (folder / name, mask_files.pngs, "PNGs"),
        **{
            kind: (folder / f"submission-{name}.zip", _zipped(packing), "PNGs")
            for kind, packing in SUBMISSIONS.items()
        },
    }
    if format not in writers:
        raise UsageError(f"--format {format}: masks are written as {', '.join(writers)}")
    path, write, what = writers[format]
    count = write(drawn, path)
    if lacking:
        what += f"; {len(lacking)} expressions without an answer are empty masks, for example {lacking[0]}"
    return path, count, what


def _zipped(packing: Packing) -> Callable[[Iterator[Drawn], Path], int]:
    return lambda drawn, path: mask_files.submission(drawn, path, packing)


def _drawn(dataset: Dataset, journal: Journal, lacking: list[str]) -> Iterator[Drawn]:
    sizes: dict[str, tuple[int, int]] = {}
    for sample in dataset.samples():
        reply = journal.read(sample.id)
        if sample.affinity not in sizes:
            sizes[sample.affinity] = _size(sample)
        frames = frame_names(sample)
        objects = _objects(reply, max(1, len(frames)), sizes[sample.affinity])
        if reply is None or reply.status != "ok":
            lacking.append(sample.id)
        video, expression = sample.meta.get("video"), sample.meta.get("expression")
        label = sample.meta.get("label")
        yield Drawn(
            *(str(video or ""), str(expression or ""), own_id(sample), frames),
            *(sizes[sample.affinity], objects, label if isinstance(label, int) else None),
        )


def _size(sample: Sample) -> tuple[int, int]:
    for turn in sample.turns:
        for part in turn.parts:
            media: Media | None = part.media if isinstance(part, Image) else None
            media = part.frames[0] if isinstance(part, Video) and part.frames else media
            if media is not None and (found := picture_size(media)):
                return found[1], found[0]
    raise UsageError(f"{sample.id} has no picture whose size can be read")


def _objects(reply: Reply | None, frames: int, size: tuple[int, int]) -> tuple[tuple[Rle | None, ...], ...]:
    """The masks of a reply's objects; a reply that cannot be read, or has masks of another size, has none."""
    try:
        objects: Any = reply.masks.objects(frames) if reply is not None and reply.masks else []
        read = tuple(tuple(map(_mask, entry["rles"])) for entry in objects)
    except (MaskError, TypeError, KeyError):
        return ()
    fits = all(mask is None or mask[:2] == size for track in read for mask in track)
    return read if fits else ()


def _mask(wire: object) -> Rle | None:
    return None if wire is None else rle.validate(wire)
