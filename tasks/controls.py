"""Control conditions: the same questions with something taken away that a model should need.

Pure and seeded: the same samples and the same seed always give the same controls. Each takes a sample's
media apart by reference; what `black` and `mirrored` paint over is painted when it is sent.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sightbench.errors import UsageError
from sightbench.sample import Image, Media, Painted, Part, Sample, Text, Video
from sightbench.tasks import rotations

Samples = Callable[[], Iterator[Sample]]
Transform = Callable[[Sample], Sample | None]
Make = Callable[[Samples, int], Iterator[Sample]]


@dataclass(frozen=True, slots=True)
class Control:
    """One condition. `of(samples, seed)` yields the samples it applies to, changed; the others are left out.

    `shows` says what a score under it means, for help texts and reports.
    """

    name: str
    shows: str
    of: Callable[[Samples, int], Iterator[Sample]]


def control(name: str) -> Control:
    """The control condition called `name`. UsageError lists them for one that nobody knows."""
    found = next((one for one in CONTROLS if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in CONTROLS)
        raise UsageError(f"--control {name}: no control is called that; known: {known}")
    return found


def _each(transform: Transform) -> Callable[[Samples, int], Iterator[Sample]]:
    def changed(samples: Samples, _seed: int) -> Iterator[Sample]:
        for sample in samples():
            # A mask has no counterpart in a video that is not the one it was drawn on.
            if sample.wants == "text" and (made := transform(sample)) is not None:
                yield replace(made, cluster=sample.affinity)

    return changed


def _with_parts(sample: Sample, change: Callable[[Part], Part | None]) -> Sample:
    turns = []
    for turn in sample.turns:
        parts = tuple(made for part in turn.parts if (made := change(part)) is not None)
        turns.append(replace(turn, parts=parts))
    return replace(sample, turns=tuple(turns))


def _media(sample: Sample) -> list[Image | Video]:
    return [part for turn in sample.turns for part in turn.parts if isinstance(part, Image | Video)]


def _videos(sample: Sample) -> list[Video]:
    return [part for part in _media(sample) if isinstance(part, Video)]


def _blind(sample: Sample) -> Sample | None:
    if not _media(sample):
        return None
    return _with_parts(sample, lambda part: part if isinstance(part, Text) else None)


def _frames(order: Callable[[Video], list[int]]) -> Transform:
    """Every video shows its frames in this order; None for a sample without a video."""

    def changed(sample: Sample) -> Sample | None:
        if not _videos(sample):
            return None
        _refuse_files(sample)

        def reordered(part: Part) -> Part:
            if not isinstance(part, Video):
                return part
            return replace(part, frames=tuple(part.frames[at] for at in order(part)))

        return _with_parts(sample, reordered)

    return changed


def _shuffled(samples: Samples, seed: int) -> Iterator[Sample]:
    def order(video: Video) -> list[int]:
        places = list(range(len(video.frames)))
        # All questions about a video see the same order.
        random.Random(f"{seed}/{video.id}").shuffle(places)
        backwards = places == sorted(places, reverse=True)
        if places == sorted(places) or (backwards and len(places) > 2):
            places = [*places[1:], *places[:1]]
        return places

    return _each(_frames(order))(samples, seed)


_LEFT_RIGHT = re.compile(
    r"\b(?:left|right|clockwise|counter-?clockwise|east|west|port|starboard)\w*|[左右]", re.I
)
_TIME = re.compile(
    r"\b(?:before|after|first|last|next|then|start|end|begin|finish|previous|earlier|later|toward|away|approach|"
    r"reced|open|clos|enter|leav|leave|increas|decreas|accelerat|forward|backward|up|down|left|right|clockwise|"
    r"counter-?clockwise|order|sequence|rise|fall|turn|rotat|mov)\w*",
    re.I,
)


def _unless(words: re.Pattern[str], transform: Transform) -> Transform:
    """Only samples whose question, options and gold name nothing that the transform turns around."""

    def changed(sample: Sample) -> Sample | None:
        texts = [part.text for turn in sample.turns for part in turn.parts if isinstance(part, Text)]
        texts += [str(sample.gold), *rotations.choices_of(sample).values()]
        return None if any(words.search(text) for text in texts) else transform(sample)

    return changed


def _repainted(how: Literal["black", "mirrored"]) -> Transform:
    """Every image and frame painted over when it is sent: the samples of a run are read several times."""

    def painted(media: Media) -> Media:
        return media if isinstance(media, Painted) else Painted(media, how)

    def changed(sample: Sample) -> Sample | None:
        if not _media(sample):
            return None
        _refuse_files(sample)

        def over(part: Part) -> Part:
            if isinstance(part, Image):
                return Image(painted(part.media))
            if isinstance(part, Video):
                return replace(part, frames=tuple(map(painted, part.frames)))
            return part

        return _with_parts(sample, over)

    return changed


def _refuse_files(sample: Sample) -> None:
    for video in _videos(sample):
        if video.file is not None:
            raise UsageError(f"--control: {sample.id} shows a video file ({video.file}); it needs frames")


def _turned(how: Literal["mirrored", "reversed"], words: re.Pattern[str], transform: Transform) -> Make:
    """Where a set has twins, each question about the video's twin, with the twin's own answer, in its place;
    elsewhere the questions whose answer stays what it is. UsageError where neither is there."""
    invariant = _each(_unless(words, transform))

    def made(samples: Samples, seed: int) -> Iterator[Sample]:
        places = {
            (sample.group, sample.affinity): (sample.id, sample.order)
            for sample in samples()
            if sample.wants == "text"
        }
        found = 0
        for sample in samples() if any(group for group, _ in places) else ():
            video = sample.affinity.removesuffix(f"-{how}")
            if sample.group is None or sample.wants != "text" or video == sample.affinity:
                continue
            if place := places.get((sample.group, video)):
                found += 1
                id, order = place
                yield replace(sample, id=id, order=order, cluster=video, group=None)
        if found:
            return
        for sample in invariant(samples, seed):
            found += 1
            yield sample
        if places and not found:
            raise UsageError(
                f"--control {how}: every question here speaks of what would change, and the set has no twins "
                "with answers of their own (`synth --twins` makes one)"
            )

    return made


def _other_video(samples: Samples, seed: int) -> Iterator[Sample]:
    """Each video (or image of its own) replaced by another one's, the same for all questions about it."""
    shown: dict[str, list[Image | Video]] = {}
    for sample in samples():
        if sample.wants == "text" and _media(sample):
            shown.setdefault(sample.affinity, _media(sample))
    keys = list(shown)
    if len(keys) < 2:
        raise UsageError("--control other-video: there is only one video")
    random.Random(seed).shuffle(keys)
    other = dict(zip(keys, [*keys[1:], keys[0]], strict=True))

    def swapped(sample: Sample) -> Sample | None:
        if not _media(sample):
            return None
        given = shown[other[sample.affinity]]
        queue = iter(given)
        last = given[-1]
        # A question about two images gets two of the other's, or its last one twice.
        return _with_parts(sample, lambda part: part if isinstance(part, Text) else next(queue, last))

    return _each(swapped)(samples, seed)


