"""The bytes of a request -> the one question about one video that the baseline answers."""

from __future__ import annotations

from dataclasses import dataclass

from sightbench.servers.wire import request
from sightbench.servers.wire.frames import Limits, contents
from sightbench.servers.wire.refusal import Refusal, unknown_model
from sightbench.servers.wire.request import ChatRequest, Message

MODEL = "pixel-baseline"


@dataclass(frozen=True, slots=True)
class VideoQuestion:
    """`frames` are encoded images in order; `text` is all text of the user's turn."""

    text: str
    frames: tuple[bytes, ...]
    chat: ChatRequest


def read(body: bytes | bytearray, limits: Limits) -> VideoQuestion:
    """Raises Refusal for anything but one question about one to `limits.frames` frames."""
    chat = request.read(body)
    if chat.model not in (None, MODEL):
        raise unknown_model(str(chat.model), MODEL)
    chat.sampling("by this server")
    frames, texts = contents(_last_question(chat), limits)
    if not frames:
        raise Refusal("no frames: send at least one image_url or video_url part", param="messages")
    return VideoQuestion("\n".join(texts).replace("<image>", "").strip(), frames, chat)


def _last_question(chat: ChatRequest) -> Message:
    """The last user message: this server remembers nothing of the turns before it."""
    turns = [message for message in chat.messages if message.role not in ("system", "developer")]
    if not turns or turns[-1].role != "user":
        raise Refusal("the last message must be the user's", param="messages")
    if chat.wants_masks and len(turns) > 1:
        raise Refusal("masks are for exactly one user message, not for a conversation", param="messages")
    return turns[-1]
