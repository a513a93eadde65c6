"""The whole chain on a real vLLM: split, connector, [SEG] states, gateway, masks.

SIGHTBENCH_VLLM is the `vllm` executable; torch and transformers may be this python's or that environment's.
"""

# ruff: noqa: E402 (torch may come from an engine's environment, made importable first)

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from sightbench.servers.ports import held_free
from tests.engines.engine_process import borrow, start, stop
from tests.paths import SHARED as DATA

VLLM = os.environ.get("SIGHTBENCH_VLLM") or shutil.which("vllm", path=str(Path(sys.executable).parent))
PYTHON = borrow(VLLM)
pytest.importorskip("torch", reason="the mask server's extra is not installed (pip install '.[masks]')")
pytest.importorskip("transformers", reason="the mask server's extra is not installed")

from sightbench import rle
from sightbench.evaluation.evaluate import evaluate
from sightbench.evaluation.export import export
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.options import Options
from sightbench.evaluation.rescore import score as rescore
from sightbench.servers.masks import selftest
from sightbench.servers.masks.asked import Frame
from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.transformers_model import TransformersBackend
from sightbench.servers.masks.backends.vllm import VllmBackend
from sightbench.servers.masks.checkpoint import load_model, split
from sightbench.servers.masks.engine import vllm_command, vllm_environment
from sightbench.servers.masks.head import Masker
from sightbench.servers.masks.serve import load_projection
from sightbench.tasks.synthetic import layouts
from sightbench.tasks.synthetic.generate import generate
from sightbench.tasks.synthetic.knobs import Knobs
from tests.engines import tiny_masks

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(VLLM is None, reason="no vLLM here: set SIGHTBENCH_VLLM to its executable"),
]
SHARED = DATA / "checkpoints" / "sa2va-tiny-qwen2_5"
SIZE = (240, 320)
KINDS = [pytest.param("shared", marks=pytest.mark.vllm), "qwen3", "internvl_qwen2", "internvl_internlm2"]
"""The first goes with what continuous integration asks of a real vLLM."""


@dataclass(frozen=True)
class Chain:
    """A running engine and the gateway in front of it."""

    kind: str
    split: Path
    states: Path
    engine: str
    gateway: str


def known_answer(folder: Path) -> None:
    """Recorded by transformers, which shares nothing with the engine."""
    model = load_model(folder)
    backend = TransformersBackend(folder, model, "cpu", "float32", 1)
    asyncio.run(selftest.record(backend, folder, load_projection(folder, model)))


@contextlib.contextmanager
def running(kind: str, root: Path, dtype: str = "float32", tensor_parallel: int = 1) -> Iterator[Chain]:
    """The chain of one kind of checkpoint, its self-test passed, in a folder of its own."""
    # Before an engine is booted for nothing.
    subprocess.run([PYTHON, "-c", "import torch, transformers"], check=True)
    source = SHARED if kind == "shared" and SHARED.is_dir() else root / "checkpoint"
    if source != SHARED:
        tiny_masks.make("qwen2_5" if kind == "shared" else kind, source)
    folder, states = root / "tiny", root / "states"
    split(source, folder, 256)
    known_answer(folder)
    own = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    own["HF_MODULES_CACHE"] = str(root / "modules")
    if tensor_parallel > 1:
        # A core for each worker, rather than a memory node.
        own["VLLM_CPU_OMP_THREADS_BIND"] = "|".join(map(str, range(tensor_parallel)))
    with contextlib.ExitStack() as started:
        port = started.enter_context(held_free((1,)))
        engine, gateway = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        command = vllm_command(
            folder,
            port,
            dtype=dtype,
            tensor_parallel=tensor_parallel,
            max_model_len=16384,
            executable=str(VLLM),
            state_dir=states,
            extra=("--enforce-eager",),
        )
        environment = vllm_environment(os.environ) | own
        started.callback(stop, start(command, environment, root / "engine.log", engine))
        serve = [PYTHON, "-m", "sightbench.servers.masks", "serve", "--checkpoint", str(folder)]
        serve += ["--engine-url", engine, "--port", str(port + 1), "--alias", "tiny", "--engine-dtype", dtype]
        started.callback(stop, start(serve, dict(os.environ), root / "gateway.log", gateway))
        assert "equal to the known answer" in (root / "gateway.log").read_text()
        yield Chain(kind, folder, states, engine, gateway)


