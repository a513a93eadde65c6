"""What an endpoint is and serves, asked before anything is sent to it."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Any

import aiohttp
import orjson

from sightbench.client.body import MAX_MASK_REPLY
from sightbench.client.providers import chosen
from sightbench.client.settings import Settings, Target
from sightbench.client.transport.completion import Completion
from sightbench.client.transport.endpoint import Endpoint, from_exception
from sightbench.client.transport.error_codes import ErrorBody, read_error
from sightbench.client.transport.failures import explain, from_body
from sightbench.client.transport.models import ModelCard, listed
from sightbench.client.transport.opening import opened
from sightbench.errors import EndpointError, SightbenchError
from sightbench.sample import Failure
from sightbench.terminal import plain

PROBE_SECONDS = 30.0
MASK_PROBE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """One endpoint as it describes itself.

    `engine` is "vllm", "sglang" or "generic". `served` are the model ids, empty when the server does not
    list them. `model` is the one asked for; `root` what it was loaded from, `max_model_len` its context in
    tokens, None where not told. `capabilities` holds "text" and "masks"; None: the server does not say.
    `frame_lists` tells whether it takes a list of frames as one video, with all of them kept. `base` is
    what the model under an adapter was loaded from.
    `shutdown_date` is the day a service says it will switch the model off.
    """

    endpoint: str
    engine: str = "generic"
    version: str | None = None
    served: tuple[str, ...] = ()
    model: str | None = None
    root: str | None = None
    max_model_len: int | None = None
    capabilities: tuple[str, ...] | None = None
    frame_lists: bool = False
    base: str | None = None
    shutdown_date: str | None = None

    def record(self) -> dict[str, Any]:
        """What belongs into run.json."""
        content = asdict(self)
        if self.shutdown_date is None:
            del content["shutdown_date"]
        return content


async def probe(
    url: str,
    key: str | None = None,
    *,
    model: str | None = None,
    insecure: bool = False,
    provider: str = "generic",
) -> ServerInfo:
    """Asks one endpoint what it serves. `model` None: the only one it serves.

    Raises EndpointError with one line when it cannot be reached, refuses the key, or does not serve
    `model` (the line lists what it does serve).
    """
    target = Target(url, api_key=key)
    settings = Settings(endpoints=(target,), model=model or "", insecure=insecure, provider=provider)
    return (await probe_all(settings))[0]


async def _probe(endpoint: Endpoint, model: str | None) -> ServerInfo:
    try:
        info = await _named(endpoint, model) or await _describe(endpoint, model)
        return replace(
            info, frame_lists=info.engine == "vllm" and await _trusts_frame_options(endpoint, info)
        )
    finally:
        await endpoint.close()


async def models_at(settings: Settings) -> tuple[ModelCard, ...]:
    """What the first endpoint of a run lists. Raises EndpointError where it cannot be asked or lists none."""
    target = settings.endpoints[0]
    endpoint = Endpoint(
        target.url,
        api_key=settings.api_key,
        headers=settings.headers,
        timeout=PROBE_SECONDS,
        insecure=settings.insecure,
        provider=chosen(settings.provider, target.url),
    )
    try:
        cards = await _cards(endpoint)
    finally:
        await endpoint.close()
    if not cards:
        raise EndpointError(f"{endpoint.label} lists no models: name them")
    return cards


async def probe_all(settings: Settings) -> tuple[ServerInfo, ...]:
    """Probes every endpoint of a run at once; all must serve the model, alike.

    Raises EndpointError when one fails, or two disagree on what the model is or how long its context is.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_probe_or_error(target, settings)) for target in settings.endpoints]
    results = [task.result() for task in tasks]
    for result in results:
        if isinstance(result, SightbenchError):
            raise result
    infos = tuple(result for result in results if isinstance(result, ServerInfo))
    agree(infos, settings.same_model)
    return infos


