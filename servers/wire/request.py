"""The bytes of POST /v1/chat/completions as typed records, or a Refusal that names the field that is wrong.

OpenAI's chat completion, and `mask_options`. Fields that are not listed here are refused: what an engine
would do with them (`kv_transfer_params`, processor options, ...) is not for a client to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from sightbench.servers.wire.refusal import Refusal

MAX_OBJECTS = 128
MAX_SIDE = 8192
MAX_COMMAS = 1_000_000
"""Of one body, which so holds no more values than that: short ones take 20 times their bytes in memory."""

Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]


class MaskOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`output_size` is (height, width) of the masks; None for the frames' own size."""

    return_masks: bool = True
    max_objects: Annotated[int, msgspec.Meta(ge=1, le=MAX_OBJECTS)] = 8
    output_size: tuple[Side, Side] | None = None


class Url(msgspec.Struct, frozen=True):
    url: str


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: Url | str


class VideoPart(msgspec.Struct, frozen=True, tag_field="type", tag="video_url"):
    video_url: Url | str


Part = TextPart | ImagePart | VideoPart


class Message(msgspec.Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """All text of the message, its parts joined."""
        if not isinstance(self.content, list):
            return self.content or ""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def has_media(self) -> bool:
        return isinstance(self.content, list) and any(not isinstance(p, TextPart) for p in self.content)


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an engine is told about how to write; everything else about a request is ours to say."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Int | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seed: Int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[Int] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    min_tokens: Int | None = None
    ignore_eos: bool | None = None
    allowed_token_ids: list[Int] | None = None
    logit_bias: dict[str, float] | None = None


class TextOnly(Sampling, frozen=True, omit_defaults=True):
    """What only a request without media may say, and the engine answers."""

    n: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class _Body(TextOnly, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    messages: msgspec.Raw = msgspec.Raw()
    model: str | None = None
    mask_options: MaskOptions | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    # OpenAI's own, without a meaning here.
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request, every field of the right type.

    `plain` are its messages as parsed JSON, for an engine that is handed them as they are. `wants_masks`:
    it says mask_options and does not switch masks off. `parameters` are the sampling parameters and the
    fields that only requests without media may have, as they go on to an engine.
    """

    messages: tuple[Message, ...]
    plain: list[dict[str, Any]]
    model: str | None
    options: MaskOptions
    wants_masks: bool
    stream: bool
    include_usage: bool
    max_tokens: int | None
    parameters: Mapping[str, Any]

    @property
    def has_media(self) -> bool:
        return any(message.has_media for message in self.messages)

    def sampling(self, forbidden: str) -> dict[str, Any]:
        """The sampling parameters alone. Raises Refusal (`... is not supported FORBIDDEN`) for others."""
        allowed = set(Sampling.__struct_fields__)
        for name, value in self.parameters.items():
            if name == "n" and value != 1:
                raise Refusal(f"n must be 1 {forbidden}", param="n")
            if name != "n" and name not in allowed and value:
                raise Refusal(f"{name} is not supported {forbidden}", param=name)
        return {name: value for name, value in self.parameters.items() if name in allowed}


_BODY = msgspec.json.Decoder(_Body)
_MESSAGES = msgspec.json.Decoder(list[Message])
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


def read(body: bytes | bytearray) -> ChatRequest:
    """The request in `body`. Raises Refusal."""
    if body.count(b",") > MAX_COMMAS:
        raise Refusal(f"the body holds more than {MAX_COMMAS:,} values", 413, code="body_too_large")
    made = _decoded(_BODY, body, "")
    if not bytes(made.messages):
        raise Refusal("messages: a list of messages is required", param="messages")
    messages = _decoded(_MESSAGES, made.messages, "messages")
    plain: list[dict[str, Any]] = msgspec.json.decode(made.messages) if not _any_media(messages) else []
    known = {name: getattr(made, name) for name in TextOnly.__struct_fields__}
    return ChatRequest(
        messages=tuple(messages),
        plain=plain,
        model=made.model,
        options=made.mask_options or MaskOptions(),
        wants_masks=made.mask_options is not None and made.mask_options.return_masks,
        stream=bool(made.stream),
        include_usage=made.stream_options is None or made.stream_options.include_usage,
        max_tokens=made.max_completion_tokens or made.max_tokens,
        parameters={name: value for name, value in known.items() if value is not None},
    )


def _any_media(messages: list[Message]) -> bool:
    return any(message.has_media for message in messages)


def _decoded(decoder: msgspec.json.Decoder[Any], data: bytes | bytearray | msgspec.Raw, inside: str) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), inside) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refusal(f"the body is not valid JSON: {reason}") from None


def _refusal(message: str, inside: str) -> Refusal:
    """msgspec's words with the field first: `mask_options.max_objects: expected int >= 1`."""
    split = _AT.match(message)
    what, path = (split["what"], split["path"] or "") if split else (message, "")
    path = f"{inside}{path}".removeprefix(".")
    if unknown := _UNKNOWN.match(what):
        name = unknown["name"][:100]
        path = f"{path}.{name}".removeprefix(".")
        return Refusal(f"{path}: this server takes no such field", param=path)
    # Some of its words repeat what was sent, whatever its length.
    what = what[:1].lower() + what[1:200].replace("`", "")
    return Refusal(f"{path}: {what}" if path else f"the body: {what}", param=path or None)
