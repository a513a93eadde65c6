"""The whole mask chain against the reference's loop: frames and a question in, words and masks out.

    export SIGHTBENCH_VLLM=/path/to/bin/vllm
    python -m perf.mask_chain           # a tiny model, no GPU
    python -m perf.mask_chain --real    # the sizes of Sa2VA-7B on one GPU

torch and transformers may be this Python's or vLLM's. The weights are random, but for a bigram table that
makes every answer `Sure, [SEG].`; --real takes 40 GB of disk (under TMPDIR) and 20 GB of memory to make them.

Served: `launch_server.sh` (engine, gateway, decoder) and this project's client, --at-once requests in flight;
first each about a video of its own, then four about each of other videos. With --real the server is started
three times: as it comes (CUDA graphs), with --compile, and with --enforce-eager (no graphs). The other side
restates the reference's `predict_forward`: one request after another, the language model on transformers,
then `reference_schedule` of perf/masks_server.py, on the same weights. GPU busy is what nvidia-smi says;
writing RLE is the time that one core takes to write the same masks once more.
"""

# ruff: noqa: E402 (torch may come from the engine's environment, made importable first)

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from tests.engines.engine_process import borrow
from tests.paths import ROOT

VLLM = os.environ.get("SIGHTBENCH_VLLM")
if VLLM is None:
    sys.exit("set SIGHTBENCH_VLLM to the executable of vLLM (ci/engines/install.sh vllm: one without a GPU)")
borrow(VLLM)

import torch

from perf.masks_server import SIZE, GpuBusy, decoded, differing, jpegs, load, reference_schedule
from sightbench import rle
from sightbench.client.journal import Journal
from sightbench.client.probe import probe
from sightbench.client.run import ask, settle
from sightbench.client.settings import Settings, Target
from sightbench.sample import Reply, Sample, Text, Turn, Video
from sightbench.servers.masks.asked import Frame
from sightbench.servers.masks.backends.transformers_model import TransformersBackend
from sightbench.servers.masks.checkpoint import load_model, split
from sightbench.servers.masks.head import Masker
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.masks.selftest import QUESTION
from sightbench.servers.ports import held_free
from sightbench.servers.wire.request import MaskOptions
from tests.engines import tiny_masks

ANSWER = "Sure, [SEG]."
STARTS: Mapping[str, tuple[str, ...]] = {
    "served": (),
    "served, --compile": ("--compile",),
    "served, --enforce-eager": ("--", "--enforce-eager"),
}
"""Each with its flags of the launcher and, after --, of the engine."""
PER_VIDEO = 4
WARM_UP = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """`image_size` is SAM 2's; `alone` requests are asked one after another."""

    what: str
    gpus: int
    dtype: str
    trunk: str
    image_size: int
    requests: int
    frames: int
    alone: int
    starts: Sequence[str]


