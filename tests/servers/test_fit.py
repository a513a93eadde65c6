"""What a benchmark needs of a server: read from its samples, told to the engine, refused where not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sightbench.errors import UsageError
from sightbench.families import load
from sightbench.servers import launch
from sightbench.servers.fit import Needs, check_share, fit
from sightbench.servers.target import Target
from tests.tasks import formats

TABLE = load()
ONE_IMAGE = Needs(1, 0, 0, 1120, 560, 300, 100)
VIDEO = Needs(0, 1, 12, 840, 476, 600, 16)


def target(model: str, folder: Path | None = None, billions: float | None = 8.0) -> Target:
    family = TABLE.of_name(model)
    assert family is not None
    return Target(model, model, family, folder, billions)


def told(
    needs: Needs, model: str, engine: str = "vllm", tiles: int | None = 1, **given: object
) -> dict[str, object]:
    made = fit(needs, target(model), engine, 1, tiles=tiles, pixels=None, memory_gb=80, **given)  # type: ignore[arg-type]
    return dict(made.flags)


def test_the_context_is_what_the_longest_prompt_takes() -> None:
    # 800 tokens of an image of 40 x 20 merged patches, 100 of text, a tenth more, and the answer.
    assert told(ONE_IMAGE, "Qwen/Qwen2.5-VL-7B-Instruct")["--max-model-len"] == 2048
    # Thirteen tiles of 256 and as many frames of one: as images, which the limit has to know.
    assert told(ONE_IMAGE, "OpenGVLab/InternVL3-8B", tiles=12)["--max-model-len"] == 4096
    flags = told(VIDEO, "OpenGVLab/InternVL3-8B")
    assert flags["--limit-mm-per-prompt"] == {"image": 12, "video": 1}
    # A video of twelve frames goes as one item of half as many pictures.
    flags = told(VIDEO, "Qwen/Qwen2.5-VL-7B-Instruct")
    assert flags["--limit-mm-per-prompt"] == {"image": 1, "video": 1}
    assert flags["--max-num-batched-tokens"] == 8192
    long = replace(VIDEO, frames=96)
    assert told(long, "Qwen/Qwen2.5-VL-7B-Instruct")["--max-num-batched-tokens"] == 27648
    flags = told(VIDEO, "Qwen/Qwen2.5-VL-7B-Instruct", "sglang")
    assert flags["--limit-mm-data-per-request"] == {"image": 12, "video": 1} and "--context-length" in flags


def test_weights_that_are_more_than_a_share_of_the_memory_are_refused() -> None:
    model = "Qwen/Qwen2.5-VL-32B-Instruct"
    check_share(target(model, billions=32), 2, 0.45, 80)
    with pytest.raises(UsageError, match="weights of 64 GB in bfloat16 are more than 36 GB"):
        check_share(target(model, billions=32), 1, 0.45, 80)


def test_what_does_not_fit_is_refused_before_anything_starts(tmp_path: Path) -> None:
    config = {
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "hidden_size": 3584,
    }
    (tmp_path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 32768}))
    model = "Qwen/Qwen2.5-VL-7B-Instruct"

    def lines(needs: Needs, billions: float, gpus: int, memory: float | None = 80) -> str:
        made = target(model, tmp_path, billions)
        return "\n".join(fit(needs, made, "vllm", gpus, tiles=None, pixels=None, memory_gb=memory).lines)

    assert "it fits: weights of 16 GB" in lines(VIDEO, 8, 1)
    assert "80 GB each assumed" in lines(VIDEO, 8, 1, None)
    with pytest.raises(UsageError, match="does not fit: weights of 144 GB"):
        lines(VIDEO, 72, 1)
    assert "it fits" in lines(VIDEO, 72, 4)
    with pytest.raises(UsageError, match="context is 32,768"):
        lines(replace(VIDEO, frames=400), 8, 1)


@pytest.mark.parametrize(
    "odd", [{"num_key_value_heads": 0}, {"hidden_size": 10**400}, {"num_hidden_layers": -1}]
)
def test_a_configuration_that_tells_no_cache_is_said_to(tmp_path: Path, odd: dict[str, int]) -> None:
    config = {"num_hidden_layers": 28, "num_attention_heads": 28, "hidden_size": 3584, **odd}
    (tmp_path / "config.json").write_text(json.dumps(config))
    made = target("Qwen/Qwen2.5-VL-7B-Instruct", tmp_path)
    lines = fit(VIDEO, made, "vllm", 1, tiles=None, pixels=None, memory_gb=80).lines
    assert "cannot be told" in "\n".join(lines)


def test_the_launcher_reads_the_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    model = "Qwen/Qwen2.5-VL-7B-Instruct"
    assert launch.main([model, "--dry-run", "--task", "MMStar", "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert "longest prompt takes about" in out and '\'{"image": 1, "video": 1}\'' in out
    assert "--max-model-len 32768" not in out
    assert launch.main([model, "--dry-run", "--task", "MMStr", "--data", str(data)]) == 2
    assert "MMStr" in capsys.readouterr().err
    assert launch.main([model, "--dry-run", "--task", "MMStar"]) == 2
    assert "--data" in capsys.readouterr().err
    assert launch.main(["ByteDance/Sa2VA-4B", "--dry-run", "--task", "all", "--data", str(data)]) == 2
