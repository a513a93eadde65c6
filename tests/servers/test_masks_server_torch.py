"""Splitting, the SAM 2 decoder, the language-model backends and the self-test, on tiny random checkpoints.

Needs torch and transformers: this python's, or (SIGHTBENCH_VLLM set) those of the engine's environment.
"""

# ruff: noqa: E402 (torch may come from an engine's environment, made importable first)

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import io
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from tests.engines.engine_process import borrow

PYTHON = borrow(os.environ.get("SIGHTBENCH_VLLM"))
pytest.importorskip("torch", reason="the mask server's extra is not installed (pip install '.[masks]')")
pytest.importorskip("transformers", reason="the mask server's extra is not installed")

import torch
from PIL import Image
from pycocotools import mask as coco

from sightbench.byte_cache import ByteCache
from sightbench.servers.masks import selftest
from sightbench.servers.masks.asked import Asked, Cancelled, Drawn, Frame
from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.engine_http import messages
from sightbench.servers.masks.backends.internvl import tiled
from sightbench.servers.masks.backends.sglang import SglangBackend
from sightbench.servers.masks.backends.transformers_model import TransformersBackend
from sightbench.servers.masks.checkpoint import CheckpointError, load_model, split
from sightbench.servers.masks.decoders import DecoderPlan, Decoders
from sightbench.servers.masks.drawing import Drawer
from sightbench.servers.masks.frame_store import FrameStore
from sightbench.servers.masks.head import Masker
from sightbench.servers.masks.llm_frames import chosen
from sightbench.servers.masks.sam2 import TRUNKS, rename, trunk_of
from sightbench.servers.masks.serve import load_projection
from sightbench.servers.wire.frames import Limits
from sightbench.servers.wire.refusal import Refusal
from tests import paths
from tests.engines import tiny_masks

SHARED = paths.SHARED / "checkpoints" / "sa2va-tiny-qwen2_5"
SA2VA = ("qwen2_5", "qwen3", "internvl_qwen2", "internvl_internlm2")
KINDS = (*SA2VA, "sa2va_i", "unipixel")
pytestmark = pytest.mark.torch
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("masks")
    out = {}
    for kind in KINDS:
        tiny_masks.make(kind, root / kind)
        split(root / kind, root / f"{kind}-split", 256)
        out[kind] = root / f"{kind}-split"
    return out


@pytest.fixture(scope="session")
def masker(folders: dict[str, Path]) -> Masker:
    folder = folders["qwen2_5"]
    return Masker(folder, load_model(folder), "cpu", "float32", 1 << 30)


def frames(count: int, seed: int = 0) -> list[Frame]:
    images = selftest.probe_images(seed, count)
    return [Frame(hashlib.sha256(i.tobytes()).digest(), i.copy) for i in images]


def states(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, 128)).astype(np.float32)


def pixels(counts: Sequence[str], size: tuple[int, int] = (240, 320)) -> np.ndarray[Any, Any]:
    made = [coco.decode({"size": list(size), "counts": c.encode()}) for c in counts]
    return np.stack(made).astype(bool)


@pytest.mark.parametrize("trunk", TRUNKS, ids=lambda t: t.name)
def test_the_trunk_is_read_from_the_weights(trunk: Any) -> None:
    depth = sum(trunk.blocks)
    weights = {f"image_encoder.trunk.blocks.{i}.norm1.weight": torch.zeros(1) for i in range(depth)}
    weights["image_encoder.trunk.patch_embed.proj.weight"] = torch.zeros(trunk.embed_dim, 3, 7, 7)
    assert trunk_of(weights) == trunk
    del weights[f"image_encoder.trunk.blocks.{depth - 1}.norm1.weight"]
    with pytest.raises(ValueError, match="no SAM 2 trunk"):
        trunk_of(weights)


def test_a_missing_or_unknown_sam2_tensor_is_named() -> None:
    from sightbench.servers.masks.sam2 import load_sam2

    weights = tiny_masks.sam2_weights()
    where = (256, torch.device("cpu"), torch.float32)
    with pytest.raises(ValueError, match="not known, the first is surplus"):
        load_sam2(weights | {"surplus": torch.zeros(1)}, *where)
    del weights["no_obj_ptr"]
    with pytest.raises(ValueError, match="no_object_pointer"):
        load_sam2(weights, *where)


