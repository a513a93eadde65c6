"""Referring video object segmentation: MeViS, Ref-DAVIS17, Ref-YouTube-VOS, ReVOS, Ref-SAV.

    meta_expressions.json   {"videos": {id: {"frames": [names], "expressions": {id: {"exp", ...}}}}}
    mask_dict.json, .pkl    {annotation: [RLE or null per frame]}
    JPEGImages/<video>/<frame>.jpg

An expression means the union of its annotations (`anno_id`). Ref-DAVIS17 names none: its annotations are
counted over the sorted videos and, in each, over the expressions sorted as text (0, 1, 10, 11, 2, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sightbench.errors import DatasetError, UsageError
from sightbench.families import load
from sightbench.mask_file import MaskFile, open_masks
from sightbench.sample import Gold, Json, LabelTruth, RleTruth, Sample, Text, Turn, Video
from sightbench.tasks.benchmark import content_of
from sightbench.tasks.readers.files.layout import LayoutReader, Source
from sightbench.tasks.readers.masks.videos import Frames, size_of
from sightbench.terminal import plain
from sightbench.wordings import Wording, wording

Number = str | int
OFFICIAL = "official"


class Expression(msgspec.Struct):
    exp: str
    anno_id: list[Number] | Number | None = None
    obj_id: list[Number] | Number | None = None
    type_id: int | None = None


class VideoEntry(msgspec.Struct):
    frames: list[str]
    expressions: dict[str, Expression]
    height: int | None = None
    width: int | None = None


class Meta(msgspec.Struct):
    videos: dict[str, VideoEntry]


@dataclass(frozen=True, slots=True)
class Rvos:
    """What differs between the sets. Paths are relative to the folder of the list of expressions.

    `kind` is that of the wording; `images` are where videos lie; `masks` the file of true masks, none where
    they are hidden; `counted`: annotations are counted, not named; `types` are the categories of type_id;
    `depths`: A and R need to know where objects overlap; `foreground` is the file of all foreground, and with
    `needs_foreground` it is made up where it is not there; `labels` are folders of label maps by object, the
    truth under the profile `official`; `annotators` are the categories of expressions by their place;
    `beside` lists videos (the keys of another split's list) that are left out.
    """

    kind: str
    images: tuple[str, ...]
    masks: tuple[str, ...] = ()
    counted: bool = False
    types: Mapping[int | None, str] = field(default_factory=dict)
    depths: bool = False
    foreground: tuple[str, ...] = ()
    needs_foreground: bool = False
    beside: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()


def reader(rules: Rvos) -> LayoutReader:
    """Samples named <video>/<expression>, videos and expressions in the order of the file."""

    def read(source: Source) -> Iterator[Sample]:
        return _Reading(rules, source).samples()

    return read


def meta(path: Path) -> Meta:
    """The list of expressions in `path`. DatasetError that says what is wrong with it."""
    try:
        return msgspec.json.decode(content_of(path), type=Meta)
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"not a list of expressions: {' '.join(str(error).split())}", path) from None


class _Reading:
    def __init__(self, rules: Rvos, source: Source) -> None:
        self._rules, self._source = rules, source
        self._folder = source.path.parent
        self._frames = Frames([self._folder / name for name in rules.images])
        self._wording: Wording = wording(load().wordings, source.words, rules.kind)
        self._masks = self._opened(rules.masks)
        self._counts: dict[str, int] = {}
        self._foreground = self._opened(rules.foreground)
        self._labels = self._label_maps()
        if rules.masks and self._masks is None and self._labels is None:
            names = " or ".join(str(self._folder / name) for name in rules.masks)
            raise UsageError(f"{source.path}: the true masks are not there; looked for {names}")

    def _opened(self, names: tuple[str, ...]) -> MaskFile | None:
        path = next((path for name in names if (path := self._folder / name).is_file()), None)
        return None if path is None else open_masks(path)

    def _label_maps(self) -> Frames | None:
        if not self._rules.labels or self._source.profile != OFFICIAL:
            return None
        bases = [self._folder / name for name in self._rules.labels]
        if not any(base.is_dir() for base in bases):
            places = " or ".join(map(str, bases))
            raise UsageError(
                f"{self._source.path}: profile {OFFICIAL} needs the label maps; looked for {places}"
            )
        return Frames([base for base in bases if base.is_dir()])

    def samples(self) -> Iterator[Sample]:
        listed = meta(self._source.path)
        problems = self._source.problems
        others = self._left_out()
        counted = _counted(listed) if self._rules.counted else {}
        for name, entry in listed.videos.items():
            if name in others:
                problems.skip("videos of the other split", Path(name))
                continue
            try:
                video = self._frames.video(name, entry.frames, name)
                if self._labels is not None:
                    self._labels.video(name, entry.frames, name)
                place = _told_size(entry) or (None if self._masks is None else size_of(_first(video)))
            except DatasetError as error:
                problems.broke(str(error), self._source.path)
                continue
            whole, file = self._whole_foreground(name, entry)
            for position, (id, expression) in enumerate(entry.expressions.items()):
                named = tuple(map(str, _listed(expression.anno_id)))
                annotations = (counted[name, id],) if counted else named
                wrong = self._flaw(expression, annotations, len(entry.frames))
                if wrong:
                    problems.broke(f"expression {plain(f'{name}/{id}', 80)} {wrong}", self._source.path)
                    continue
                gold: Gold = None
                if self._labels is not None:
                    gold = self._label_truth(name, video, expression)
                elif self._masks is not None and place is not None:
                    gold = RleTruth(
                        *(str(self._masks.path), annotations, len(entry.frames), place),
                        *(whole, file, self._rules.depths),
                    )
                yield self._sample(name, id, video, expression, gold, position)

    def _label_truth(self, name: str, video: Video, expression: Expression) -> LabelTruth:
        assert self._labels is not None
        maps = self._labels.files(name)
        files = tuple(maps[frame.stem].name for frame in video.frames if isinstance(frame, Path))
        labels = tuple(int(label) for label in _listed(expression.obj_id))
        return LabelTruth(str(self._labels.folder(name)), files, size_of(_first(video)), labels, voids=True)

    def _left_out(self) -> set[str]:
        found: set[str] = set()
        for name in self._rules.beside:
            path = self._folder / name
            if path.is_file():
                found |= set(meta(path).videos)
        return found

    def _whole_foreground(self, name: str, entry: VideoEntry) -> tuple[tuple[str, ...], str | None]:
        """The annotations of all foreground of a video, and their file where it is one of its own."""
        if self._foreground is not None and name in self._foreground.keys:
            return (name,), str(self._foreground.path)
        if not self._rules.needs_foreground:
            return (), None
        all_ids = (id for each in entry.expressions.values() for id in map(str, _listed(each.anno_id)))
        return tuple(dict.fromkeys(all_ids)), None

    def _flaw(self, expression: Expression, annotations: tuple[str, ...], frames: int) -> str:
        """What is wrong with an expression, in words that follow its name."""
        if not expression.exp.strip():
            return "is empty"
        try:
            self._wording.text(expression.exp)
        except ValueError as error:
            return f"cannot be asked: {error}"
        if self._labels is not None:
            named = _listed(expression.obj_id)
            whole = bool(named) and all(str(label).isdecimal() for label in named)
            return "" if whole else "names no object of the label maps"
        if self._masks is None:
            return ""
        if not annotations and expression.type_id is None:
            return "names no annotation"
        for annotation in annotations:
            if annotation not in self._masks.keys:
                return (
                    f"means annotation {plain(annotation, 40)}, which {self._masks.path.name} does not hold"
                )
            try:
                if annotation not in self._counts:
                    self._counts[annotation] = len(self._masks.masks(annotation))
            except DatasetError as error:
                return f"cannot be judged: {error}"
            if self._counts[annotation] != frames:
                count = self._counts[annotation]
                return f"has {frames} frames and its annotation {plain(annotation, 40)} has {count} masks"
        return ""

    def _sample(
        self, name: str, id: str, video: Video, expression: Expression, gold: Gold, position: int
    ) -> Sample:
        medium = "image" if len(video.frames) == 1 else "video"
        columns: dict[str, Json] = {
            "question": expression.exp,
            "video": name,
            "expression": id,
            "position": position,
            "num_frames": len(video.frames),
            "objects": len(_listed(expression.obj_id)) or 1,
        }
        return Sample(
            id=f"{name}/{id}",
            benchmark="",
            task="",
            category=self._category(expression, position),
            turns=(Turn("user", (video, Text(self._wording.text(expression.exp, medium=medium)))),),
            gold=gold,
            wants="masks",
            group=name,
            meta=columns,
        )

    def _category(self, expression: Expression, position: int) -> str:
        told = self._rules.annotators
        return told[position % len(told)] if told else self._rules.types.get(expression.type_id, "")


def _told_size(entry: VideoEntry) -> tuple[int, int] | None:
    return (entry.height, entry.width) if entry.height and entry.width else None


def _first(video: Video) -> Path:
    first = video.frames[0]
    assert isinstance(first, Path)
    return first


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _counted(listed: Meta) -> dict[tuple[str, str], str]:
    """(video, expression) -> annotation: a counter over both, sorted as text."""
    keys = ((video, id) for video in sorted(listed.videos) for id in sorted(listed.videos[video].expressions))
    return {key: str(number) for number, key in enumerate(keys)}
