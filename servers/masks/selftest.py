"""Before the first request: does this engine give this head the right states?

Three checks that need no reference, on a video drawn here: the state at [SEG], through the final norm and
the output layer, must predict the token that was generated next (wrong layer, position or norm: it does
not); the same request again (now from the prefix cache) must give the same ids and state; and another
video must give another state. If the folder holds a known answer (`servers.masks answer`), the
prompt's length, the ids and the state must equal it.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.masks.backends.base import Backend, Generation
from sightbench.servers.masks.checkpoint import LLM
from sightbench.servers.masks.head import Projection
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.masks.tensors import read_folder
from sightbench.servers.wire.refusal import Refusal
from sightbench.servers.wire.request import MaskOptions

log = logging.getLogger("sightbench.masks")
KNOWN = "known_answer.json"
QUESTION = "Please segment the object closest to the camera."
TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 2e-2}
"""Relative L2 of two runs of one request; bfloat16 engines differ by up to half a percent."""


class SelfTestError(Exception):
    """The engine's answers would give wrong masks: what was expected and what came."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What the language model says to the probe video: written by the transformers backend in float32."""

    prompt_tokens: int
    generated_ids: tuple[int, ...]
    seg_state: list[list[float]]


def probe_images(seed: int = 0, count: int = 7) -> list[Image.Image]:
    """A bright box crossing a textured ground: `count` frames of 320x240, the same on every machine."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 120, (240, 320, 3), dtype=np.uint8)
    frames = []
    for t in range(count):
        frame = ground.copy()
        frame[80:180, 20 + 25 * t : 120 + 25 * t] = (230, 200 - 20 * (seed % 8), 60)
        frames.append(Image.fromarray(frame))
    return frames


def probe_request(images: Sequence[Image.Image], max_tokens: int = 64) -> VideoRequest:
    frames = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        frames.append(buffer.getvalue())
    sampling = {"temperature": 0, "max_tokens": max_tokens}
    return VideoRequest(tuple(frames), QUESTION, None, sampling, MaskOptions())


async def run(backend: Backend, folder: Path, projection: Projection, dtype: str) -> str:
    """A line saying what was checked; SelfTestError if anything is off."""
    model, tolerance = projection.model, TOLERANCE[dtype]
    first = await _probe(backend, 0)
    checked = []
    if len(first.tokens):
        _check_next_token(folder, projection, first)
        checked.append(f"{len(first.tokens)} [SEG] state(s) predict the token after them")
        again = await _probe(backend, 0)
        if again.token_ids != first.token_ids or _relative(again.states, first.states) > tolerance:
            raise SelfTestError("the same request twice gave different answers: is prefix caching broken?")
        other = await _probe(backend, 1)
        if len(other.tokens) and _relative(other.states[:1], first.states[:1]) == 0:
            raise SelfTestError("two different videos gave one state: the engine does not see the frames")
        checked.append("repeatable, and the frames matter")
    known = folder / KNOWN
    if known.is_file():
        _check_known(known, projection, first, tolerance)
        checked.append("equal to the known answer")
    elif not len(first.tokens):
        raise SelfTestError(
            f"the model answered the probe without {model.seg_token}, and there is no {KNOWN} to compare "
            "with: record one with `sightbench.servers.masks answer`, or start with --skip-self-test"
        )
    return "; ".join(checked)


async def _probe(backend: Backend, seed: int) -> Generation:
    images = probe_images(seed)
    try:
        return await backend.generate(probe_request(images), images)
    except Refusal as error:
        raise SelfTestError(f"the engine refused the probe: {error.message}") from error


def _check_next_token(folder: Path, projection: Projection, made: Generation) -> None:
    output = _output_layer(folder)
    rows = torch.from_numpy(made.states) if made.normed else projection.normed(made.states)
    # Sa2VA's state is the one after [SEG] went in; UniPixel's (shift -1) predicts the <|seg|> itself.
    ahead = 1 + projection.model.shift
    for token, row in zip(made.tokens, rows, strict=True):
        if token + ahead >= len(made.token_ids):
            continue
        logits = output @ row.to(output.dtype)
        said, top = made.token_ids[token + ahead], int(logits.argmax())
        # In half precision two tokens may tie; a wrong state misses by far more.
        gap = float(logits[top] - logits[said]) / (float(logits.std()) + 1e-9)
        if gap > 0.1:
            raise SelfTestError(
                f"the state of {projection.model.seg_token} at generated token {token} predicts token {top}, "
                f"but {said} was generated: wrong layer, position or norm"
            )


def _output_layer(folder: Path) -> torch.Tensor:
    """The language model's output matrix [vocabulary, hidden], float32."""
    from safetensors import safe_open

    names = ("lm_head.weight", "language_model.lm_head.weight", "language_model.output.weight")
    for entry in read_folder(folder / LLM):
        if entry.name in names:
            with safe_open(entry.file, "pt") as file:
                matrix: torch.Tensor = file.get_tensor(entry.name)
                return matrix.float()
    raise SelfTestError(f"{folder / LLM} has no output layer")


def _check_known(file: Path, projection: Projection, made: Generation, tolerance: float) -> None:
    recorded: dict[str, Any] = json.loads(file.read_text())
    if made.prompt_tokens != recorded["prompt_tokens"]:
        raise SelfTestError(
            f"the probe is {made.prompt_tokens} tokens here but {recorded['prompt_tokens']} in {file.name}: "
            "the chat template or the frames' preprocessing differs"
        )
    if list(made.token_ids) != list(recorded["generated_ids"]):
        raise SelfTestError(f"generated {list(made.token_ids)}, {file.name} has {recorded['generated_ids']}")
    expected = np.asarray(recorded["seg_state"], np.float32).reshape(len(made.states), -1)
    states = made.states if made.normed else projection.normed(made.states).numpy()
    if len(expected) and (off := _relative(states, expected)) > tolerance:
        raise SelfTestError(f"the [SEG] state is {off:.1e} off {file.name} (relative), over {tolerance:.0e}")


async def record(backend: Backend, folder: Path, projection: Projection) -> KnownAnswer:
    """Asks `backend` (trusted: transformers in float32) the probe and keeps its answer in the folder."""
    made = await _probe(backend, 0)
    states = made.states if made.normed else projection.normed(made.states).numpy()
    known = KnownAnswer(made.prompt_tokens, made.token_ids, states.tolist())
    (folder / KNOWN).write_text(json.dumps(asdict(known)))
    return known


def _relative(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if a.shape != b.shape:
        return float("inf")
    return float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b)), 1e-12))