_ALIKE = (
    ("engine", "engine", "an engine has its own way with frames and defaults: give each a run of its own"),
    ("root", "model", "if the weights are the same in both places, say so with --same-model"),
    ("max_model_len", "context length (max_model_len)", ""),
    ("capabilities", "list of capabilities", ""),
    ("frame_lists", "trust in media_io_kwargs", "start both vLLM with --trust-request-mm-kwargs"),
)
"""What endpoints of one run must have in common: the attribute, its name, and what to do."""


def agree(infos: tuple[ServerInfo, ...], same_model: bool = False) -> None:
    """Raises EndpointError unless all endpoints are the same model, served in the same way.

    `same_model`: the user says that what was loaded from different places is the same.
    """
    first = infos[0]
    for other in infos[1:]:
        for name, what, advice in _ALIKE:
            one, two = getattr(first, name), getattr(other, name)
            if one == two or None in (one, two) or (name == "root" and same_model):
                continue
            raise EndpointError(
                f"{first.endpoint} and {other.endpoint} differ in their {what}: {one} and {two}; "
                + (advice or "the endpoints of a run must serve the same model in the same way")
            )


async def probe_masks(settings: Settings) -> bool:
    """Whether the first endpoint answers a tiny segmentation request with masks (possibly none): for servers
    whose /models does not list capabilities. Raises EndpointError when it cannot be reached."""
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + _tiny_png()}},
        {"type": "text", "text": "Please segment the object closest to the camera."},
    ]
    body = {
        "model": settings.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 8,
        "temperature": 0,
        "mask_options": {"return_masks": True},
    }
    endpoint = opened(settings, settings.endpoints[0], timeout=MASK_PROBE_SECONDS)
    try:
        data = orjson.dumps(body)
        result = (await endpoint.ask((data,), len(data), {}, limit=MAX_MASK_REPLY)).result
    finally:
        await endpoint.close()
    if isinstance(result, Completion):
        return result.masks is not None
    if result.http_status is None or result.kind in ("unauthorized", "forbidden"):
        raise EndpointError(explain(endpoint.label, result))
    return False


async def _probe_or_error(target: Target, settings: Settings) -> ServerInfo | SightbenchError:
    known = chosen(settings.provider, target.url)
    try:
        endpoint = opened(settings, target, provider=known, timeout=PROBE_SECONDS)
        return await _probe(endpoint, settings.model or None)
    except SightbenchError as error:
        return error


async def _named(endpoint: Endpoint, model: str | None) -> ServerInfo | None:
    """What a service says of one model, None for one that only lists them.

    Services with a wire of their own list a page of their models and no aliases, and describe each of them:
    https://platform.claude.com/docs/en/api/models, https://ai.google.dev/api/models
    """
    if endpoint.provider.dialect not in ("anthropic-messages", "gemini-generate"):
        return None
    if model is None:
        raise EndpointError(f"{endpoint.label} serves many models: name one with --model")
    path = endpoint.url(f"/models/{model.removeprefix('models/')}")
    try:
        response = await endpoint.request("GET", path)
        content = orjson.loads(response.body)
    # aiohttp's errors hold the whole URL, with the key that may stand in it.
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise EndpointError(explain(endpoint.label, from_exception(error, PROBE_SECONDS))) from None
    except ValueError:
        return None
    if response.status == 200 and isinstance(content, dict):
        length = content.get("max_input_tokens") or content.get("inputTokenLimit")
        return ServerInfo(
            endpoint=endpoint.label,
            served=(model,),
            model=model,
            max_model_len=length if isinstance(length, int) else None,
        )
    refused = read_error(content)
    if response.status == 404 and endpoint.provider.dialect == "anthropic-messages":
        # The list shows what there is; engines that speak this wire have only that.
        return None
    words = "" if refused is None else endpoint.redaction.excerpt(refused.message)
    body = ErrorBody(words) if refused is None else replace(refused, message=words)
    failure = from_body(response.status, body, endpoint.provider.name)
    raise EndpointError(explain(endpoint.label, failure, model))


