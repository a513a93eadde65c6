"""A checkpoint's JSON files, damaged: the launcher knows the model, or says in a line why it does not."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given

from sightbench.errors import UsageError
from sightbench.families import load
from sightbench.servers.target import resolve
from tests.hostile import generator, mutated

CONFIG = orjson.dumps(
    {
        "architectures": ["Sa2VAChatModelQwen"],
        "model_type": "qwen2_5_vl",
        "template": "internvl2_5",
        "vision_config": {"deepstack_visual_indexes": [1]},
    }
)
INDEX = orjson.dumps({"metadata": {}, "weight_map": {"a": "model.safetensors"}})
ADAPTER = orjson.dumps({"base_model_name_or_path": "Qwen/Qwen2.5-VL-3B-Instruct", "r": 8})


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "model.safetensors").touch()
    return folder


@given(mutated(CONFIG), mutated(INDEX))
@generator()
def test_a_damaged_checkpoint_is_known_or_refused_in_a_line(
    checkpoint: Path, config: bytes, index: bytes
) -> None:
    (checkpoint / "config.json").write_bytes(config)
    (checkpoint / "model.safetensors.index.json").write_bytes(index)
    try:
        assert resolve(str(checkpoint), load()).folder == checkpoint
    except UsageError as error:
        assert str(checkpoint) in str(error) and len(str(error)) < 3000


@given(mutated(ADAPTER))
@generator()
def test_a_damaged_adapter_is_known_or_refused_in_a_line(checkpoint: Path, adapter: bytes) -> None:
    (checkpoint / "adapter_config.json").write_bytes(adapter)
    try:
        assert resolve(str(checkpoint), load()).adapters
    except UsageError as error:
        assert len(str(error)) < 3000