TINY = Plan("a tiny model", 0, "float32", "hiera-t", 256, 12, 6, 4, ["served, --enforce-eager"])
REAL = Plan("7B", 1, "bfloat16", "hiera-l", 1024, 256, 24, 16, list(STARTS))
Videos = Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """What one side did; `masks` are the RLE counts [frame] of each request."""

    name: str
    videos: int
    seconds: float
    gpu: str
    masks: Mapping[str, list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--real", action="store_true", help="7B, Hiera-L at 1024 px, bfloat16, on a GPU")
    parser.add_argument("--requests", type=int, help=f"default: {TINY.requests}; --real {REAL.requests}")
    parser.add_argument("--frames", type=int, help=f"of each, {TINY.frames}; --real {REAL.frames}")
    parser.add_argument("--alone", type=int, help=f"one by one, {TINY.alone}; --real {REAL.alone}")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--start", choices=STARTS, nargs="+", help="default: all; without a GPU the last")
    options = parser.parse_args()
    plan = REAL if options.real else TINY
    given = {name: getattr(options, name) for name in ("requests", "frames", "alone")}
    given |= {"starts": options.start}
    plan = replace(plan, **{name: value for name, value in given.items() if value})
    if plan.gpus and not torch.cuda.is_available():
        parser.error("--real: torch sees no GPU here")
    with tempfile.TemporaryDirectory() as scratch:
        compare(plan, options.at_once, Path(scratch))


def compare(plan: Plan, at_once: int, folder: Path) -> None:
    """Prints the table."""
    tiny_masks.make("qwen2_5", folder / "checkpoint", plan.trunk, real=plan.gpus > 0)
    split(folder / "checkpoint", folder / "split", plan.image_size)
    (folder / "checkpoint" / "model.safetensors").unlink()
    several = -(-plan.requests // PER_VIDEO)
    videos = dict(written(folder / "frames", plan.requests + several + WARM_UP, plan.frames))
    asked = list(videos)
    where = torch.cuda.get_device_name() if plan.gpus else "no GPU"
    print(f"{plan.what}, {plan.trunk} at {plan.image_size} px, {plan.dtype}, {where}, {load()}")
    print(f"{plan.frames} frames of {SIZE[1]} x {SIZE[0]} a request, {at_once} requests at once")
    print(f"{'':24} | requests | videos | requests/s |   faster | GPU busy | writing RLE")
    # In a process of its own, which leaves nothing on the GPU.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        given = folder / "split", plan, videos, asked[: plan.alone]
        alone = process.submit(one_at_a_time, *given).result()
    show(alone, alone)
    for start in plan.starts:
        with serving(folder, plan, STARTS[start]) as url:
            served(url, start, videos, asked[-WARM_UP:], 1, at_once)
            show(served(url, start, videos, asked[: plan.requests], 1, at_once), alone)
            others = asked[plan.requests : plan.requests + several]
            show(served(url, start, videos, others, PER_VIDEO, at_once), alone)


def written(folder: Path, count: int, length: int) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Videos as JPEG files, each with its name."""
    for seed in range(count):
        frames = [folder / f"video{seed:04}" / f"{index:05}.jpg" for index in range(length)]
        frames[0].parent.mkdir(parents=True)
        for frame, data in zip(frames, jpegs(seed, length), strict=True):
            frame.write_bytes(data)
        yield f"video{seed:04}", tuple(frames)


@contextlib.contextmanager
def serving(folder: Path, plan: Plan, flags: Sequence[str]) -> Iterator[str]:
    """The address of a mask server that was started as a user starts one."""
    ready, log, told = folder / "ready", folder / "log", folder / "told"
    ready.unlink(missing_ok=True)
    with held_free((1, 50, 100)) as port, told.open("wb") as out:
        command = [str(ROOT / "launch_server.sh"), str(folder / "split"), "--engine", "masks"]
        command += ["--gpus", str(plan.gpus), "--port", str(port), "--alias", "random"]
        command += ["--engine-venv", str(Path(str(VLLM)).parents[1]), "--log", str(log)]
        command += ["--ready-file", str(ready), "--exit-with-parent", *flags]
        own = {"PYTHON": sys.executable, "VLLM_NO_USAGE_STATS": "1"}
        if not plan.gpus:
            own["VLLM_CPU_KVCACHE_SPACE"] = "1"
        # --exit-with-parent watches this pipe.
        server = subprocess.Popen(
            command, env=os.environ | own, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            while not ready.exists():
                if server.poll() is not None:
                    sys.exit(told.read_text())
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait()


def served(url: str, name: str, videos: Videos, asked: Sequence[str], each: int, at_once: int) -> Row:
    """`each` questions about each video, through the client; all must be answered with a mask."""
    samples = [
        Sample(
            f"{video}/{number}",
            "chain",
            "masks",
            "",
            (Turn("user", (Video(video, videos[video]), Text(QUESTION))),),
            wants="masks",
            max_tokens=64,
        )
        for video in asked
        for number in range(each)
    ]

    async def work(journal: Journal) -> None:
        given = Settings(endpoints=(Target(url),), model="random", concurrency=at_once)
        outcome = await ask(samples, settle(given, await probe(url), mode="images"), journal)
        if outcome.answered != len(samples):
            sys.exit(f"{name}: {outcome}")

    with tempfile.TemporaryDirectory() as run, Journal.open(Path(run)) as journal:
        busy, began = GpuBusy(), time.perf_counter()
        asyncio.run(work(journal))
        seconds = time.perf_counter() - began
        masks = {reply.sample: counts(reply) for reply in journal}
        return Row(name, len(asked), seconds, busy.share(), masks)


def counts(reply: Reply) -> list[str]:
    if reply.masks is None or reply.text != ANSWER:
        sys.exit(f"{reply.sample}: {reply.error or reply.text!r} instead of {ANSWER!r} and its mask")
    (made,) = reply.masks.objects()
    return [mask["counts"] for mask in made["rles"]]


def one_at_a_time(folder: Path, plan: Plan, videos: Videos, asked: Sequence[str]) -> Row:
    """The reference's loop."""
    model, device = load_model(folder), "cuda" if plan.gpus else "cpu"
    backend = TransformersBackend(folder, model, device, plan.dtype, 1)
    masker = Masker(folder, model, device, plan.dtype, 0)
    masker.decoder.encoder.batch = 1

    def answer(video: str) -> list[str]:
        files = tuple(path.read_bytes() for path in videos[video])
        images = [decoded(data) for data in files]
        sampling = {"temperature": 0, "max_tokens": 64}
        request = VideoRequest(files, QUESTION, None, sampling, MaskOptions())
        states = asyncio.run(backend.generate(request, images)).states
        frames = [Frame(data, image.copy) for data, image in zip(files, images, strict=True)]
        (masks,) = reference_schedule(masker, frames, masker.projection.normed(states).numpy())
        return [rle.encode(mask)["counts"] for mask in masks]

    answer(asked[-1])
    busy, began = GpuBusy(), time.perf_counter()
    made = {f"{video}/0": answer(video) for video in asked}
    seconds = time.perf_counter() - began
    asyncio.run(backend.close())
    return Row("one at a time", len(asked), seconds, busy.share(), made)


def show(row: Row, alone: Row) -> None:
    """Prints a line of the table, and below it how its masks differ from the other side's."""
    rate = len(row.masks) / row.seconds
    faster = rate * alone.seconds / len(alone.masks)
    print(
        f"{row.name:24} | {len(row.masks):8} | {row.videos:6} | {rate:10.2f} | {faster:7.2f}x | "
        f"{row.gpu:>8} | {writing(row) / row.seconds:.2%}"
    )
    both = row.masks.keys() & alone.masks.keys() if row is not alone else ()
    off, whole = differing([row.masks[each] for each in both], [alone.masks[each] for each in both])
    if whole:
        print(f"{'':24} | {off} of {whole} pixels of the requests that both answered differ")


def writing(row: Row) -> float:
    """Seconds that it takes to write the masks of a row as RLE."""
    spent = 0.0
    for one in (one for masks in row.masks.values() for one in masks):
        mask = rle.decode(rle.Rle(*SIZE, one))
        began = time.perf_counter()
        rle.encode(mask)
        spent += time.perf_counter() - began
    return spent


if __name__ == "__main__":
    main()
