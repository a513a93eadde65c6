"""What travels: a Sample goes out, a Reply comes back.

A leaf: standard library only, so every room may import it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from sightbench.mask_text import MaskText

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value of a JSON file, or of a table's cell."""

NO_VALUE = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""Cells that pandas takes for no value: so VLMEvalKit reads its questions, and the answers it has saved."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes inside a larger file (a TSV cell, a parquet value): read when sent, never held."""

    path: Path
    offset: int
    length: int
    encoding: Literal["raw", "base64"] = "raw"


@dataclass(frozen=True, slots=True)
class Painted:
    """An image that is painted over when it is sent, for a control condition."""

    source: Path | bytes | Slice
    how: Literal["black", "mirrored"]

    def paint(self, data: bytes) -> bytes:
        """The encoded image `data`, black all over or with left and right swapped, in its own size.

        A mirrored JPEG keeps its tables: it stays as small, and its pixels move by a few levels. Everything
        else becomes PNG. Raises OSError or ValueError for what is no image.
        """
        # Here, so that this module needs nothing but the standard library.
        import PIL.Image
        import PIL.ImageOps
        from PIL.JpegImagePlugin import JpegImageFile, get_sampling

        from sightbench.files import opened_image

        out = io.BytesIO()
        with opened_image(data) as picture:
            if self.how == "black":
                PIL.Image.new("RGB", picture.size).save(out, "PNG")
            elif isinstance(picture, JpegImageFile) and picture.mode in ("RGB", "L"):
                turned = PIL.ImageOps.mirror(PIL.ImageOps.exif_transpose(picture))
                tables, sampling = picture.quantization, get_sampling(picture)
                turned.save(out, "JPEG", qtables=tables, subsampling=sampling)
            else:
                PIL.ImageOps.mirror(picture.convert("RGB")).save(out, "PNG", compress_level=1)
        return out.getvalue()


