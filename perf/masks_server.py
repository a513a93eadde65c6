"""The mask decoder against one object at a time, as the reference's `predict_forward` draws.

usage: python perf/masks_server.py [--split FOLDER] [--trunk hiera-t] [--image-size 256] [--frames 12] ...

Without --split, a random SAM 2 with that trunk. The other side is a restatement of the
reference's schedule on the same modules: per object, 2 * 5 + (T - 5) image encodes (each prompted frame is
encoded when prompted and again when remembered) and every pass with a batch of one. Two tables: one request
by its number of objects, and --concurrent requests about as many videos, one object each, with frames that
come as JPEGs. Both count images that go through the encoder, padding among them, and pixels that differ; the
second how busy nvidia-smi says the GPU was, and which part of the time went into writing RLE. The language
model is in neither: perf/mask_chain.py has it.

On a GPU, real sizes and random weights:
python perf/masks_server.py --trunk hiera-l --image-size 1024 --device cuda --dtype bfloat16 --concurrent 64
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from sightbench import rle
from sightbench.servers.masks import selftest
from sightbench.servers.masks.asked import Asked, Frame
from sightbench.servers.masks.checkpoint import load_model, split
from sightbench.servers.masks.decoder import Clip
from sightbench.servers.masks.drawing import Drawer
from sightbench.servers.masks.frame_store import FrameStore
from sightbench.servers.masks.head import Masker
from sightbench.servers.wire.frames import Limits

SIZE = (480, 854)
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--split", type=Path)
    parser.add_argument("--trunk", choices=("hiera-t", "hiera-s", "hiera-b+", "hiera-l"), default="hiera-t")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many, taken in turn")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--concurrent", type=int, default=8, help="requests at once; 0 leaves them out")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.split or tiny(Path(scratch), options.trunk, options.image_size)
        model = dataclasses.replace(load_model(folder), image_size=options.image_size)
        images = [selftest.probe_images(i, 1)[0].resize(SIZE[::-1]) for i in range(options.frames)]
        frames = [Frame(hashlib.sha256(i.tobytes()).digest(), i.copy) for i in images]
        masker = Masker(folder, model, options.device, options.dtype, 8 << 30)
        one_by_one = Masker(folder, model, options.device, options.dtype, 0)
        states = np.random.default_rng(0).normal(size=(max(options.objects), model.hidden_size))
        asked: NDArray[np.float32] = states.astype(np.float32)
        one_by_one.decoder.encoder.batch = 1
        masker.rles(frames[:2], asked[:1], True, SIZE)
        print(f"{options.frames} frames at {options.image_size} px, {options.device} {options.dtype}")
        print(f"{load()}; images encoded and seconds are ours / the reference's")
        print("objects | images encoded | seconds | speed-up | pixels that differ")
        for count in options.objects:
            best: dict[str, float] = {}
            for _ in range(options.repeats):
                masker.decoder.encoder.cache.clear()
                encodes = counted(masker)
                seconds, ours = timed(lambda n=count: draw(masker, frames, asked[:n]))
                best["ours"] = min(seconds, best.get("ours", seconds))
                made = encodes()
                seconds, _ = timed(lambda n=count: draw(masker, frames, asked[:n]))
                best["again"] = min(seconds, best.get("again", seconds))
                counts = counted(one_by_one)
                seconds, reference = timed(lambda n=count: reference_schedule(one_by_one, frames, asked[:n]))
                best["reference"] = min(seconds, best.get("reference", seconds))
            off = int((ours != reference).sum())
            print(
                f"{count:7} | {made:7} / {counts():<16} | {best['ours']:11.2f} / {best['reference']:<9.2f} | "
                f"{best['reference'] / best['ours']:7.2f}x | {off} of {ours.size}"
            )
            print(f"        | the next request about the same video: {best['again']:.2f} s, 0 images")
        if options.concurrent:
            print_concurrent(masker, one_by_one, options.concurrent, options.frames)


def print_concurrent(masker: Masker, one_by_one: Masker, count: int, length: int) -> None:
    """Requests about different videos, all there at once, against one after the other on the same modules."""
    masker.decoder.encoder.cache.clear()
    videos = [jpegs(seed, length) for seed in range(count)]
    states = np.random.default_rng(1).normal(size=(count, 1, masker.model.hidden_size)).astype(np.float32)
    store = FrameStore(masker.decoder.size, masker.decoder.encoder.cache.__contains__)
    drawer = Drawer(masker)

    def ours() -> list[list[list[str]]]:
        def ask(number: int) -> list[list[str]]:
            pictures = store.pictures(videos[number], Limits())
            pictures.prepare(())
            return drawer(Asked(pictures.squares(), states[number], True, SIZE)).rles

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(ask, range(count)))

    def reference() -> list[list[list[str]]]:
        out = []
        for video, state in zip(videos, states, strict=True):
            frames = [Frame(data, partial(decoded, data)) for data in video]
            drawn = reference_schedule(one_by_one, frames, state)
            out.append([[rle.encode(mask)["counts"] for mask in masks] for masks in drawn])
        return out

    encodes, busy = counted(masker), GpuBusy()
    with RleSeconds() as written:
        together, made = timed(ours)
    gpu_together, images = busy.share(), encodes()
    encodes, busy = counted(one_by_one), GpuBusy()
    with RleSeconds() as alone:
        apart, expected = timed(reference)
    gpu_apart = busy.share()
    off, whole = differing([masks[0] for masks in made], [masks[0] for masks in expected])
    print(f"{count} requests at once, {length} frames each, one object, {load()}")
    print("              | images encoded | seconds | requests/s | GPU busy | writing RLE")
    for name, encoded, seconds, gpu, spent in (
        ("together", images, together, gpu_together, written.seconds),
        ("one at a time", encodes(), apart, gpu_apart, alone.seconds),
    ):
        rate, share = f"{count / seconds:10.2f}", f"{spent / seconds:.1%}"
        print(f"{name:13} | {encoded:14} | {seconds:7.1f} | {rate} | {gpu:>8} | {share}")
    print(f"{apart / together:.2f}x; {off} of {whole} pixels differ")


def differing(some: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many pixels of so many differ: RLE counts [object][frame] of both sides."""
    off, whole = 0, 0
    for one, other in zip(some, others, strict=True):
        for a, b in zip(one, other, strict=True):
            differ = rle.decode(rle.Rle(*SIZE, a)) != rle.decode(rle.Rle(*SIZE, b))
            off, whole = off + int(differ.sum()), whole + differ.size
    return off, whole