def _no_question(sample: Sample) -> Sample | None:
    return rotations.options_only(sample) if _media(sample) else None


def _rotated(samples: Samples, _seed: int) -> Iterator[Sample]:
    for sample in samples():
        if sample.wants == "text":
            yield from rotations.rotations(sample)


def _first(video: Video) -> list[int]:
    return [0]


def _middle(video: Video) -> list[int]:
    return [len(video.frames) // 2]


def _backwards(video: Video) -> list[int]:
    return list(range(len(video.frames) - 1, -1, -1))


CONTROLS = (
    Control("blind", "what the texts alone give away", _each(_blind)),
    Control("no-question", "what video and options give away without the question", _each(_no_question)),
    Control("first-frame", "what needs no motion: the first frame only", _each(_frames(_first))),
    Control("middle-frame", "what needs no motion: the middle frame only", _each(_frames(_middle))),
    Control("shuffled", "what needs no order: the frames dealt at random", _shuffled),
    Control(
        "reversed",
        "steadiness: the frames backwards, by twins or where no word is about time or direction",
        _turned("reversed", _TIME, _frames(_backwards)),
    ),
    Control("black", "what needs no picture: black frames of the same size", _each(_repainted("black"))),
    Control(
        "mirrored",
        "steadiness: left and right swapped, by twins or where no word is about sides",
        _turned("mirrored", _LEFT_RIGHT, _repainted("mirrored")),
    ),
    Control("other-video", "what needs no matching video: another one's frames", _other_video),
    Control("options-rotated", "position bias: every rotation of the options", _rotated),
)