async def _cards(endpoint: Endpoint) -> tuple[ModelCard, ...] | None:
    """The models an endpoint lists; None for one that has no such list."""
    try:
        response = await endpoint.request("GET", endpoint.url("/models"))
    except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
        failure = from_exception(error, PROBE_SECONDS)
        raise EndpointError(explain(endpoint.label, failure)) from None
    cards = listed(response.status, response.body)
    if not isinstance(cards, Failure):
        return cards
    if cards.kind == "not_found":
        return None
    words = endpoint.redaction.excerpt(cards.message)
    raise EndpointError(explain(endpoint.label, replace(cards, message=words)))


async def _describe(endpoint: Endpoint, model: str | None) -> ServerInfo:
    cards = await _cards(endpoint)
    if cards is None:
        # Some hosted servers do not list models; whether they know ours shows with the first request.
        return ServerInfo(endpoint.label, model=model)
    served = tuple(card.id for card in cards)
    chosen = model or (served[0] if len(served) == 1 else None)
    card = next((card for card in cards if card.id == chosen), None)
    if card is None and model and await _lists_a_cache(endpoint):
        return ServerInfo(endpoint.label, model=model)
    if card is None:
        shown = plain(", ".join(served[:10])) + (f" and {len(served) - 10} more" if len(served) > 10 else "")
        folded = {name.lower(): name for name in served}
        near = get_close_matches((model or "").lower(), folded, n=1)
        problem = (
            f"does not serve {model!r}{f', did you mean {plain(folded[near[0]])}' if near else ''}; it"
            if model
            else "serves several models, so name one with --model; it"
        )
        raise EndpointError(f"{endpoint.label}: {problem} serves: {shown or 'no model'}")
    engine, version = await _engine(endpoint, card)
    return ServerInfo(
        endpoint=endpoint.label,
        engine=engine,
        version=version,
        served=served,
        model=chosen,
        root=card.root,
        max_model_len=card.max_model_len,
        capabilities=card.capabilities,
        base=_base(card, cards),
        shutdown_date=card.switched_off,
    )


def _base(card: ModelCard, cards: tuple[ModelCard, ...]) -> str | None:
    """What stands under an adapter: the place its parent was loaded from, else its parent's name."""
    parent = next((other for other in cards if other.id == card.parent), None)
    return card.parent if parent is None else parent.root or parent.id


async def _engine(endpoint: Endpoint, card: ModelCard) -> tuple[str, str | None]:
    owner = (card.owned_by or "").lower()
    if owner == "sglang":
        info = await _json(endpoint, "/server_info") or await _json(endpoint, "/get_server_info")
        version = (info or {}).get("version")
        return "sglang", version if isinstance(version, str) else None
    if owner == "vllm":
        version = (await _json(endpoint, "/version") or {}).get("version")
        return "vllm", version if isinstance(version, str) else None
    return "generic", None


async def _lists_a_cache(endpoint: Endpoint) -> bool:
    """Whether this is `transformers serve`, which lists what the hub's cache holds and serves any name."""
    routes = (await _json(endpoint, "/openapi.json") or {}).get("paths")
    return isinstance(routes, dict) and "/load_model" in routes


async def _json(endpoint: Endpoint, path: str) -> dict[str, Any] | None:
    try:
        response = await endpoint.request("GET", endpoint.root(path))
        content = orjson.loads(response.body) if response.status == 200 else None
    except (OSError, aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return content if isinstance(content, dict) else None


async def _trusts_frame_options(endpoint: Endpoint, info: ServerInfo) -> bool:
    """Whether vLLM takes `media_io_kwargs` with a request; without, a frame list is cut to 32 frames."""
    body = {
        "model": info.model,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
        "temperature": 0,
        "media_io_kwargs": {"video": {"num_frames": -1}},
    }
    data = orjson.dumps(body)
    return isinstance((await endpoint.ask((data,), len(data), {})).result, Completion)


def _tiny_png() -> str:
    """A grey image of 56 x 56 pixels: no model family's smallest size is larger."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + b"\x80" * 56 * 3) * 56
    header = struct.pack(">IIBBBBB", 56, 56, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return base64.b64encode(data).decode()