def test_both_sam2_generations_keep_every_value() -> None:
    for new in (False, True):
        weights = tiny_masks.sam2_weights(new=new)
        renamed = rename(weights)
        total = sum(float(v.double().sum()) for v in weights.values())
        doubled = float(
            weights["sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"].double().sum()
        )
        assert sum(float(v.double().sum()) for v in renamed.values()) == pytest.approx(total + doubled)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder beside the checkout is absent")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_masks_equal_the_reference_codes_answer(tmp_path: Path, dtype: str) -> None:
    model = split(SHARED, tmp_path / "split", 256)
    known = json.loads((SHARED / "expected_7frames_256px_fp32.json").read_text())
    given = []
    for file in sorted((SHARED / "frames").iterdir()):
        held = file.read_bytes()
        given.append(Frame(hashlib.sha256(held).digest(), Image.open(io.BytesIO(held)).convert("RGB").copy))
    made = Masker(tmp_path / "split", model, "cpu", dtype, 1 << 30)
    got = made.rles(given, np.asarray(known["seg_state"], np.float32), True, (240, 320))
    assert len(got) == len(known["masks"]) == 1
    expected = pixels([rle["counts"] for rle in known["masks"][0]])
    drawn = pixels(got[0])
    if dtype == "float32":
        assert int((drawn != expected).sum()) <= 5
    else:
        assert (drawn & expected).sum() / (drawn | expected).sum() >= 0.99


@pytest.mark.parametrize("count", [1, 3, 18])
def test_objects_together_are_objects_alone(masker: Masker, count: int) -> None:
    given, asked = frames(count), states(2)
    together = masker.rles(given, asked, True, (240, 320))
    for i in range(2):
        (alone,) = masker.rles(given, asked[i : i + 1], True, (240, 320))
        # Batched and single products differ in the last bit, which may move a pixel on an edge.
        assert int((pixels(alone) != pixels(together[i])).sum()) <= 1 + count * 240 * 320 // 100_000
    assert len(together[0]) == count
    assert 0.01 < pixels(together[0]).mean() < 0.99


