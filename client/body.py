"""A sample -> the bytes of a chat-completion request, and the fingerprint of what they ask.

The body is a list of fragments: JSON made here, and media parts spliced in as they were encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from sightbench.client.media import Encoded, MediaCache, Plan
from sightbench.client.providers import Provider
from sightbench.client.settings import Settings
from sightbench.families import Family
from sightbench.sample import Sample, Sent, Text, Turn

DEFAULT_MAX_TOKENS = 1024
MAX_TEXT_REPLY = 16 * 2**20
MAX_MASK_REPLY = 128 * 2**20
_TEXT_REPLY = 2**20
_BYTES_PER_TOKEN = 128
_TOKENS_PER_IMAGE = 1000


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stretch of the body, and what stands for it in the fingerprint (None: itself)."""

    data: bytes
    identity: bytes | None = None


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
    def plan(self) -> Plan:
        """How media go out: what the run asks for, else what the family needs."""
        return Plan(
            mode=self.settings.mode,
            frames=self.settings.frames or self.family.max_frames,
            fps=self.settings.fps,
            max_pixels=self.settings.max_pixels or self.family.max_pixels,
            part_ids=self.provider.part_ids,
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
        values.update(settings.extra_body)
        return {name: value for name, value in values.items() if name not in self.provider.omits}


Message = tuple[Fragment, ...]


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
    tail = orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)
    whole = [b'{"messages":[']
    fingerprint = hashlib.sha256()
    for index, message in enumerate((*history, *turns.messages)):
        if index:
            whole.append(b",")
        for fragment in message:
            whole.append(fragment.data)
            fingerprint.update(fragment.data if fragment.identity is None else fragment.identity)
    whole += (b"],", tail[1:])
    fingerprint.update(tail)
    size = sum(map(len, whole))
    sent = Sent(size, tuple(encoded.sent for encoded in turns.media))
    text = size - sum(len(encoded.parts) for encoded in turns.media)
    images = sum(encoded.count for encoded in turns.media)
    tokens = text // 4 + images * _TOKENS_PER_IMAGE + template.max_tokens(sample)
    return Body(tuple(whole), size, fingerprint.hexdigest(), tokens, sent, template.reply_limit(sample))


async def prompt(template: Template, cache: MediaCache, sample: Sample, *, first: bool = True) -> Prompt:
    """The sample's own turns; the first sample of a conversation gets the family's system prompt."""
    turns = list(sample.turns)
    if first and template.family.system and not any(turn.role == "system" for turn in turns):
        turns.insert(0, Turn("system", (Text(template.family.system),)))
    if template.family.suffix:
        turns[-1] = replace(turns[-1], parts=(*turns[-1].parts, Text(template.family.suffix)))
    messages: list[Message] = []
    media: list[Encoded] = []
    for turn in turns:
        head = b'{"role":"%b","content":' % turn.role.encode()
        if all(isinstance(part, Text) for part in turn.parts):
            text = "".join(part.text for part in turn.parts if isinstance(part, Text))
            messages.append((Fragment(b"%b%b}" % (head, orjson.dumps(text))),))
            continue
        pieces = [Fragment(head + b"[")]
        for index, part in enumerate(turn.parts):
            comma = b"," if index else b""
            if isinstance(part, Text):
                pieces.append(Fragment(b'%b{"type":"text","text":%b}' % (comma, orjson.dumps(part.text))))
                continue
            encoded = await cache.get(part, untouched=sample.wants == "masks")
            media.append(encoded)
            pieces += (Fragment(comma), Fragment(encoded.parts, encoded.identity))
        messages.append((*pieces, Fragment(b"]}")))
    return Prompt(tuple(messages), tuple(media))


def answer(text: str) -> Message:
    """A model's earlier reply as a message of the conversation's history."""
    return (Fragment(b'{"role":"assistant","content":%b}' % orjson.dumps(text)),)


def elided(body: Body) -> dict[str, Any]:
    """The body as JSON with the base64 data of media left out, for people to read."""
    content: dict[str, Any] = orjson.loads(b"".join(body.fragments))
    for message in content["messages"]:
        if not isinstance(message["content"], list):
            continue
        for part in message["content"]:
            for key in ("image_url", "video_url"):
                url = part.get(key, {}).get("url", "")
                if url.startswith("data:"):
                    head, _, data = url.partition(",")
                    part[key]["url"] = f"{head},<{len(data)} characters>"
    return content
