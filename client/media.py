"""Media files -> content parts of a request, encoded once and shared by every question about them.

The bytes that go out are the file's own: nothing is decoded unless resizing was asked for or frames have
to be taken out of a container. What went out is recorded beside its sha256.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pybase64

from sightbench.byte_cache import ByteCache, SharedWork
from sightbench.client.dialects.openai_chat import referred
from sightbench.client.dialects.table import DIALECTS, VideoPart
from sightbench.client.frames import decoded, resized, sampled
from sightbench.client.providers import DialectName
from sightbench.client.settings import Mode
from sightbench.files import refuse_pipe, sha256_of
from sightbench.sample import Image, Media, Painted, SentMedia, Slice, Video

CACHE_BYTES = 256 * 2**20
DECODED_FRAMES = 32
"""Frames taken out of a container when neither the run nor the model's family says how many."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


Upload = Callable[[Path, str, str], Awaitable[str]]
"""(file, the sha256 of its bytes, MIME type) -> its URI in a service's store."""


class MediaError(ValueError):
    """A medium cannot be read or is not what it should be; the message names the file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How media are turned into parts; part of what is asked, so part of its fingerprint.

    `frame_label` is a text before each frame of a video sent as images, {} being its number from 1;
    `assumed_fps` the rate a frame list is given when the video does not say its own. `detail` is what images
    say of how closely they are to be looked at.
    """

    mode: Mode = "images"
    frames: int | None = None
    fps: float | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    detail: str | None = None
    part_ids: bool = False
    dialect: DialectName = "openai-chat"
    frame_label: str | None = None
    assumed_fps: float | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """One medium as JSON content parts (joined by commas).

    `identity` stands for the bytes in the fingerprint of a request; `sent` goes into the reply's record;
    `io` is what a server must be told to keep every frame of a frame list (`media_io_kwargs.video`).
    """

    parts: bytes
    identity: bytes
    sent: SentMedia
    count: int
    io: Mapping[str, Any] | None = None


def read(media: Media) -> bytes:
    """The encoded bytes `media` refers to. Raises MediaError naming the file that cannot be read."""
    try:
        if isinstance(media, bytes):
            return media
        if isinstance(media, Path):
            refuse_pipe(media)
            return media.read_bytes()
        if isinstance(media, Painted):
            return media.paint(read(media.source))
        return _read_slice(media)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MediaError(f"cannot read {_name(media)}: {why}") from error


