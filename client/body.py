"""A sample -> the bytes of a chat-completion request, and the fingerprint of what they ask.

The body is a list of fragments: JSON made here, and media parts spliced in as they were encoded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from sightbench.client.dialects.messages import Fragment, Message
from sightbench.client.dialects.table import DIALECTS, Dialect
from sightbench.client.hosted.negotiation import apply
from sightbench.client.media import Encoded, MediaCache, Plan
from sightbench.client.providers import Provider
from sightbench.client.settings import Settings
from sightbench.families import Family
from sightbench.sample import Failure, Sample, Sent, Text, Turn

DEFAULT_MAX_TOKENS = 1024
MAX_TEXT_REPLY = 16 * 2**20
MAX_MASK_REPLY = 128 * 2**20
_TEXT_REPLY = 2**20
_BYTES_PER_TOKEN = 128
_TOKENS_PER_IMAGE = 1000
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Body:
    """One request, ready to send.

    `fingerprint` is the sha256 of model, messages (media by digest) and parameters; `tokens` a first guess at
    what it costs; `sent` the record of what went out; `reply_limit` the bytes no answer to it exceeds.
    """

    fragments: tuple[bytes, ...]
    size: int
    fingerprint: str
    tokens: int
    sent: Sent
    reply_limit: int


@dataclass(frozen=True, slots=True)
class Template:
    """How a run's requests are written: settled once, the same for every sample."""

    settings: Settings
    provider: Provider
    family: Family

    @property
    def dialect(self) -> Dialect:
        """How requests are written and answers read."""
        return DIALECTS[self.provider.dialect]

    @property
    def plan(self) -> Plan:
        """How media go out: what the run asks for, else what the family needs."""
        return Plan(
            mode=self.settings.mode,
            frames=self.settings.frames or self.family.max_frames,
            fps=self.settings.fps,
            min_pixels=self.settings.min_pixels,
            max_pixels=self.settings.max_pixels or self.family.max_pixels,
            detail=self.settings.detail,
            part_ids=self.provider.part_ids,
            dialect=self.provider.dialect,
            frame_label=self.family.frame_label,
            assumed_fps=self.family.fps,
        )

    def max_tokens(self, sample: Sample) -> int:
        if self.settings.max_tokens:
            return self.settings.max_tokens
        if self.family.answer:
            # A benchmark's own limit knows nothing of the reasons this family writes first.
            return max(sample.max_tokens or 0, self.family.max_tokens or DEFAULT_MAX_TOKENS)
        return sample.max_tokens or self.family.max_tokens or DEFAULT_MAX_TOKENS

    def reply_limit(self, sample: Sample) -> int:
        """The bytes that no answer exceeds: the most there may be, or what its tokens can come to."""
        if sample.wants == "masks":
            return MAX_MASK_REPLY
        if self.settings.extra_body:
            # Log probabilities, several choices: whatever was asked for is not known here.
            return MAX_TEXT_REPLY
        return min(MAX_TEXT_REPLY, _TEXT_REPLY + _BYTES_PER_TOKEN * self.max_tokens(sample))

    def parameters(self, sample: Sample) -> dict[str, Any]:
        """Everything in the body beside messages and what media need; every sampling value explicit."""
        settings = self.settings
        values: dict[str, Any] = {
            "model": settings.model,
            **self.provider.defaults,
            self.provider.token_limit: self.max_tokens(sample),
            **settings.sampling(),
        }
        if sample.wants == "masks":
            values["mask_options"] = {"return_masks": True}
        elif settings.text_mask_options:
            values["mask_options"] = {"return_masks": False}
        # https://developers.openai.com/api/docs/guides/flex-processing, and the same name at Gemini
        # (https://ai.google.dev/gemini-api/docs/flex-inference), Anthropic and Groq.
        if settings.service_tier is not None:
            values["service_tier"] = settings.service_tier
        if settings.detail is not None and self.provider.dialect == "gemini-generate":
            values["media_resolution"] = f"MEDIA_RESOLUTION_{settings.detail.upper()}"
        values.update(settings.extra_body)
        return apply(settings.changes, values)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sample's turns as JSON messages, and the media in them."""

    messages: tuple[Message, ...]
    media: tuple[Encoded, ...]


async def build(
    template: Template, cache: MediaCache, sample: Sample, history: Sequence[Message] = ()
) -> Body:
    """The request for `sample` after `history` (earlier messages, as `prompt` and `answer` made them).

    Raises MediaError when a file cannot be read.
    """
    return body(template, sample, await prompt(template, cache, sample, first=not history), history)