Media = Path | bytes | Slice | Painted
"""A reference to an encoded image (JPEG, PNG, ...); never decoded pixels."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    media: Media


@dataclass(frozen=True, slots=True)
class Video:
    """One video: its frames in order, or the container `file` they are decoded from.

    `id` is what questions about the same video share: the key of every cache and affinity.
    `span` is (start, end) in seconds inside `file`, None for all of it. `segments` is how many frames the
    benchmark takes out of it: one from the middle of each of as many equal parts; None leaves it to the run.
    """

    id: str
    frames: tuple[Media, ...] = ()
    file: Path | None = None
    fps: float | None = None
    span: tuple[float, float] | None = None
    segments: int | None = None


Part = Text | Image | Video


@dataclass(frozen=True, slots=True)
class Turn:
    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class MaskTruth:
    """Where an object's true masks lie: `folder`, the object's id (`object_1`), and a mask per frame."""

    folder: str
    object: str
    frames: int


@dataclass(frozen=True, slots=True)
class RleTruth:
    """Where an expression's true masks lie in a file of RLEs by annotation: the union of `annotations`.

    `size` is the frames' (height, width); a frame without a mask is empty. `depths`: it also matters where
    several of them lie over each other. `foreground` are the annotations
    of the video's whole foreground, in `foreground_file` or, without one, in `file`.
    """

    file: str
    annotations: tuple[str, ...]
    frames: int
    size: tuple[int, int]
    foreground: tuple[str, ...] = ()
    foreground_file: str | None = None
    depths: bool = False


@dataclass(frozen=True, slots=True)
class LabelTruth:
    """Where true masks lie in images, one a frame: `files` below `folder`, "" where a frame's mask is empty.

    `labels` are the palette indices that make up the object; none: whatever is brighter than 0, or with
    `indexed` whatever has another index, if the image has a palette or is grey. `voids` says that pixels of
    index 255 count for nothing.
    """

    folder: str
    files: tuple[str, ...]
    size: tuple[int, int]
    labels: tuple[int, ...] = ()
    voids: bool = False
    indexed: bool = False

    @property
    def frames(self) -> int:
        return len(self.files)


StoredMasks = MaskTruth | RleTruth | LabelTruth
"""True masks of a video, by where they lie."""

Gold: TypeAlias = "StoredMasks | Json"
"""What is right: where the true masks lie, or a letter, texts, a number, a box, a plan as the file has it."""

Kind = Literal["text", "masks"]
"""What a sample asks for; a benchmark says which scorer judges which."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question, with all that is needed to ask it and to judge the answer.

    `id` is stable and unique in its benchmark (`davis/camel/qa/0`). `order` is its position in the
    source: pairs and groups go by it, never by the order replies came in. `group` names the set it is
    judged with (circular set, MME pair, figure). `follows` is the id of the sample whose turns and
    reply come before this one in a conversation; readers yield a conversation's samples in a row.
    `cluster` is what `affinity` says where the turns no longer tell: a control that shows another video.
    `gold` is None where it is hidden. `meta` holds the source row's own columns, and what a scorer needs
    beside gold under the field names of `bench.py grade`.
    """

    id: str
    benchmark: str
    task: str
    category: str
    turns: tuple[Turn, ...]
    gold: Gold = None
    wants: Kind = "text"
    group: str | None = None
    follows: str | None = None
    order: int = 0
    max_tokens: int | None = None
    cluster: str | None = None
    meta: Mapping[str, Json] = field(default_factory=dict)

    @property
    def choices(self) -> Mapping[str, str]:
        """The options of the question by letter; empty where its row has none in this form."""
        choices = self.meta.get("choices")
        if not isinstance(choices, Mapping):
            return {}
        return {letter: text for letter, text in choices.items() if isinstance(text, str)}

    @property
    def affinity(self) -> str:
        """What this sample shares with others: its first video's id, else its group, else its id."""
        if self.cluster is not None:
            return self.cluster
        for turn in self.turns:
            for part in turn.parts:
                if isinstance(part, Video):
                    return part.id
        return self.group or self.id


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer. `kind` is a word of client/transport/failures.py, never free text."""

    kind: str
    message: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them, None where it did not say. `cached_tokens` (read from a cache) and
    `cache_write_tokens` (written to one) are among the prompt's, `reasoning_tokens` among the completion's;
    `cost` is what the service says it charged, in its currency."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    cache_write_tokens: int | None = None


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class SentMedia:
    """One medium as it went out: `count` images of it, with the sha256 of their bytes.

    `kind` is "image", "video", "frame list" or "file". `indices` are the frames taken `of` so many, where
    not all were; `decoded` tells that they came out of a container; `resized` are the [width, height] of
    those that were made smaller.
    """

    kind: str
    count: int
    sha256: str
    indices: tuple[int, ...] | None = None
    of: int | None = None
    decoded: bool = False
    resized: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What went out for one sample: the size of the request's body, and the media in it."""

    bytes: int = 0
    media: tuple[SentMedia, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one sample, as it came: nothing judged, nothing repaired.

    `fingerprint` is the sha256 of the exact request (model, messages with media digests, parameters).
    `masks` is the wire's `message.masks`, unread and unvalidated; None if the field was absent.
    `at` is UTC seconds since the epoch when the request finished; `endpoint` carries no credentials.
    `model` and `system_fingerprint` are what the server says answered, `served_by` the service behind a
    router, `tier` how it was processed ("batch", "flex"); None where that is not told. `reused` is the run
    folder that the answer was taken from, None for one that was asked for.
    """

    sample: str
    fingerprint: str
    status: Literal["ok", "error"]
    text: str | None = None
    reasoning: str | None = None
    masks: MaskText | None = None
    refusal: str | None = None
    finish_reason: str | None = None
    usage: Usage = NO_USAGE
    latency_s: float = 0.0
    attempts: int = 1
    endpoint: str = ""
    at: float = 0.0
    error: Failure | None = None
    sent: Sent | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    served_by: str | None = None
    tier: str | None = None
    reused: str | None = None
