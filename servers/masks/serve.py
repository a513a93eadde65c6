"""Put a backend, the head and the gateway together, test them, and serve."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import uvicorn
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.masks import selftest
from sightbench.servers.masks.backends.base import Backend
from sightbench.servers.masks.checkpoint import HEAD, CheckpointError, Model
from sightbench.servers.masks.decoder import Frame
from sightbench.servers.masks.gateway import DrawMasks, Gateway, Settings
from sightbench.servers.masks.head import Masker, Projection
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


def serve(options: ServeOptions) -> int:
    """Serve until stopped; 1 (a line on stderr) if the self-test fails; CheckpointError for a bad pairing."""
    return asyncio.run(_serve(options))


async def _serve(options: ServeOptions) -> int:
    import torch

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = options.dtype or ("float32" if device == "cpu" else "bfloat16")
    masker = Masker(options.folder, options.model, device, dtype, options.cache_bytes)
    backend = make_backend(options, device, dtype)
    try:
        if options.self_test:
            engine_dtype = options.engine_dtype or ("float32" if device == "cpu" else "bfloat16")
            done = await selftest.run(backend, options.folder, masker.projection, engine_dtype)
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
    app = Gateway(settings, backend, drawer(masker)).app()
    log.info("serving %s with masks on http://%s:%d", options.names[0], options.host, options.port)
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    await server.serve()
    return 0 if server.started else 1


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


def drawer(masker: Masker) -> DrawMasks:
    """The gateway's `DrawMasks` on a Masker."""

    def draw(
        keys: Sequence[bytes],
        images: Sequence[Image.Image],
        states: NDArray[np.float32],
        normed: bool,
        size: tuple[int, int],
        cancelled: threading.Event,
    ) -> list[list[str]]:
        frames = [Frame(key, partial(images.__getitem__, i)) for i, key in enumerate(keys)]
        return masker.rles(frames, states, normed, size, cancelled)

    return draw


def load_projection(folder: Path, model: Model) -> Projection:
    """The head's projection alone, without SAM 2."""
    from safetensors import safe_open

    with safe_open(folder / HEAD, "pt") as held:
        names: list[str] = list(held.keys())
        wanted = [k for k in names if k.startswith(("text_hidden_fcs.", "seg_head."))]
        weights = {k: held.get_tensor(k).float() for k in wanted}
        return Projection(model, held.get_tensor("final_norm.weight").float(), weights)
