"""The wires a run may speak: one row each, two pure functions behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sightbench.client.dialects import anthropic_messages, gemini_generate, openai_chat, openai_responses
from sightbench.client.dialects.messages import Fragment, Message
from sightbench.client.transport.completion import Completion, chat_completion
from sightbench.sample import Failure

VideoPart = Callable[[str, bytes, float | None, tuple[float, float] | None], bytes]
"""(MIME type, base64 of a file, frames per second, seconds from and to) -> a content part."""

StoredPart = Callable[[str, str, float | None, tuple[float, float] | None], bytes]
"""(MIME type, URI in the service's store, frames per second, seconds from and to) -> a content part."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a sample is written and an answer read.

    `path` is where requests go under the API's base, {model} being the model's name. The key goes out in
    `key_header` ("Authorization": as a bearer token), with `headers` beside it. `text` and `image` write a
    content part, `video` and `stored_video` one of a whole file where the service takes such; `request`
    writes the body, `completion` reads a body of HTTP status 200 and raises msgspec.DecodeError for what is
    none. `details` are the words it has for how closely pictures are to be looked at.
    """

    path: str
    text: Callable[[str], bytes]
    image: Callable[[str, bytes, str | None, str | None], bytes]
    request: Callable[[Sequence[Message], Mapping[str, Any]], tuple[Fragment, ...]]
    completion: Callable[[bytes], Completion | Failure]
    video: VideoPart | None = None
    stored_video: StoredPart | None = None
    details: tuple[str, ...] = ()
    key_header: str = "Authorization"
    headers: Mapping[str, str] = field(default_factory=dict)

    def key(self, key: str) -> dict[str, str]:
        """The header a key goes out in."""
        return {self.key_header: f"Bearer {key}" if self.key_header == "Authorization" else key}


DIALECTS: Mapping[str, Dialect] = {
    "openai-chat": Dialect(
        "/chat/completions",
        openai_chat.text,
        openai_chat.image,
        openai_chat.request,
        chat_completion,
        details=("low", "high", "auto"),
    ),
    # https://platform.claude.com/docs/en/api/overview#authentication, .../api/versioning
    "anthropic-messages": Dialect(
        "/messages",
        anthropic_messages.text,
        anthropic_messages.image,
        anthropic_messages.request,
        anthropic_messages.completion,
        key_header="x-api-key",
        headers={"anthropic-version": "2023-06-01"},
    ),
    "gemini-generate": Dialect(
        "/models/{model}:generateContent",
        gemini_generate.text,
        gemini_generate.image,
        gemini_generate.request,
        gemini_generate.completion,
        video=gemini_generate.video,
        stored_video=gemini_generate.stored_video,
        details=("low", "medium", "high"),
        key_header="x-goog-api-key",
    ),
    "openai-responses": Dialect(
        "/responses",
        openai_responses.text,
        openai_responses.image,
        openai_responses.request,
        openai_responses.completion,
        details=("low", "high", "auto"),
    ),
}