def mime(data: bytes, media: Media) -> str:
    """The image type by its first bytes. Raises MediaError for what no server would accept."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise MediaError(f"{_name(media)} is not a JPEG, PNG, WebP, GIF, BMP or TIFF image")


def encode(part: Image | Video, plan: Plan) -> Encoded:
    """One part of a sample in its wire template; reads files, so never call it on the event loop."""
    if isinstance(part, Image):
        return _images("image", (part.media,), plan)
    if part.file is None:
        choice = _choose(part, plan)
        chosen = replace(part, frames=tuple(part.frames[i] for i in choice.indices))
        if plan.mode == "video":
            return _frame_list(chosen, plan, choice)
        return _images("video", chosen.frames, plan, choice)
    if plan.mode == "file" and (write := DIALECTS[plan.dialect].video) is not None:
        return _whole_video(part, plan, write)
    if plan.mode == "file" and part.span is None:
        return _container(part.file)
    segments = None if plan.frames or plan.fps else part.segments
    try:
        refuse_pipe(part.file)
        frames, indices, total, fps = decoded(
            part.file, part.span, plan.frames or (None if plan.fps else DECODED_FRAMES), plan.fps, segments
        )
    except (OSError, ValueError) as error:
        raise MediaError(f"cannot take frames out of {part.file}: {error}") from error
    choice = _Choice(tuple(indices), total, decoded=True)
    whole = Video(part.id, frames=tuple(frames), fps=fps)
    if plan.mode == "video":
        return _frame_list(whole, plan, choice)
    return _images("video", whole.frames, plan, choice)


class MediaCache:
    """Encoded media, bounded by bytes; each is encoded once however many samples show it.

    Encoding runs in a few threads: reading, hashing and base64 leave the interpreter lock. `upload` puts
    videos into a service's store; without it a request says where they would be.
    """

    def __init__(
        self, plan: Plan, max_bytes: int = CACHE_BYTES, threads: int = 2, upload: Upload | None = None
    ) -> None:
        self._plan = plan
        self._upload = upload
        self._digests: SharedWork[Path, str] = SharedWork(ByteCache(max_bytes, len))
        self._raw = Plan(mode="images", part_ids=plan.part_ids, dialect=plan.dialect)
        self._encoded: SharedWork[tuple[Image | Video, Plan], Encoded] = SharedWork(
            ByteCache(max_bytes, lambda encoded: len(encoded.parts))
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="media")

    async def get(self, part: Image | Video, *, untouched: bool = False) -> Encoded:
        """The part in its wire form; `untouched`: every frame as its own image, original bytes.

        Raises MediaError when it cannot be read.
        """
        plan = self._raw if untouched else self._plan
        loop = asyncio.get_running_loop()
        if plan.mode == "upload" and isinstance(part, Video) and part.file is not None:
            return await self._stored(part, part.file)
        return await self._encoded.get(
            (part, plan), lambda: loop.run_in_executor(self._threads, encode, part, plan)
        )

    async def _stored(self, part: Video, file: Path) -> Encoded:
        loop = asyncio.get_running_loop()
        digest = await self._digests.get(file, lambda: loop.run_in_executor(self._threads, _digest, file))
        kind = _video_type(file)
        uri = "not uploaded yet" if self._upload is None else await self._upload(file, digest, kind)
        write = DIALECTS[self._plan.dialect].stored_video
        if write is None:
            raise MediaError(f"{file}: there is no store for videos at this service")
        return _whole(part, self._plan, digest, write(kind, uri, self._plan.fps, part.span))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The frames taken `of` so many, in order."""

    indices: tuple[int, ...]
    of: int
    decoded: bool = False


def _choose(video: Video, plan: Plan) -> _Choice:
    total = len(video.frames)
    if not total:
        raise MediaError(f"video {video.id} has no frames")
    return _Choice(tuple(sampled(total, video.fps, plan.frames, plan.fps)), total)


def _sent(kind: str, digests: Sequence[str], sizes: Sequence[list[int]], choice: _Choice | None) -> SentMedia:
    whole = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    resized = tuple((width, height) for width, height in sizes)
    if choice is None or (len(choice.indices) == choice.of and not choice.decoded):
        return SentMedia(kind, len(digests), whole, resized=resized)
    return SentMedia(kind, len(digests), whole, choice.indices, choice.of, choice.decoded, resized)


def _images(kind: str, media: Sequence[Media], plan: Plan, choice: _Choice | None = None) -> Encoded:
    parts: list[bytes] = []
    digests: list[str] = []
    sizes: list[list[int]] = []
    label = plan.frame_label if kind == "video" else None
    wire = DIALECTS[plan.dialect]
    for number, image in enumerate(media, start=1):
        data, size = _bytes(image, plan)
        digest = hashlib.sha256(data).hexdigest()
        digests.append(digest)
        if size:
            sizes.append(size)
        if label:
            parts.append(wire.text(label.format(number)))
        uuid = digest[:32] if plan.part_ids else None
        if plan.mode == "file" and plan.dialect == "openai-chat" and isinstance(image, Path) and size is None:
            parts.append(referred(orjson.dumps(image.resolve().as_uri()), uuid, plan.detail))
        else:
            parts.append(wire.image(mime(data, image), pybase64.b64encode(data), uuid, plan.detail))
    identity = f"images:{','.join(digests)}:{label}" if label else f"images:{','.join(digests)}"
    if plan.detail:
        identity += f":detail {plan.detail}"
    sent = _sent(kind, digests, sizes, choice)
    return Encoded(b",".join(parts), identity.encode(), sent, len(digests))