def test_a_frame_is_encoded_once_for_all_objects_and_requests(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    made = Masker(folder, load_model(folder), "cpu", "float32", 1 << 30)
    first = made.rles(frames(7), states(4), True, (240, 320))
    assert (made.decoder.encoder.cache.misses, made.decoder.encoder.cache.hits) == (7, 0)
    assert made.rles(frames(7), states(4), True, (240, 320)) == first
    assert (made.decoder.encoder.cache.misses, made.decoder.encoder.cache.hits) == (7, 7)


def test_a_repeated_frame_is_encoded_once(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    made = Masker(folder, load_model(folder), "cpu", "float32", 1 << 30)
    made.rles([frames(1)[0]] * 6, states(1), True, (24, 32))
    assert made.decoder.encoder.cache.misses == 1


def test_drawing_stops_when_the_client_has_left(masker: Masker) -> None:
    gone = threading.Event()
    gone.set()
    with pytest.raises(Cancelled):
        masker.rles(frames(3), states(1), True, (240, 320), gone)


def test_more_objects_than_one_batch(masker: Masker) -> None:
    made = masker.rles(frames(2), states(10), True, (24, 32))
    assert len(made) == 10
    assert made[9] == masker.rles(frames(2), states(10)[8:], True, (24, 32))[1]


def test_output_size_is_free(masker: Masker) -> None:
    (made,) = masker.rles(frames(2), states(1), True, (33, 57))
    assert pixels(made, (33, 57)).shape == (2, 33, 57)


def test_the_input_side_is_the_checkpoints(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    model = dataclasses.replace(load_model(folder), image_size=512)
    made = Masker(folder, model, "cpu", "float32", 1 << 30)
    assert next(made.decoder.encoder.features(frames(1))).coarse.shape == (1, 256, 32, 32)
    (got,) = made.rles(frames(2), states(1), True, (240, 320))
    assert pixels(got).shape == (2, 240, 320)


@pytest.mark.parametrize(("kind", "batch"), [("qwen2_5", 4), ("sa2va_i", 1), ("unipixel", 1)])
def test_requests_drawn_together_are_requests_drawn_alone(
    folders: dict[str, Path], kind: str, batch: int
) -> None:
    """Whichever videos, lengths and sizes share a pass; but for a pixel on an edge, as objects of one."""
    folder = folders[kind]
    made = Masker(folder, load_model(folder), "cpu", "float32", 1 << 30)
    made.decoder.encoder.batch = batch
    lengths = (7, 9, 7, 2)
    sizes = ((240, 320), (120, 160), (240, 320))
    requests = [
        Asked(frames(n, seed), states(1 + seed % 2, seed), kind != "unipixel", sizes[seed % 3], Event())
        for seed, n in enumerate(lengths)
    ]
    together = made.draw(requests)
    made.decoder.encoder.cache.clear()
    made.decoder.encoder.batch = 1
    for request, masks in zip(requests, together, strict=True):
        assert masks is not None
        made.decoder.encoder.cache.clear()
        alone = made.rles(request.frames, request.states, request.normed, request.size)
        for one, other in zip(alone, masks, strict=True):
            assert int((pixels(one, request.size) != pixels(other, request.size)).sum()) <= 3


def test_images_are_encoded_in_full_passes(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    made = Masker(folder, load_model(folder), "cpu", "float32", 1 << 30)
    encoder = made.decoder.encoder
    encoder.batch = 4
    # Prompted and tracked frames alike, and nothing is padded that need not be.
    made.rles(frames(12), states(1), True, (24, 32))
    assert encoder.images == 12
    made.rles(frames(12), states(3), True, (24, 32))
    assert encoder.images == 12
    # What a request leaves of its last pass goes to those that wait.
    waiting = frames(6, seed=5)
    todo = [Asked(frames(5, seed=4), states(1), True, (24, 32), Event())]
    made.draw(todo, lambda count: [f for f in waiting if f.key not in encoder.cache][:count])
    made.rles(waiting, states(1), True, (24, 32))
    assert encoder.images == 12 + 8 + 4


@pytest.mark.parametrize("cache_bytes", [0, 300_000])
def test_a_small_cache_encodes_no_frame_twice_in_one_request(
    folders: dict[str, Path], cache_bytes: int
) -> None:
    folder = folders["qwen2_5"]
    made = Masker(folder, load_model(folder), "cpu", "float32", cache_bytes)
    made.decoder.encoder.batch = 4
    given = frames(8)
    made.rles([*given, *given[:4]], states(1), True, (24, 32))
    assert made.decoder.encoder.images <= 12


@pytest.mark.parametrize(("dtype", "passes"), [("bfloat16", [1, 4]), ("float32", [1, 1, 1, 1, 1])])
def test_waiting_requests_are_drawn_together_but_in_float32(
    folders: dict[str, Path], dtype: str, passes: list[int]
) -> None:
    folder = folders["qwen2_5"]
    made = Masker(folder, load_model(folder), "cpu", dtype, 1 << 30)
    together: list[int] = []
    first, go = Event(), Event()

    class Watched:
        """The masker, held back in its first pass until the others wait."""

        decoder, shape, exact = made.decoder, made.shape, made.exact

        def draw(self, requests: Sequence[Asked], more: Any) -> Any:
            together.append(len(requests))
            first.set()
            assert go.wait(20)
            return made.draw(requests, more)

    watched: Any = Watched()
    drawer, store = Drawer(watched), FrameStore(256)
    probes = [selftest.probe_request(selftest.probe_images(seed, 6)) for seed in range(5)]
    videos = [store.pictures(probe.frames, Limits()) for probe in probes]

    def ask(number: int) -> Drawn:
        return drawer(Asked(videos[number].squares(), states(1, number), True, (240, 320)))

    with ThreadPoolExecutor(5) as pool:
        one = pool.submit(ask, 0)
        assert first.wait(20)
        others = [pool.submit(ask, number) for number in range(1, 5)]
        while len(drawer._queue) < 4:
            time.sleep(0.01)
        go.set()
        answers = [each.result(60) for each in (one, *others)]
    assert together == passes
    for number, answer in enumerate(answers):
        alone = made.rles(videos[number].squares(), states(1, number), True, (240, 320))
        drawn, expected = pixels(answer.rles[0]), pixels(alone[0])
        assert (drawn & expected).sum() / (drawn | expected).sum() >= (1 if dtype == "float32" else 0.98)


@pytest.fixture
def its_python() -> Iterator[None]:
    """Further processes are of the Python that has torch."""
    multiprocessing.set_executable(PYTHON)
    yield
    multiprocessing.set_executable(sys.executable)


@pytest.mark.usefixtures("its_python")
def test_several_decoder_processes_draw_what_one_draws(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    model = load_model(folder)
    made = Masker(folder, model, "cpu", "float32", 1 << 30)
    # Of the second one's cache every frame is gone as soon as it is drawn.
    drawing = Decoders([DecoderPlan(folder, model, "cpu", "float32", size) for size in (1 << 30, 0)], 4)
    store = FrameStore(256)
    probes = [selftest.probe_request(selftest.probe_images(seed)) for seed in range(3)]
    videos = [store.pictures(probe.frames, Limits()) for probe in probes]

    def ask(number: int) -> Drawn:
        return drawing(Asked(videos[number % 3].squares(), states(1, number), True, (24, 32)))

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    for number, drawn in enumerate(answers):
        assert drawn.rles == made.rles(frames(7, number % 3), states(1, number), True, (24, 32))
    with pytest.raises(RuntimeError, match="RuntimeError"):
        drawing(Asked(videos[0].squares(), np.zeros((1, 5), np.float32), True, (24, 32)))
    # One that ends (here the home of all three) takes with it what it has in hand, and nothing more.
    ended = min(multiprocessing.active_children(), key=lambda child: child.pid or 0)
    ended.kill()
    ended.join()
    for number in range(3):
        with contextlib.suppress(RuntimeError):
            ask(number)
    assert [ask(number).rles for number in range(3)] == [drawn.rles for drawn in answers[:3]]


def test_one_request_that_cannot_be_drawn_takes_no_other_with_it(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    drawer = Drawer(Masker(folder, load_model(folder), "cpu", "float32", 1 << 30))
    store = FrameStore(256)
    pictures = store.pictures(selftest.probe_request(selftest.probe_images(1)).frames, Limits())
    with ThreadPoolExecutor(6) as pool:
        given = [states(1), np.zeros((1, 5), np.float32)] * 3
        done = [pool.submit(drawer, Asked(pictures.squares(), each, True, (24, 32))) for each in given]
    assert [each.exception() is None for each in done] == [True, False] * 3


def test_a_frame_is_decoded_once_for_both_models(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    model = load_model(folder)
    made = Masker(folder, model, "cpu", "float32", 1 << 30)
    store = FrameStore(256, made.decoder.encoder.cache.__contains__)
    video = selftest.probe_request(selftest.probe_images())
    known = ByteCache[bytes, str](1 << 20, len)
    drawer = Drawer(made)
    for _ in range(2):
        images = store.pictures(video.frames, Limits())
        images.prepare(chosen(model, len(images)))
        sent, shown = messages(model, video, images, known)
        assert shown == (0, 1, 2, 3, 4) and len(sent[0]["content"]) == 6
        drawer(Asked(images.squares(), states(1), True, (24, 32)))
        # The next question about the video decodes nothing.
        assert store.decoded == 7


async def _check(folder: Path, backend: Any) -> str:
    return await selftest.run(backend, folder, load_projection(folder, load_model(folder)), "float32")


class Altered:
    """A backend whose states are changed on the way out."""

    def __init__(self, inner: TransformersBackend, change: Any) -> None:
        self._inner, self._change = inner, change

    async def generate(self, ask: Any, images: Any) -> Generation:
        made = await self._inner.generate(ask, images)
        return dataclasses.replace(made, **self._change(made))


@pytest.mark.parametrize("kind", SA2VA)
async def test_every_base_answers_and_passes_the_self_test(folders: dict[str, Path], kind: str) -> None:
    folder = folders[kind]
    model = load_model(folder)
    backend = TransformersBackend(folder, model, "cpu", "float32", 4)
    assert "predict the token after" in await _check(folder, backend)
    images = selftest.probe_images()
    made = await backend.generate(selftest.probe_request(images), images)
    assert made.body["choices"][0]["message"]["content"] == "Sure, [SEG]."
    assert made.body["choices"][0]["finish_reason"] == "stop"
    assert made.llm_frames == (0, 1, 2, 3, 4) and made.uncomputed == 0
    assert made.token_ids[made.tokens[0]] == model.seg_token_id
    assert model.normed == (kind != "qwen3")


async def test_the_self_test_refuses_wrong_states(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    inner = TransformersBackend(folder, load_model(folder), "cpu", "float32", 4)
    noise = states(1, 9)
    with pytest.raises(selftest.SelfTestError, match="wrong layer, position or norm"):
        await _check(folder, Altered(inner, lambda m: {"states": m.states * 0.01 + noise}))
    with pytest.raises(selftest.SelfTestError, match=r"without \[SEG\]"):
        await _check(folder, Altered(inner, lambda m: {"tokens": (), "states": m.states[:0]}))
    seen: list[int] = []

    def drift(made: Generation) -> dict[str, Any]:
        seen.append(1)
        return {"states": made.states * (1 + 0.01 * len(seen))}

    with pytest.raises(selftest.SelfTestError, match="twice"):
        await _check(folder, Altered(inner, drift))
    with pytest.raises(selftest.SelfTestError, match="does not see the frames"):
        fixed: list[Generation] = []

        def first(made: Generation) -> dict[str, Any]:
            fixed.append(made)
            return {"states": fixed[0].states}

        await _check(folder, Altered(inner, first))


async def test_a_known_answer_is_held_against_the_engine(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = folders["qwen3"]
    backend = TransformersBackend(folder, load_model(folder), "cpu", "float32", 4)
    file = folder / selftest.KNOWN
    await selftest.record(backend, folder, load_projection(folder, load_model(folder)))
    try:
        assert "known answer" in await _check(folder, backend)
        held = json.loads(file.read_text())
        for name, wrong in (("prompt_tokens", 3), ("generated_ids", [1]), ("seg_state", [[0.0] * 128])):
            file.write_text(json.dumps(dict(held, **{name: wrong})))
            with pytest.raises(selftest.SelfTestError):
                await _check(folder, backend)
    finally:
        file.unlink()


async def test_a_seg_at_the_length_limit_has_no_state(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    backend = TransformersBackend(folder, load_model(folder), "cpu", "float32", 4)
    images = selftest.probe_images(count=1)
    made = await backend.generate(selftest.probe_request(images, max_tokens=7), images)
    assert made.token_ids[-1] == load_model(folder).seg_token_id
    assert (made.tokens, made.uncomputed) == ((), 1)
    assert made.body["choices"][0]["finish_reason"] == "length"


async def test_the_transformers_backend_refuses_sampling(folders: dict[str, Path]) -> None:
    folder = folders["qwen2_5"]
    backend = TransformersBackend(folder, load_model(folder), "cpu", "float32", 4)
    images = selftest.probe_images(count=1)
    ask = selftest.probe_request(images)
    with pytest.raises(Refusal, match="greedily"):
        await backend.generate(dataclasses.replace(ask, sampling={**ask.sampling, "temperature": 1}), images)
    status, kind, body = await backend.forward(
        {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
    )
    assert (status, kind) == (200, "application/json")
    assert json.loads(b"".join([p async for p in body]))["usage"]["completion_tokens"] <= 3


def test_sglang_is_refused_where_it_cannot_give_the_state(folders: dict[str, Path]) -> None:
    for kind, says in (("qwen3", "after the final norm"), ("internvl_qwen2", "InternVL")):
        with pytest.raises(CheckpointError, match=says):
            SglangBackend(folders[kind], load_model(folders[kind]), "http://127.0.0.1:9", 1)
    asyncio.run(SglangBackend(folders["qwen2_5"], load_model(folders["qwen2_5"]), "http://x", 1).close())


@pytest.mark.parametrize(
    ("size", "count"),
    [((448, 448), 1), ((900, 450), 3), ((450, 900), 3), ((1920, 1080), 9), ((2000, 2000), 10)],
)
def test_a_single_image_is_tiled_with_a_thumbnail(size: tuple[int, int], count: int) -> None:
    tiles = tiled(Image.new("RGB", size))
    assert len(tiles) == count
    assert {t.size for t in tiles} == {(448, 448)}