def body(template: Template, sample: Sample, turns: Prompt, history: Sequence[Message] = ()) -> Body:
    """The request that puts `turns` after `history`."""
    parameters = template.parameters(sample)
    io = [encoded.io for encoded in turns.media if encoded.io is not None]
    if io:
        # One set of options serves all videos of a request, so several only agree on keeping every frame.
        parameters.setdefault("media_io_kwargs", {"video": io[0] if len(io) == 1 else {"num_frames": -1}})
    fragments = template.dialect.request((*history, *turns.messages), parameters)
    fingerprint = hashlib.sha256()
    for fragment in fragments:
        fingerprint.update(fragment.data if fragment.identity is None else fragment.identity)
    if template.settings.repeat is not None:
        # Where a server takes no seed nothing else tells one draw from another.
        fingerprint.update(b"repeat %d" % template.settings.repeat)
    whole = tuple(fragment.data for fragment in fragments if fragment.data)
    size = sum(map(len, whole))
    sent = Sent(size, tuple(encoded.sent for encoded in turns.media))
    text = size - sum(len(encoded.parts) for encoded in turns.media)
    images = sum(encoded.count for encoded in turns.media)
    tokens = text // 4 + images * _TOKENS_PER_IMAGE + template.max_tokens(sample)
    return Body(whole, size, fingerprint.hexdigest(), tokens, sent, template.reply_limit(sample))


async def prompt(template: Template, cache: MediaCache, sample: Sample, *, first: bool = True) -> Prompt:
    """The messages of the sample's own turns; the first sample of a conversation has the system prompt."""
    settings = template.settings
    messages: list[Message] = []
    media: list[Encoded] = []
    for turn in spoken(sample, template.family, settings.system, settings.suffix, first=first):
        if all(isinstance(part, Text) for part in turn.parts):
            text = "".join(part.text for part in turn.parts if isinstance(part, Text))
            messages.append(Message(turn.role, text))
            continue
        pieces: list[Fragment] = []
        for index, part in enumerate(turn.parts):
            comma = b"," if index else b""
            if isinstance(part, Text):
                pieces.append(Fragment(comma + template.dialect.text(part.text)))
                continue
            encoded = await cache.get(part, untouched=sample.wants == "masks")
            media.append(encoded)
            pieces += (Fragment(comma), Fragment(encoded.parts, encoded.identity))
        messages.append(Message(turn.role, parts=tuple(pieces)))
    return Prompt(tuple(messages), tuple(media))


def spoken(
    sample: Sample, family: Family, system: str | None, suffix: str | None, *, first: bool = True
) -> tuple[Turn, ...]:
    """The sample's turns with what the run says around them (`system`, `suffix`), else the model's family.

    A system prompt belongs to the `first` sample of a conversation; what wants masks goes out as it is.
    """
    if sample.wants == "masks":
        system = suffix = None
    turns = [turn for turn in sample.turns if system is None or turn.role != "system"]
    if system is None and not any(turn.role == "system" for turn in turns):
        system = family.system
    if first and system:
        turns.insert(0, Turn("system", (Text(system),)))
    ending = family.suffix if suffix is None else suffix and f"\n{suffix}"
    if ending:
        turns[-1] = replace(turns[-1], parts=(*turns[-1].parts, Text(ending)))
    return tuple(turns)


def misfit(provider: Provider, body: Body) -> Failure | None:
    """Why the provider would not take this request, known before it is sent; None if it may."""
    images = sum(medium.count for medium in body.sent.media)
    if provider.max_images is not None and images > provider.max_images:
        words = (
            f"{images} images, {provider.name} takes at most {provider.max_images}: send fewer with --frames"
        )
        return Failure("too_many_images", words)
    if provider.max_body is not None and body.size > provider.max_body:
        words = (
            f"{body.size / 2**20:.0f} MiB, {provider.name} takes at most {provider.max_body / 2**20:.0f}: "
            "shrink images with --max-pixels or send fewer with --frames"
        )
        return Failure("too_large", words)
    return None


def answer(text: str) -> Message:
    """A model's earlier reply as a message of the conversation's history."""
    return Message("assistant", text)


def elided(body: Body) -> dict[str, Any]:
    """The body as JSON with the base64 data of media left out, for people to read."""
    content: dict[str, Any] = _elided(orjson.loads(b"".join(body.fragments)))
    return content


def _elided(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _elided(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_elided(inner) for inner in value]
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        head, separator, data = value.rpartition(";base64,")
        if separator or not re.search(r"[^A-Za-z0-9+/=,]", value):
            return f"{head}{separator}<{len(data)} characters>"
    return value
