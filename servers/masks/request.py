"""A chat completion with frames -> the frames, the question, the sampling parameters and the options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightbench.servers.wire.frames import Limits, contents
from sightbench.servers.wire.refusal import Refusal
from sightbench.servers.wire.request import ChatRequest, MaskOptions, Message


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """`frames` are encoded bytes in order; `sampling` goes to the engine as it is."""

    frames: tuple[bytes, ...]
    text: str
    system: str | None
    sampling: Mapping[str, Any]
    options: MaskOptions


def video_request(chat: ChatRequest, limits: Limits, default_max_tokens: int) -> VideoRequest:
    """The request about one video; Refusal says what is wrong and where."""
    sampling = {"temperature": 0} | chat.sampling("when there are frames")
    user, system = _turns(chat)
    frames, texts = contents(user, limits)
    if not frames:
        raise Refusal("the user message has no frames", param="messages")
    # The server owns the placeholder.
    text = "".join(texts).replace("<image>", "")
    limit = chat.max_tokens or default_max_tokens
    return VideoRequest(frames, text, system, sampling | {"max_tokens": limit}, chat.options)


def _turns(chat: ChatRequest) -> tuple[Message, str | None]:
    users = [message for message in chat.messages if message.role == "user"]
    system = [message for message in chat.messages if message.role in ("system", "developer")]
    if len(users) != 1 or len(system) > 1 or len(users) + len(system) != len(chat.messages):
        raise Refusal(
            "exactly one user message (and at most one system message) is supported with frames",
            param="messages",
        )
    if system and system[0].has_media:
        raise Refusal("the system message must be text", param="messages")
    return users[0], system[0].text if system else None
