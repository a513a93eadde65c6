"""Which family a model belongs to, by whatever it is called."""

from __future__ import annotations

import pytest

from sightbench.families import family, hub_id


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/cache/models--rayruiyang--VST-7B-RL/snapshots/0abc12", "vst"),
        ("/root/.cache/huggingface/hub/models--Qwen--Qwen3-VL-8B-Instruct/snapshots/ff", "qwen3-vl"),
        ("models--internlm--Spatial-SSRL-7B", "spatial-ssrl"),
        ("/runs/Qwen2.5-VL-7B-sft/checkpoint-200", "qwen2.5-vl"),
        ("/data/qwen3-vl-experiments/models/nobody/knows", "default"),
    ],
)
def test_a_path_is_known_by_the_model_in_it(name: str, expected: str) -> None:
    assert family(name).name == expected


def test_only_the_hubs_cache_names_an_id() -> None:
    assert hub_id("/x/models--org--some--name/snapshots/1") == "org/some--name"
    assert hub_id("/x/models/org/name") is None
