"""EgoExo-Bench: a table whose questions hold <video> and <image> where their `medias` belong.

What the benchmark's authors offer for download is taken before the source videos: the frames in
`videos/processed_frames/question<index>_video<n>/`, then `videos/processed_video/` (`processed_videos/`,
and all below `videos/EgoExoBench/`, in VLMEvalKit's tree), with .mp4 or .jpg after the same name. Of a
video as many frames are taken as its `nframes` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sightbench.sample import Image, Part, Sample, Text, Turn, Video
from sightbench.tasks.readers.files import tsv
from sightbench.tasks.readers.files.disk import images
from sightbench.tasks.readers.files.layout import Source
from sightbench.tasks.readers.vlmevalkit import literal, meta_of

FRAME_RATE = 2.0
SEGMENTS = 8
PICTURES = (".jpg", ".jpeg", ".png")
OPTION = re.compile(r"^\s*\(?([A-Z])[.):]\s*(.*?)\s*$", re.MULTILINE)


def read(source: Source) -> Iterator[Sample]:
    """Samples by index; frames of a `frames` medium keep their listed order, category is the subtask."""
    roots = (
        source.data / "videos",
        source.path.parent / "videos",
        source.path.parent.parent / "videos",
        source.data / "videos" / "EgoExoBench",
        source.data,
    )
    for row in tsv.rows(source.path, source.problems, ()):
        text = "\n".join((row.text("question"), "Options:", row.text("options"), row.text("response_format")))
        try:
            media = literal(row.text("medias"), "medias")
            pieces = re.split(r"<image>|<video>", text)
            if not isinstance(media, list) or len(pieces) - 1 != len(media):
                raise ValueError(f"has {len(pieces) - 1} places for media and not as many media")
            parts: list[Part] = [Text(pieces[0].strip())] if pieces[0].strip() else []
            for number, (medium, piece) in enumerate(zip(media, pieces[1:], strict=True)):
                part = _medium(medium, f"question{row.text('index')}_video{number}", roots, source, row.line)
                if part is None:
                    break
                parts.append(part)
                if piece.strip():
                    parts.append(Text(piece.strip()))
            else:
                yield Sample(
                    id=row.text("index"),
                    benchmark="",
                    task="",
                    category=row.text("subtask_type"),
                    turns=(Turn("user", tuple(parts)),),
                    gold=row.cells.get("answer"),
                    meta=meta_of(row, choices=dict(OPTION.findall(row.text("options")))),
                )
        except (ValueError, KeyError, TypeError) as error:
            source.problems.broke(str(error), source.path, row.line)


def _medium(
    medium: Mapping[str, Any], name: str, roots: Sequence[Path], source: Source, line: int
) -> Part | None:
    kind = medium["type"]
    segments = int(medium.get("nframes") or SEGMENTS)
    processed = _processed(name, kind, segments, roots)
    if processed is not None:
        return processed
    names = medium["image_paths"] if kind in ("image", "frames") else [medium["video_path"]]
    paths = images(names, roots, source.problems, source.path, line)
    if paths is None:
        return None
    if kind == "image":
        return Image(paths[0])
    if kind == "frames":
        return Video(id=name, frames=paths, fps=FRAME_RATE)
    start, end = medium.get("video_start"), medium.get("video_end")
    span = None if start is None or end is None else (float(start), float(end))
    return Video(id=name, file=paths[0], span=span, segments=segments)


def _processed(name: str, kind: str, segments: int, roots: Sequence[Path]) -> Part | None:
    """The medium as the benchmark's authors cut it, in the reference's order: frames, then the video."""
    for root in roots:
        folder = root / "processed_frames" / name
        if folder.is_dir():
            frames = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES))
            if frames:
                return Image(frames[0]) if kind == "image" else Video(id=name, frames=frames)
    for folder in (root / kept for root in roots for kept in ("processed_video", "processed_videos")):
        picture, film = (folder / f"{name}{suffix}" for suffix in (".jpg", ".mp4"))
        if kind == "image" and picture.is_file():
            return Image(picture)
        if film.is_file():
            return Video(id=name, file=film, segments=segments)
    return None
