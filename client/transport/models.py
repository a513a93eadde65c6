"""What a server lists under /models, decoded into typed records."""

from __future__ import annotations

from dataclasses import dataclass, fields

import msgspec
import orjson

from sightbench.client.transport.error_codes import read_error
from sightbench.client.transport.failures import from_body
from sightbench.sample import Failure
from sightbench.terminal import plain


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One entry of /models; None where the server does not say.

    `root` is what the model was loaded from, `max_model_len` its context in tokens, `capabilities` what it
    can do ("text", "masks"), `parent` the id of the model that an adapter was put on, `shutdown_date` the
    day it is switched off (ISO 8601), which Mistral calls `deprecation`
    (https://docs.mistral.ai/api/endpoint/models) and OpenRouter `expiration_date`
    (https://openrouter.ai/docs/api/api-reference/models/get-models).
    """

    id: str
    root: str | None = None
    max_model_len: int | None = None
    owned_by: str | None = None
    capabilities: tuple[str, ...] | None = None
    parent: str | None = None
    shutdown_date: str | None = None
    deprecation: str | None = None
    expiration_date: str | None = None

    @property
    def switched_off(self) -> str | None:
        """The day on which it will be gone, None where nobody says."""
        told = self.shutdown_date or self.expiration_date or self.deprecation
        return None if told is None else plain(told, 40).partition("T")[0]


class _List(msgspec.Struct):
    data: list[msgspec.Raw]


class _Name(msgspec.Struct):
    id: str


_BROKEN = (msgspec.DecodeError, RecursionError, ValueError)


def listed(status: int, raw: bytes) -> tuple[ModelCard, ...] | Failure:
    """The models in a response of /models, or why it is none. An entry without a name is passed over, and
    whatever else in an entry is not what it should be is taken as not told."""
    if status == 200:
        try:
            entries = msgspec.json.decode(raw, type=_List).data
        except _BROKEN as error:
            return Failure("bad_reply", plain(f"/models is not a list of models: {error}", 200), status)
        return tuple(card for entry in entries if (card := _card(bytes(entry))) is not None)
    try:
        refused = read_error(orjson.loads(raw)) if len(raw) < 2**20 else None
    except orjson.JSONDecodeError:
        refused = None
    if status in (400, 402, 429) and refused is not None:
        return from_body(status, refused)
    kinds = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "not_found"}
    start = plain(raw[:80].decode("utf-8", "replace"))
    words = f"/models is not a list of models: {start}" if refused is None else plain(refused.message)
    return Failure(kinds.get(status, "bad_reply"), words, status)


def difference(before: ModelCard, now: ModelCard) -> str | None:
    """What makes the two different models, in words; None if they are the same as far as is told."""
    for name, what in (("id", "model"), ("root", "weights"), ("max_model_len", "context length")):
        old, new = getattr(before, name), getattr(now, name)
        if old != new and None not in (old, new):
            return f"its {what} was {plain(old, 200)} and is now {plain(new, 200)}"
    return None


def _card(raw: bytes) -> ModelCard | None:
    try:
        return msgspec.json.decode(raw, type=ModelCard)
    except _BROKEN:
        pass
    try:
        name = msgspec.json.decode(raw, type=_Name).id
        known = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except _BROKEN:
        return None
    values = {"id": name}
    for field in fields(ModelCard):
        if field.name in known and field.name != "id":
            try:
                one = b'{"id":"","%b":%b}' % (field.name.encode(), bytes(known[field.name]))
                values[field.name] = getattr(msgspec.json.decode(one, type=ModelCard), field.name)
            except _BROKEN:
                continue
    return ModelCard(**values)  # type: ignore[arg-type]
