"""What a mask model's engine is started with."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightbench.servers import launch
from sightbench.servers.engines import Wish
from sightbench.servers.mask_engine import shares
from sightbench.servers.masks.checkpoint import CheckpointError, load_model, split
from sightbench.servers.masks.engine import PLUGIN_DIR, PLUGINS, installed_plugins, vllm_environment
from tests.paths import ROOT


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with a platform plugin and an endpoint plugin for vLLM."""
    folder = tmp_path_factory.mktemp("engine")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    info = packages / "somebodys_platform-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-platform\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[vllm.platform_plugins]\nsomebodys = os:getcwd\n[vllm.endpoint_plugins]\nroutes = os:getcwd\n"
    )
    return str(folder / "bin" / "python")


def test_plugins_of_the_engine_stay_switched_on(engine: str) -> None:
    assert installed_plugins(engine) == ("somebodys",)
    made = vllm_environment({"PYTHONPATH": "/mine"}, installed_plugins(engine))
    assert made["VLLM_PLUGINS"] == ",".join(("somebodys", *PLUGINS))
    assert made["PYTHONPATH"] == f"{PLUGIN_DIR}{os.pathsep}/mine"


def test_a_list_the_user_made_is_kept_and_only_ours_are_added(engine: str) -> None:
    made = vllm_environment({"VLLM_PLUGINS": "one,two"}, installed_plugins(engine))
    assert made["VLLM_PLUGINS"] == ",".join(("one", "two", *PLUGINS))
    assert vllm_environment({"VLLM_PLUGINS": ""}, ("somebodys",))["VLLM_PLUGINS"] == ",".join(PLUGINS)


def test_an_interpreter_that_is_not_there_has_no_plugins(tmp_path: Path) -> None:
    assert installed_plugins(str(tmp_path / "python")) == ()


def test_the_engines_path_holds_the_plugins_and_nothing_else_of_ours() -> None:
    # An engine imports by common names (tests, tasks, client); only what starts with seg_ may stand there.
    modules = {path.stem for path in PLUGIN_DIR.glob("*.py")}
    assert modules and all(name.startswith("seg_") for name in modules)


def checkpoint(folder: Path, config: dict[str, object], *names: str) -> Path:
    """A folder with tensors of one number each under these names."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text("{}")
    header = json.dumps({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in names}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    return folder


@pytest.mark.parametrize(
    ("config", "names", "words"),
    [
        ({"model_type": "sa2va_chat"}, ("grounding_encoder.sam3_model.x",), "with SAM 3"),
        ({"model_type": "sa2va_chat", "sam3_image_size": 1008}, ("x",), "with SAM 3"),
        ({"model_type": "sa2va_chat"}, ("grounding_encoder.sam2_model.x",), "has no 'llm_config'"),
        ({"model_type": "qwen2_5_vl"}, ("model.x",), "has no mask head"),
    ],
)
def test_a_checkpoint_that_cannot_be_split_is_refused_with_the_reason(
    tmp_path: Path, config: dict[str, object], names: tuple[str, ...], words: str
) -> None:
    source = checkpoint(tmp_path / "model", config, *names)
    with pytest.raises(CheckpointError, match=words):
        split(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def sa2va(tmp_path: Path) -> Path:
    """A checkpoint that can be split, of one number a tensor."""
    parts = ("grounding_encoder.sam2_model.x", "text_hidden_fcs.0.weight", "language_model.model.norm.weight")
    llm = {"num_hidden_layers": 2, "hidden_size": 8}
    source = checkpoint(tmp_path / "model", {"model_type": "sa2va_chat", "llm_config": llm}, *parts)
    added = {"7": {"content": "[SEG]"}, "8": {"content": "<|im_end|>"}}
    (source / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))
    return source


def test_several_that_split_at_once_all_get_it_whole(sa2va: Path, tmp_path: Path) -> None:
    """Tasks of one job start the same model on one node."""
    with ThreadPoolExecutor(8) as tasks:
        made = set(tasks.map(lambda _: split(sa2va, tmp_path / "out"), range(24)))
    assert made == {load_model(tmp_path / "out")}
    assert sorted(path.name for path in tmp_path.glob("out/**/*.safetensors")) == [
        "head.safetensors",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", '{"model_type": "sa2va_chat", "llm_config": 3}'),
        ("config.json", '{"model_type": "sa2va_chat", "llm_config": {"num_hidden_layers": "x"}}'),
        ("config.json", "\udcff"),
        ("config.json", "[" * 100_000),
        ("tokenizer_config.json", '{"added_tokens_decoder": []}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"x": {"content": "[SEG]"}}}'),
        ("model.safetensors", json.dumps({"x": [1]})),
        ("model.safetensors", json.dumps({"x": {"dtype": "F32"}})),
        ("model.safetensors", json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}})),
        ("model.safetensors", json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}})),
    ],
)
def test_a_damaged_mask_checkpoint_is_refused_in_a_line(
    sa2va: Path, tmp_path: Path, file: str, content: str
) -> None:
    data = content.encode("utf-8", "surrogateescape")
    (sa2va / file).write_bytes(struct.pack("<Q", len(data)) + data + bytes(8) if "safe" in file else data)
    with pytest.raises(CheckpointError, match=r"^[^\n]*model[^\n]*$"):
        split(sa2va, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("card", "share", "engine", "cached"),
    [
        (None, None, 0.8, 4),
        (80, None, 0.8, 4),
        (141, None, 0.887, 4),
        (24, None, 0.8, 1.2),
        (80, 0.45, 0.36, 1.8),
    ],
)
def test_the_memory_of_a_card_is_shared_out(
    card: float | None, share: float | None, engine: float, cached: float
) -> None:
    wish = Wish("127.0.0.1", 8000, "m", 1, card_gb=card, memory_share=share)
    assert shares(wish) == pytest.approx((engine, cached))
    assert card is None or engine * card + cached < card * (share or 1)


def test_tasks_of_one_node_get_ports_of_their_own(tmp_path: Path) -> None:
    script = (ROOT / "examples" / "slurm.sbatch").read_text()
    lines = [line for line in script.splitlines() if "port=$((" in line]
    made = [
        int(
            subprocess.run(
                ["bash", "-c", "\n".join([*lines, "echo $port"])],
                env={"SLURM_JOB_ID": "123456", "SLURM_LOCALID": str(rank)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for rank in range(8)
    ]
    assert len(set(made)) == 8 and all(1024 < port < 65000 for port in made)


@pytest.mark.parametrize(
    "words",
    [("--max-queue", "0"), ("--max-frames", "-1"), ("--cache-gb", "nan"), ("--engine-timeout", "soon")],
)
def test_a_limit_that_bounds_nothing_is_refused_before_anything_is_loaded(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        launch.main(["ByteDance/Sa2VA-4B", *words, "--dry-run"])
    assert caught.value.code == 2 and f"argument {words[0]}: {words[1]}: a" in capsys.readouterr().err
