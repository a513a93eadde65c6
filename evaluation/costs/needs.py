"""What a server must hold to be asked a benchmark: read from its samples, nothing is sent."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image as Pictures

from sightbench.client.media import read
from sightbench.errors import SightbenchError
from sightbench.evaluation.options import Options
from sightbench.evaluation.selection import check
from sightbench.evaluation.start.begin import Note, chosen, embedded
from sightbench.sample import Image, Media, Sample, Text, Video

ANSWER = 1024
"""Tokens of an answer where neither the benchmark nor a flag says how many."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The most that one prompt holds: single `images`, `videos` of at most `frames` frames, the `width` and
    `height` of the picture with the most pixels, `characters` of all text, and `max_tokens` of an answer."""

    images: int = 0
    videos: int = 0
    frames: int = 0
    width: int = 0
    height: int = 0
    characters: int = 0
    max_tokens: int = 0


def needs(options: Options, note: Note) -> Needs:
    """Reads all samples, and the size of each image and of each video's first frame. Raises what `evaluate`
    raises before it asks."""
    wanted, _ = embedded(options, note)
    most = _Most(options.max_tokens or 0)
    _, remarks = check(chosen(wanted, note)[0], most.add)
    for line in remarks:
        note(line)
    return most.needs


class _Most:
    """What was seen so far."""

    def __init__(self, max_tokens: int) -> None:
        self.needs = Needs(max_tokens=max_tokens)
        self._asked = max_tokens
        self._videos: set[str] = set()

    def add(self, sample: Sample) -> None:
        parts = [part for turn in sample.turns for part in turn.parts]
        images = [part for part in parts if isinstance(part, Image)]
        videos = [part for part in parts if isinstance(part, Video)]
        before = self.needs
        sizes = [(before.width, before.height), *(_size(image.media) for image in images)]
        sizes += [_size(video.frames[0]) for video in videos if video.frames and self._new(video)]
        width, height = max(sizes, key=lambda size: size[0] * size[1])
        self.needs = Needs(
            images=max(before.images, len(images)),
            videos=max(before.videos, len(videos)),
            frames=max(before.frames, *(len(v.frames) or v.segments or 0 for v in videos), 0),
            width=width,
            height=height,
            characters=max(before.characters, sum(len(p.text) for p in parts if isinstance(p, Text))),
            max_tokens=max(before.max_tokens, self._asked or sample.max_tokens or ANSWER),
        )

    def _new(self, video: Video) -> bool:
        known = video.id in self._videos
        self._videos.add(video.id)
        return not known


def _size(media: Media) -> tuple[int, int]:
    """(width, height); (0, 0) for what is no image, which `--dry-run` and a run tell of."""
    try:
        with Pictures.open(io.BytesIO(read(media))) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, SightbenchError):
        return 0, 0