def _frame_list(video: Video, plan: Plan, choice: _Choice) -> Encoded:
    frames = [_bytes(frame, plan) for frame in video.frames]
    for (data, _), frame in zip(frames, video.frames, strict=True):
        mime(data, frame)
    digests = [hashlib.sha256(data).hexdigest() for data, _ in frames]
    # Told nothing, vLLM keeps the first 32 frames and takes them to be one second apart.
    io: dict[str, Any] = {
        "num_frames": -1, "frames_indices": list(choice.indices), "total_num_frames": choice.of,
    }  # fmt: skip
    if fps := video.fps or plan.assumed_fps:
        io |= {"fps": fps, "duration": choice.of / fps}
    identity = b"video:%b:%b" % (",".join(digests).encode(), orjson.dumps(io, option=orjson.OPT_SORT_KEYS))
    data = b",".join(pybase64.b64encode(data) for data, _ in frames)
    uuid = b',"uuid":"%b"' % hashlib.sha256(identity).hexdigest()[:32].encode() if plan.part_ids else b""
    part = b'{"type":"video_url","video_url":{"url":"data:video/jpeg;base64,%b"}%b}' % (data, uuid)
    sent = _sent("frame list", digests, [size for _, size in frames if size], choice)
    return Encoded(part, identity, sent, len(digests), io)


def _whole_video(part: Video, plan: Plan, write: VideoPart) -> Encoded:
    """The file's own bytes, out of which the service takes frames at `plan.fps`."""
    assert part.file is not None
    data = read(part.file)
    parts = write(_video_type(part.file), pybase64.b64encode(data), plan.fps, part.span)
    return _whole(part, plan, hashlib.sha256(data).hexdigest(), parts)


def _whole(part: Video, plan: Plan, digest: str, parts: bytes) -> Encoded:
    """Asked the same whichever way the file gets there."""
    identity = f"whole:{digest}:{plan.fps}:{part.span}"
    return Encoded(parts, identity.encode(), SentMedia("file", 1, digest), DECODED_FRAMES)


def _video_type(file: Path) -> str:
    kind = mimetypes.guess_type(file.name)[0] or ""
    return kind if kind.startswith("video/") else "video/mp4"


def _digest(file: Path) -> str:
    try:
        refuse_pipe(file)
        return sha256_of(file)
    except (OSError, ValueError) as error:
        raise MediaError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error


def _container(file: Path) -> Encoded:
    digest = _digest(file)
    part = b'{"type":"video_url","video_url":{"url":%b}}' % orjson.dumps(file.resolve().as_uri())
    return Encoded(part, f"file:{digest}".encode(), SentMedia("file", 1, digest), DECODED_FRAMES)


def _bytes(media: Media, plan: Plan) -> tuple[bytes, list[int] | None]:
    data = read(media)
    if plan.max_pixels is None and plan.min_pixels is None:
        return data, None
    try:
        return resized(data, plan.max_pixels, plan.min_pixels)
    except (OSError, ValueError) as error:
        raise MediaError(f"cannot resize {_name(media)}: {error}") from error


def _read_slice(media: Slice) -> bytes:
    with media.path.open("rb") as file:
        file.seek(media.offset)
        data = file.read(media.length)
    if len(data) < media.length:
        raise MediaError(f"{media.path} is shorter than expected: it changed since it was opened")
    if media.encoding == "raw":
        return data
    try:
        return pybase64.b64decode(data)
    except ValueError as error:
        raise MediaError(f"{media.path}, byte {media.offset}: not base64: {error}") from error


def _name(media: Media) -> str:
    if isinstance(media, Painted):
        return f"{_name(media.source)} ({media.how})"
    if isinstance(media, Path):
        return str(media)
    return "an image given as bytes" if isinstance(media, bytes) else f"{media.path}, byte {media.offset}"
