"""Sweeps with a real vLLM on a CPU: adapters of one server, frames, a server for each checkpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engines.launching import SMALL, Server, serving
from tests.paths import ROOT

pytestmark = pytest.mark.engines

Tiny = Callable[[str], Path]
STEPS = (5, 10, 20)

ADAPTER = """
import json, sys, torch
from pathlib import Path
from safetensors.torch import save_file
model, folder, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = json.loads((model / "config.json").read_text())
text = config.get("text_config", config)
torch.manual_seed(seed)
rank, hidden = 8, text["hidden_size"]
width = text.get("head_dim", hidden // text["num_attention_heads"]) * text["num_attention_heads"]
name = "base_model.model.model.language_model.layers.0.self_attn.o_proj.lora_"
folder.mkdir(parents=True)
weights = {name + "A.weight": torch.randn(rank, width), name + "B.weight": 9 * torch.randn(hidden, rank)}
save_file(weights, folder / "adapter_model.safetensors")
(folder / "adapter_config.json").write_text(json.dumps({
    "peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": ["o_proj"], "bias": "none",
    "base_model_name_or_path": str(model), "lora_dropout": 0.0, "task_type": "CAUSAL_LM"}))
"""


@pytest.fixture(scope="module")
def adapters(vllm: Path, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("adapters")
    words = []
    for step in STEPS:
        folder = root / f"lora_tiny_step{step}"
        script = [vllm / "bin" / "python", "-c", ADAPTER, tiny("qwen2.5-vl"), folder, step]
        subprocess.run([str(word) for word in script], check=True)
        words += ["--lora", f"{folder.name}={folder}"]
    return words


@pytest.fixture(scope="module")
def server(
    vllm: Path, tiny: Tiny, adapters: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, tiny("qwen2.5-vl"), "vllm", vllm, "--alias", "tiny", *adapters) as running:
        yield running


def sweep(data: Path, out: Path, *words: str) -> list[dict]:
    line = [sys.executable, str(ROOT / "bench.py"), "sweep", *words, "--task", "qa", "--data", str(data)]
    line += ["--out", str(out), "--max-tokens", "8", "--quiet"]
    small = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    done = subprocess.run(line, cwd=out.parent, capture_output=True, text=True, env=small)
    assert done.returncode == 0, done.stdout + done.stderr
    kept: list[dict] = json.loads((out / "sweep.json").read_text())
    assert all(entry["answered"] == entry["asked"] == 24 for entry in kept)
    assert (out / "sweep.html").exists()
    return kept


def answers(folder: Path) -> list[str]:
    lines = (json.loads(line) for line in (folder / "replies.jsonl").read_text().splitlines())
    return [line["text"] for line in sorted(lines, key=lambda line: line["sample"])]


def test_a_sweep_over_the_adapters_of_one_server(server: Server, data: Path, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/v1"
    kept = sweep(data, tmp_path / "out", "--endpoint", url, "--models", "all")
    labels = [f"model=lora_tiny_step{step}" for step in STEPS]
    assert [entry["label"] for entry in kept] == ["model=tiny", *labels]
    assert [entry["x"] for entry in kept] == [None, *map(float, STEPS)]
    requests = [
        json.loads((tmp_path / "out" / entry["folder"] / "run.json").read_text())["request"] for entry in kept
    ]
    assert {(request["family"], request["mode"]) for request in requests} == {("qwen2.5-vl", "video")}
    said = [answers(tmp_path / "out" / entry["folder"]) for entry in kept]
    assert said[0] != said[1], "the adapter answered, and not the model under it"


def test_a_sweep_over_frames_with_its_cost(server: Server, data: Path, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/v1"
    words = ["--endpoint", url, "--model", "tiny", "--family", "qwen2.5-vl", "--over", "frames=1,3"]
    kept = sweep(data, tmp_path / "out", *words)
    assert [entry["x"] for entry in kept] == [1.0, 3.0]
    assert kept[0]["tokens"] < kept[1]["tokens"]


def test_a_sweep_with_a_server_for_each_checkpoint(
    vllm: Path, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    for step in (100, 20, 3):
        shutil.copytree(tiny("qwen2.5-vl"), tmp_path / "sft" / f"checkpoint-{step}")
    flags = f"--engine vllm --gpus 0 --engine-venv {vllm} -- {' '.join(SMALL['vllm'])}"
    # Two engines at once, the second loading while the first answers.
    words = ("--checkpoints", str(tmp_path / "sft"), "--serve", flags, "--servers-per-gpu", "2")
    kept = sweep(data, tmp_path / "out", *words)
    assert [entry["label"] for entry in kept] == ["checkpoint-3", "checkpoint-20", "checkpoint-100"]
    roots = [
        json.loads((tmp_path / "out" / entry["folder"] / "run.json").read_text())["servers"][0]["root"]
        for entry in kept
    ]
    assert [Path(root).name for root in roots] == [entry["label"] for entry in kept]
    left = subprocess.run(["pgrep", "-f", str(tmp_path / "sft")], capture_output=True, text=True)
    assert not left.stdout.strip(), "every server is stopped"