@pytest.fixture(scope="module", params=KINDS)
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as chain:
        yield chain


def png(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()


def request_body(images: list[Image.Image], text: str = selftest.QUESTION, **more: Any) -> dict[str, Any]:
    urls = ["data:image/png;base64," + base64.b64encode(png(i)).decode() for i in images]
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": u}} for u in urls]
    parts.append({"type": "text", "text": text})
    return {"model": "tiny", "messages": [{"role": "user", "content": parts}], "max_tokens": 64, **more}


def ask(chain: Chain, body: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(f"{chain.gateway}/v1/chat/completions", json=body, timeout=600)
    assert answer.status_code == 200, answer.text[:500]
    held: dict[str, Any] = answer.json()
    return held


def masks_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = answer["choices"][0]["message"]["masks"]
    return held


def drawn(counts: list[str]) -> Any:
    made = [coco.decode({"size": list(SIZE), "counts": c.encode()}) for c in counts]
    return np.stack(made).astype(bool)


def relative(a: Any, b: Any) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def asked_both(chain: Chain, count: int) -> tuple[list[Image.Image], Generation, Generation]:
    """A probe of so many frames, what the engine makes of it and what transformers does."""
    model = load_model(chain.split)
    images = selftest.probe_images(2, count)
    asked = selftest.probe_request(images)

    async def both() -> tuple[Generation, Generation]:
        engine = VllmBackend(model, chain.engine, 600)
        plain = TransformersBackend(chain.split, model, "cpu", "float32", 1)
        got = await engine.generate(asked, images), await plain.generate(asked, images)
        await engine.close()
        return got

    return (images, *asyncio.run(both()))


def reference_masks(chain: Chain, images: list[Image.Image], reference: Generation) -> Any:
    """What our head draws from the states that transformers gives: boolean [frames, height, width]."""
    masker = Masker(chain.split, load_model(chain.split), "cpu", "float32", 1 << 30)
    frames = [Frame(hashlib.sha256(i.tobytes()).digest(), i.copy) for i in images]
    (expected,) = masker.rles(frames, reference.states, reference.normed, SIZE)
    return drawn(expected)


@pytest.mark.parametrize("count", [1, 3, 7, 24])
def test_ids_states_and_masks_are_the_references(chain: Chain, count: int) -> None:
    images, ours, reference = asked_both(chain, count)
    assert ours.token_ids == reference.token_ids and ours.prompt_tokens == reference.prompt_tokens
    assert ours.tokens == reference.tokens and len(ours.tokens) == 1
    assert relative(ours.states, reference.states) < 1e-5

    answer = ask(chain, request_body(images))
    assert answer["choices"][0]["message"]["content"] == "Sure, [SEG]."
    (mask,) = masks_of(answer)
    assert mask["token_index"] == ours.tokens[0] and mask["num_frames"] == count
    got = drawn([r["counts"] for r in mask["rles"]])
    assert int((got != reference_masks(chain, images, reference)).sum()) <= 5 * max(1, count // 7)


def test_the_reference_codes_own_masks(chain: Chain) -> None:
    if chain.kind != "shared" or not SHARED.is_dir():
        pytest.skip("the reference's answer is known for the shared checkpoint only")
    known = json.loads((SHARED / "expected_7frames_256px_fp32.json").read_text())
    images = [Image.open(f).convert("RGB") for f in sorted((SHARED / "frames").iterdir())]
    answer = ask(chain, request_body(images))
    assert answer["usage"]["prompt_tokens"] == known["prompt_tokens"]
    assert answer["usage"]["completion_tokens"] == len(known["generated_ids"])
    (mask,) = masks_of(answer)
    got = drawn([r["counts"] for r in mask["rles"]])
    expected = drawn([r["counts"] for r in known["masks"][0]])
    assert int((got != expected).sum()) <= 5


def only_first(chain: Chain) -> None:
    if chain.kind != "shared":
        pytest.skip("the same gateway code for every base: run on the first")


def test_several_segs_and_one_at_the_length_limit(chain: Chain) -> None:
    only_first(chain)
    seg = load_model(chain.split).seg_token_id
    images = selftest.probe_images(0, 3)
    answer = ask(chain, request_body(images, allowed_token_ids=[seg], max_tokens=3))
    assert answer["choices"][0]["message"]["content"] == "[SEG]" * 3
    assert answer["choices"][0]["finish_reason"] == "length"
    assert [m["token_index"] for m in masks_of(answer)] == [0, 1]
    assert answer["mask_info"]["num_seg_tokens"] == 3 and answer["mask_info"]["truncated"]
    first, second = (m["rles"] for m in masks_of(answer))
    assert first != second


def test_no_seg_and_a_seg_in_the_question(chain: Chain) -> None:
    only_first(chain)
    images = selftest.probe_images(0, 2)
    assert masks_of(ask(chain, request_body(images, max_tokens=2))) == []
    assert len(masks_of(ask(chain, request_body(images, "Is [SEG] a token? Segment it.")))) == 1


def test_many_at_once_answer_as_each_alone(chain: Chain) -> None:
    only_first(chain)
    bodies = [request_body(selftest.probe_images(i % 12, 1 + i % 3), f"Segment {i}.") for i in range(48)]

    async def together() -> list[Any]:
        async with httpx.AsyncClient(timeout=900) as http:
            sent = (http.post(f"{chain.gateway}/v1/chat/completions", json=b) for b in bodies)
            return [r.json() for r in await asyncio.gather(*sent)]

    answers = asyncio.run(together())
    for body, answer in list(zip(bodies, answers, strict=True))[::6]:
        alone = ask(chain, body)
        assert alone["usage"] == answer["usage"]
        (one,), (other,) = masks_of(alone), masks_of(answer)
        assert one["token_index"] == other["token_index"] and one["num_frames"] == other["num_frames"]
        a, b = (drawn([r["counts"] for r in m["rles"]]) for m in (one, other))
        assert int((a != b).sum()) <= 5


def test_clients_that_leave_leave_nothing_behind(chain: Chain) -> None:
    only_first(chain)

    async def leave() -> None:
        async with httpx.AsyncClient() as http:
            for i in range(6):
                body = request_body(selftest.probe_images(20 + i, 5), max_tokens=2000, ignore_eos=True)
                body["stop_token_ids"] = []
                with pytest.raises(httpx.TimeoutException):
                    await http.post(f"{chain.gateway}/v1/chat/completions", json=body, timeout=0.5 + 0.3 * i)

    asyncio.run(leave())
    end = time.monotonic() + 60
    while time.monotonic() < end:
        metrics = httpx.get(f"{chain.gateway}/metrics", timeout=30).text.splitlines()
        running = [m for m in metrics if m.startswith("vllm:num_requests_running") and not m.endswith(" 0.0")]
        if "masks_requests_waiting 0" in metrics and not running:
            break
        time.sleep(0.5)
    else:
        pytest.fail("requests of clients that left are still running")
    assert not list(chain.states.iterdir())
    assert len(masks_of(ask(chain, request_body(selftest.probe_images(0, 3))))) == 1
    assert not list(chain.states.iterdir())


def test_the_engines_own_errors_come_through(chain: Chain) -> None:
    only_first(chain)
    url = f"{chain.gateway}/v1/chat/completions"
    body = request_body(selftest.probe_images(0, 1), "word " * 20000)
    answer = httpx.post(url, json=body, timeout=120)
    assert answer.status_code == 400 and "context" in answer.json()["error"]["message"]
    text = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
    assert httpx.post(url, json=text, timeout=120).json()["model"] == "tiny"
    streamed = httpx.post(url, json=dict(text, stream=True), timeout=120).text
    assert streamed.strip().endswith("[DONE]") and "chat.completion.chunk" in streamed


def test_a_request_cannot_reach_into_the_engine(chain: Chain) -> None:
    only_first(chain)
    text = {"model": "tiny", "messages": [{"role": "user", "content": "[SEG]"}], "max_tokens": 4}
    seg = load_model(chain.split).seg_token_id
    for key in ("../x", "/tmp/x", "valid", uuid.uuid4().hex, {"a": 1}, 3, None):
        body = text | {"kv_transfer_params": {"seg_key": key}, "allowed_token_ids": [seg]}
        assert httpx.post(f"{chain.engine}/v1/chat/completions", json=body, timeout=120).status_code == 200
        refused = httpx.post(f"{chain.gateway}/v1/chat/completions", json=body, timeout=120)
        assert refused.status_code == 400 and "kv_transfer_params" in refused.text
    assert not list(chain.states.iterdir())
    assert not list(chain.states.parent.glob("x*"))
    assert len(masks_of(ask(chain, request_body(selftest.probe_images(0, 3))))) == 1


def test_two_workers_give_the_states_of_one(tmp_path: Path) -> None:
    """Tensor parallel: each worker holds half of the heads, and the whole state is written once."""
    with running("qwen2_5", tmp_path, tensor_parallel=2) as chain:
        images, ours, reference = asked_both(chain, 7)
        assert ours.token_ids == reference.token_ids and ours.tokens == reference.tokens
        assert relative(ours.states, reference.states) < 1e-5
        (mask,) = masks_of(ask(chain, request_body(images)))
        got = drawn([r["counts"] for r in mask["rles"]])
        assert int((got != reference_masks(chain, images, reference)).sum()) <= 5
        assert not list(chain.states.iterdir())


def test_an_engine_in_bfloat16_passes_the_self_test_and_draws_nearly_the_same(tmp_path: Path) -> None:
    with running("qwen2_5", tmp_path, "bfloat16") as chain:
        images, ours, reference = asked_both(chain, 7)
        assert ours.tokens == reference.tokens
        assert relative(ours.states, reference.states) < selftest.TOLERANCE["bfloat16"]
        (mask,) = masks_of(ask(chain, request_body(images)))
        got, expected = drawn([r["counts"] for r in mask["rles"]]), reference_masks(chain, images, reference)
        assert (got & expected).sum() / (got | expected).sum() > 0.95


def mask_sets(root: Path) -> Path:
    """Two expressions about one video in MeViS's layout, a real one where its data are here, and a rendered
    scene's pictures in RefCOCO's."""
    generate(root / "rendered", 1, 5, Knobs(frames=3, objects=(3, 3)))
    assert layouts.write(root / "rendered", root / "sets", "refcoco") > 0
    real = DATA / "data/davis_mini"
    if not real.is_dir():
        assert layouts.write(root / "rendered", root / "sets", "mevis") > 0
        return root / "sets"
    names = [f"frame_{at:04d}" for at in range(0, 12, 4)]
    folder = root / "sets/mevis/valid_u"
    (folder / "JPEGImages/goat").mkdir(parents=True)
    for name in names:
        shutil.copy(real / f"frames/davis/goat/{name}.jpg", folder / "JPEGImages/goat")
    maps = (real / f"masks/davis/goat/{name}_obj1.png" for name in names)
    masks = {"7": [rle.encode(np.asarray(Image.open(path).convert("L"))) for path in maps]}
    words = ("goat walking on the rocks", "the animal that climbs")
    expressions = {str(at): {"exp": exp, "obj_id": [0], "anno_id": [7]} for at, exp in enumerate(words)}
    listed = {"videos": {"goat": {"frames": names, "expressions": expressions}}}
    (folder / "meta_expressions.json").write_text(json.dumps(listed))
    (folder / "mask_dict.json").write_text(json.dumps(masks))
    return root / "sets"


def test_a_video_set_and_an_image_set_run_from_files_to_numbers(chain: Chain, tmp_path: Path) -> None:
    only_first(chain)
    data = mask_sets(tmp_path)
    tasks = ("mevis-valid-u", "refcoco-seg-val")
    asked = Options(
        endpoint=f"{chain.gateway}/v1", task=tasks, data=data, limit=2, out=tmp_path / "run",
        family="sa2va-qwen2.5-vl",
    )  # fmt: skip
    run = evaluate(asked)
    assert run.summary.complete and {entry.profile for entry in run.record.benchmarks} == {"sa2va"}
    for sample, reply, score in run:
        assert reply is not None and reply.text == "Sure, [SEG]." and reply.masks is not None
        frames = int(str(sample.meta["num_frames"]))
        (mask,) = reply.masks.objects(frames)
        assert mask["num_frames"] == len(mask["rles"]) == frames
        # Masks of random weights are as large as the frames, or nothing is judged.
        assert score.status == "scored" and "error" not in score.detail, score
    # The same masks, written out as the references' scripts read them and judged again, are the same numbers.
    before = {entry.name: entry.headline.value for entry in run.summary.benchmarks}
    for written, task in zip(export(run, "results", tmp_path / "out"), tasks, strict=True):
        again = rescore(import_masks([task], data, written.path, tmp_path / task, "again").run)
        answered = [score.value for _, _, score in again if score.status == "scored"]
        assert len(answered) == 2 and again.summary.benchmarks[0].headline.value == before[task]