def jpegs(seed: int, length: int) -> tuple[bytes, ...]:
    """A video's frames as files."""
    out = []
    for image in selftest.probe_images(seed, length):
        held = io.BytesIO()
        image.resize(SIZE[::-1]).save(held, "JPEG")
        out.append(held.getvalue())
    return tuple(out)


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def draw(masker: Masker, frames: list[Frame], states: NDArray[np.float32]) -> NDArray[np.bool_]:
    prompts = masker.projection.prompts(states, True).to(masker.decoder.device)
    clip = Clip(frames, prompts, SIZE)
    return np.stack([mask for _, mask in masker.decoder.decode([clip], masker.model.llm_frames)], 1)


def reference_schedule(masker: Masker, frames: list[Frame], states: NDArray[np.float32]) -> NDArray[np.bool_]:
    out = []
    for state in states:
        list(masker.decoder.encoder.features(frames[: masker.model.llm_frames]))
        out.append(draw(masker, frames, state[None]))
    return np.concatenate(out)


def counted(masker: Masker) -> Callable[[], int]:
    before = masker.decoder.encoder.images
    return lambda: masker.decoder.encoder.images - before


def load() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def timed(work: Callable[[], T]) -> tuple[float, T]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    made = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began, made


class GpuBusy:
    """What nvidia-smi says, every tenth of a second from here on."""

    def __init__(self) -> None:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100"]
        asked = torch.cuda.is_available() and shutil.which("nvidia-smi") is not None
        self._told = (
            subprocess.Popen([*query, "-i", "0"], stdout=subprocess.PIPE, text=True) if asked else None
        )

    def share(self) -> str:
        """The mean since the start, and the end of asking."""
        if self._told is None:
            return "no GPU"
        self._told.terminate()
        shares = [int(line) for line in self._told.communicate()[0].split() if line.isdigit()]
        return f"{sum(shares) / len(shares):.0f} %" if shares else "not told"


class RleSeconds:
    """The seconds that `rle.encode` takes while this is entered; one thread draws."""

    def __enter__(self) -> RleSeconds:
        self.seconds, self._encode = 0.0, rle.encode

        def timed_encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
            began = time.perf_counter()
            made = self._encode(mask)
            self.seconds += time.perf_counter() - began
            return made

        setattr(rle, "encode", timed_encode)  # noqa: B010
        return self

    def __exit__(self, *_: object) -> None:
        setattr(rle, "encode", self._encode)  # noqa: B010


def tiny(scratch: Path, trunk: str, image_size: int) -> Path:
    from tests.engines import tiny_masks

    tiny_masks.make("qwen2_5", scratch / "checkpoint", trunk)
    split(scratch / "checkpoint", scratch / "split", image_size)
    return scratch / "split"


if __name__ == "__main__":
    main()
