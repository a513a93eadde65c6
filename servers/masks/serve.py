"""Put a backend, the head and the gateway together, test them, and serve."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import uvicorn

from sightbench.servers.masks import selftest
from sightbench.servers.masks.asked import DrawMasks
from sightbench.servers.masks.backends.base import Backend
from sightbench.servers.masks.checkpoint import HEAD, CheckpointError, Model
from sightbench.servers.masks.decoders import DecoderPlan, Decoders
from sightbench.servers.masks.drawing import Drawer
from sightbench.servers.masks.frame_store import FrameStore
from sightbench.servers.masks.gateway import Gateway, Settings
from sightbench.servers.masks.head import Masker, Projection
from sightbench.servers.masks.llm_frames import chosen
from sightbench.servers.wire.frames import Limits

log = logging.getLogger("sightbench.masks")

DRAIN_SECONDS = 55
"""What requests in hand have to be answered after a signal to stop."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `serve` needs; None means "find out" (device, dtypes) or "nowhere" (media_root)."""

    folder: Path
    model: Model
    names: tuple[str, ...]
    backend: Literal["vllm", "sglang", "transformers"]
    engine_url: str | None
    host: str
    port: int
    device: str | None
    dtype: str | None
    engine_dtype: str | None
    max_queue: int
    max_frames: int
    max_body: int
    max_bodies: int
    key: str | None
    cache_bytes: int
    media_root: Path | None
    engine_timeout_s: float
    self_test: bool
    decoders: int = 1
    compiled: bool = False


def serve(options: ServeOptions) -> int:
    """Serve until stopped; 1 (a line on stderr) if the self-test fails; CheckpointError for a bad pairing."""
    return asyncio.run(_serve(options))


async def _serve(options: ServeOptions) -> int:
    import torch

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = options.dtype or ("float32" if device == "cpu" else "bfloat16")
    backend = make_backend(options, device, dtype)
    try:
        if options.self_test:
            engine_dtype = options.engine_dtype or ("float32" if device == "cpu" else "bfloat16")
            projection = load_projection(options.folder, options.model)
            done = await selftest.run(backend, options.folder, projection, engine_dtype)
            log.info("self-test passed: %s", done)
        else:
            log.warning("self-test skipped: masks may be wrong without a sign")
    except selftest.SelfTestError as error:
        await backend.close()
        print(f"error: self-test failed, not serving: {error}", file=sys.stderr)
        return 1
    settings = Settings(
        names=options.names,
        default_max_tokens=options.model.max_tokens,
        limits=Limits(frames=options.max_frames, media_root=options.media_root),
        max_queue=options.max_queue,
        max_body=options.max_body,
        max_bodies=options.max_bodies,
        key=options.key,
    )
    draw, frames = make_drawing(options, device, dtype)
    gateway = Gateway(
        settings,
        backend,
        draw,
        at_once=options.max_queue,
        frames=frames,
        shown=partial(chosen, options.model),
    )
    log.info("serving %s with masks on http://%s:%d", options.names[0], options.host, options.port)
    config = uvicorn.Config(
        gateway.app(),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    await server.serve()
    return 0 if server.started else 1


def make_drawing(options: ServeOptions, device: str, dtype: str) -> tuple[DrawMasks, FrameStore]:
    """What draws masks, and decodes frames for it. CheckpointError for decoders that cannot be had."""
    import torch

    model, side = options.model, options.model.image_size
    if options.decoders < 1 or (device == "cuda" and options.decoders > torch.cuda.device_count()):
        raise CheckpointError(f"--decoders {options.decoders}: one per GPU, and there is at least one")
    if options.decoders == 1:
        masker = Masker(options.folder, model, device, dtype, options.cache_bytes)
        encoder = masker.decoder.encoder
        if options.compiled:
            encoder.compile()
        return Drawer(masker), FrameStore(side, encoder.cache.__contains__)
    plans = [
        DecoderPlan(
            options.folder,
            model,
            f"cuda:{index}" if device == "cuda" else device,
            dtype,
            options.cache_bytes,
            options.compiled,
        )
        for index in range(options.decoders)
    ]
    try:
        return Decoders(plans, options.max_queue), FrameStore(side)
    except RuntimeError as error:
        raise CheckpointError(f"--decoders {options.decoders}: {error}") from error


def make_backend(options: ServeOptions, device: str, dtype: str) -> Backend:
    """The backend by name; CheckpointError if it cannot serve this model (the reason) or lacks a URL."""
    model = options.model
    if options.backend == "transformers":
        from sightbench.servers.masks.backends.transformers_model import TransformersBackend

        return TransformersBackend(options.folder, model, device, dtype, options.max_queue)
    if options.engine_url is None:
        raise CheckpointError(f"--backend {options.backend} needs --engine-url")
    if options.backend == "sglang":
        from sightbench.servers.masks.backends.sglang import SglangBackend

        return SglangBackend(options.folder, model, options.engine_url, options.engine_timeout_s, options.key)
    from sightbench.servers.masks.backends.vllm import VllmBackend

    return VllmBackend(model, options.engine_url, options.engine_timeout_s, options.key)


def load_projection(folder: Path, model: Model) -> Projection:
    """The head's projection alone, without SAM 2."""
    from safetensors import safe_open

    with safe_open(folder / HEAD, "pt") as held:
        names: list[str] = list(held.keys())
        wanted = [k for k in names if k.startswith(("text_hidden_fcs.", "seg_head."))]
        weights = {k: held.get_tensor(k).float() for k in wanted}
        return Projection(model, held.get_tensor("final_norm.weight").float(), weights)
