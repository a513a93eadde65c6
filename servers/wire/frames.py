"""Frames as a request carries them: taken out of it, bounded, and decoded without a surprise."""

from __future__ import annotations

import binascii
import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image, UnidentifiedImageError

from sightbench.servers.wire.refusal import Refusal
from sightbench.servers.wire.request import ImagePart, MaskOptions, Message, TextPart, Url

FRAME_LIST = "data:video/jpeg;base64,"
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_ASPECT = 200
"""Qwen's own limit; beyond it a few bytes of PNG make a picture that takes minutes to resize."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for. `pixels` are of one frame, `all_pixels` of all together, `mask_pixels`
    of all masks it could get (height x width x frames x max_objects); `media_root` is where file:// may
    point, None for nowhere."""

    frames: int = 256
    pixels: int = 50_000_000
    all_pixels: int = 2**31
    mask_pixels: int = 2**34
    media_root: Path | None = None


def contents(message: Message, limits: Limits) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """(the encoded frames in order, the texts) of one message. Raises Refusal."""
    if not isinstance(message.content, list):
        return (), (message.content or "",)
    frames: list[bytes] = []
    texts: list[str] = []
    # Of files, which no limit of a body bounds: what a picture takes that is not compressed.
    room = 3 * limits.all_pixels
    for part in message.content:
        if isinstance(part, TextPart):
            texts.append(part.text)
            continue
        url = part.image_url if isinstance(part, ImagePart) else part.video_url
        text = url.url if isinstance(url, Url) else url
        for payload in (text,) if isinstance(part, ImagePart) else _frame_list(text):
            if len(frames) == limits.frames:
                raise Refusal(f"more than {limits.frames} frames in one request", param="messages")
            frames.append(_frame(payload, len(frames), limits, min(room, 4 * limits.pixels)))
            room -= len(frames[-1])
    return tuple(frames), tuple(texts)


@contextlib.contextmanager
def opened(data: bytes, index: int, limits: Limits) -> Iterator[Image.Image]:
    """Frame number `index`, its pixels not yet read. Refusal for what is none, or too large or too narrow,
    also when that shows only while the caller reads the pixels."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > limits.pixels:
                raise Refusal(
                    f"frame {index} is {width}x{height}: more than {limits.pixels} pixels", param="messages"
                )
            if max(width, height) > MAX_ASPECT * min(width, height):
                raise Refusal(
                    f"frame {index} is {width}x{height}: one side is more than {MAX_ASPECT} times the other",
                    param="messages",
                )
            yield image
    except Refusal:
        raise
    except Exception as error:
        # Pillow raises nearly anything on damaged files: OSError, SyntaxError, TypeError, struct.error, ...
        raise Refusal(f"frame {index} cannot be decoded: {_reason(error)}", param="messages") from None


def common_size(sizes: Sequence[tuple[int, int]], limits: Limits) -> tuple[int, int]:
    """The (height, width) all frames share, of their (width, height). Raises Refusal."""
    first = sizes[0]
    for index, size in enumerate(sizes):
        if size != first:
            raise Refusal(
                f"frame {index} is {size[0]}x{size[1]} but frame 0 is {first[0]}x{first[1]}: "
                "all frames must have the same size",
                param="messages",
            )
    if first[0] * first[1] * len(sizes) > limits.all_pixels:
        raise Refusal(
            f"{len(sizes)} frames of {first[0]}x{first[1]} are more than {limits.all_pixels} pixels",
            param="messages",
        )
    return first[1], first[0]


def measured(frames: Sequence[bytes], limits: Limits) -> tuple[int, int]:
    """The (height, width) all frames share, by what their headers say. Raises Refusal, naming the frame."""
    sizes = []
    for index, data in enumerate(frames):
        with opened(data, index, limits) as image:
            sizes.append(image.size)
    return common_size(sizes, limits)


def mask_size(options: MaskOptions, size: tuple[int, int], frames: int, limits: Limits) -> tuple[int, int]:
    """(height, width) of the masks of frames of `size`. Raises Refusal when they could be too many pixels."""
    height, width = options.output_size or size
    if options.return_masks and height * width * frames * options.max_objects > limits.mask_pixels:
        raise Refusal(
            f"{frames} masks of {height}x{width} for up to {options.max_objects} objects are more than "
            f"{limits.mask_pixels} pixels: ask for a smaller output_size, fewer frames or fewer max_objects",
            param="mask_options.output_size" if options.output_size else "messages",
        )
    return height, width


def _frame_list(url: str) -> Iterator[str]:
    if not url.startswith(FRAME_LIST):
        raise Refusal(
            f"video_url must be {FRAME_LIST}<frame>,<frame>,... (frames already extracted); "
            "containers are not decoded",
            param="messages",
        )
    start = len(FRAME_LIST)
    while start <= len(url):
        end = url.find(",", start)
        end = len(url) if end < 0 else end
        yield "data:;base64," + url[start:end]
        start = end + 1


def _frame(url: str, index: int, limits: Limits, room: int) -> bytes:
    scheme = url.split(":", 1)[0].lower()
    if scheme == "file" and limits.media_root is not None:
        return _file(url, index, limits.media_root, room)
    if scheme != "data":
        what = "data: URLs and files under the allowed folder" if limits.media_root else "data: URLs"
        raise Refusal(f"frame {index}: only {what} are accepted, nothing is fetched", param="messages")
    head, comma, payload = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise Refusal(f"frame {index}: the data URL must be base64", param="messages")
    try:
        data = binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:
        raise Refusal(f"frame {index} is not valid base64: {error}", param="messages") from None
    if not data:
        raise Refusal(f"frame {index} is empty", param="messages")
    return data


def _file(url: str, index: int, root: Path, room: int) -> bytes:
    try:
        path = Path(unquote(urlsplit(url).path)).resolve()
        if path.is_relative_to(root.resolve()) and path.is_file():
            if path.stat().st_size > room:
                raise Refusal(
                    f"frame {index}: its file is too large, alone or with those before it", param="messages"
                )
            return path.read_bytes()
    except (OSError, ValueError):
        pass
    raise Refusal(f"frame {index} is not a file under the allowed folder", param="messages")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no JPEG, PNG or WebP image"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "it is too large"
    words = str(error)
    # Some of Pillow's messages show its objects.
    return words if isinstance(error, OSError) and words and " object at 0x" not in words else "it is damaged"
