"""launch_server.sh as a user meets it: names, command lines, what it says when something is wrong."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from sightbench.families import families, load
from sightbench.families import family as client_family
from sightbench.servers import launch
from sightbench.servers.target import resolve, size_in_name

TABLE = load()

MISSION = (
    "ByteDance/Sa2VA-1B", "ByteDance/Sa2VA-4B", "ByteDance/Sa2VA-8B", "ByteDance/Sa2VA-26B",
    "ByteDance/Sa2VA-InternVL3-8B", "ByteDance/Sa2VA-Qwen2_5-VL-7B", "ByteDance/Sa2VA-Qwen3-VL-4B",
    "kumuji/Sa2VA-i-8B", "PolyU-ChenLab/UniPixel-7B", "OpenGVLab/InternVL3-78B", "OpenGVLab/InternVL3_5-8B",
    "OpenGVLab/InternVL3.5-8B", "OpenGVLab/InternVL2_5-8B", "OpenGVLab/InternVL2_5-8B-MPO",
    "Qwen/Qwen2.5-VL-72B-Instruct", "Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen3-VL-235B-A22B-Instruct",
    "Qwen/Qwen3-VL-30B-A3B-Instruct", "llava-hf/llava-onevision-qwen2-7b-ov-hf",
    "lmms-lab/LLaVA-OneVision-1.5-8B-Instruct", "lmms-lab/LLaVA-One-Vision-1.5-4B-Instruct",
    "rayruiyang/VST-7B-RL", "internlm/Spatial-SSRL-7B", "hongxingli/SpatialLadder-3B",
    "RUBBISHLIKE/SpaceR-SFT-7B",
)  # fmt: skip
EXPECTED = (
    "sa2va", "sa2va", "sa2va", "sa2va", "sa2va-internvl3", "sa2va-qwen2.5-vl", "sa2va-qwen3-vl", "sa2va",
    "unipixel", "internvl", "internvl", "internvl", "internvl", "internvl", "qwen2.5-vl", "qwen3-vl",
    "qwen3-vl-moe", "qwen3-vl-moe", "llava-onevision", "llava-onevision-1.5", "llava-onevision-1.5", "vst",
    "spatial-ssrl", "spatialladder", "spacer",
)  # fmt: skip


@pytest.fixture
def dry(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """A dry run of launch_server.sh; (exit code, commands without the program's folder, comments, stderr)."""
    monkeypatch.setattr(sys, "argv", ["launch_server.sh"])

    def run(*words: str) -> tuple[int, list[list[str]], list[str], str]:
        code = launch.main([*words, "--dry-run"] if "--" not in words else _before_the_cut(words))
        out, err = capsys.readouterr()
        lines = out.splitlines()
        commands = [shlex.split(line) for line in lines if not line.startswith("#")]
        return code, commands, [line for line in lines if line.startswith("#")], err

    return run


def _before_the_cut(words: tuple[str, ...]) -> list[str]:
    cut = words.index("--")
    return [*words[:cut], "--dry-run", *words[cut:]]


def flag(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.parametrize(("model", "expected"), list(zip(MISSION, EXPECTED, strict=True)))
def test_every_name_of_the_benchmark_resolves_in_launcher_and_client_alike(model, expected, dry) -> None:
    code, commands, comments, _ = dry(model)
    assert code == 0 and commands
    assert f"family {expected}," in comments[0]
    assert client_family(model).name == expected
    assert comments[-1].startswith("# then: python bench.py --endpoint http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    ("typed", "line"), [("launch_server.sh", "python bench.py --"), ("sightbench-serve", "sightbench --")]
)
def test_the_next_line_is_for_the_command_that_was_typed(typed, line, dry, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"/somewhere/{typed}"])
    assert dry("OpenGVLab/InternVL3-8B")[2][-1].startswith(f"# then: {line}")


@pytest.mark.parametrize("model", [model for family in TABLE.families for model in family.models])
def test_every_listed_model_falls_into_the_family_that_lists_it(model) -> None:
    found = TABLE.of_name(model)
    assert found is not None and model in found.models


def test_the_line_for_an_ipv6_address_is_one_that_the_client_takes(dry) -> None:
    _, _, comments, _ = dry("Qwen/Qwen3-VL-8B-Instruct", "--host", "::1")
    assert "--endpoint 'http://[::1]:8000/v1'" in comments[-1]


def test_nothing_is_left_to_an_engines_or_a_checkpoints_defaults(dry) -> None:
    _, (vllm,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct")
    assert flag(vllm, "--generation-config") == "vllm"
    assert json.loads(flag(vllm, "--media-io-kwargs")) == {"video": {"num_frames": -1}}
    assert "--trust-request-mm-kwargs" in vllm
    _, (sglang,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct", "--engine", "sglang", "--gpus", "4")
    assert flag(sglang, "--sampling-defaults") == "openai"
    assert flag(sglang, "--tp-size") == "4"


def test_deterministic_kernels_are_asked_for_and_noted_in_the_run(dry) -> None:
    model = "Qwen/Qwen3-VL-8B-Instruct"
    _, (vllm,), comments, _ = dry(model, "--deterministic")
    assert "VLLM_BATCH_INVARIANT=1" in vllm and " --deterministic --task" in comments[-1]
    _, (sglang,), _, _ = dry(model, "--deterministic", "--engine", "sglang")
    assert "--enable-deterministic-inference" in sglang and "VLLM_BATCH_INVARIANT=1" not in sglang
    _, (plain,), comments, _ = dry(model)
    assert "VLLM_BATCH_INVARIANT=1" not in plain and "--deterministic" not in comments[-1]


def test_a_share_of_the_memory_is_told_to_every_engine(dry, capsys) -> None:
    words = ("--memory-share", "0.45")
    _, (vllm,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct", *words)
    assert flag(vllm, "--gpu-memory-utilization") == "0.45"
    _, (vllm,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct", *words, "--", "--gpu-memory-utilization", "0.3")
    assert vllm.count("--gpu-memory-utilization") == 1 and flag(vllm, "--gpu-memory-utilization") == "0.3"
    _, (sglang,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct", *words, "--engine", "sglang")
    assert flag(sglang, "--mem-fraction-static") == "0.45"
    _, processes, _, _ = dry("ByteDance/Sa2VA-4B", *words)
    (masks,) = (process for process in processes if "--gpu-memory-utilization" in process)
    assert flag(masks, "--gpu-memory-utilization") == "0.36"
    assert launch.main(["Qwen/Qwen3-VL-8B-Instruct", "--dry-run", "--memory-share", "45"]) == 2
    assert "--memory-share is above 0 and at most 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        ("Qwen/Qwen3-VL-8B-Instruct", ("--gpus", "0"), "for GPUs"),
        ("ByteDance/Sa2VA-4B", (), "mask server"),
        ("Qwen/Qwen3-VL-8B-Instruct", ("--engine", "transformers"), "vllm or sglang"),
    ],
)
def test_deterministic_is_refused_where_no_engine_does_it(model, words, said, capsys) -> None:
    assert launch.main([model, "--dry-run", "--deterministic", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "gpus"),
    [("Qwen/Qwen2.5-VL-7B-Instruct", None), ("OpenGVLab/InternVL3-38B", "2"),
     ("OpenGVLab/InternVL3-78B", "4"), ("Qwen/Qwen3-VL-235B-A22B-Instruct", "8")],
)  # fmt: skip
def test_a_model_is_spread_by_its_size(model, gpus, dry) -> None:
    _, (command,), _, _ = dry(model)
    assert ("--tensor-parallel-size" in command) == (gpus is not None)
    assert gpus is None or flag(command, "--tensor-parallel-size") == gpus


def test_sizes_are_read_as_names_write_them() -> None:
    sizes = {
        name: size_in_name(name)
        for name in ("x/Qwen3-VL-30B-A3B", "llava-qwen2-0.5b-ov", "InternVL2_5-8B", "a")
    }
    assert list(sizes.values()) == [30.0, 0.5, 8.0, None]


def test_frames_of_internvl_are_one_tile_unless_all_are_wanted(dry) -> None:
    _, (vllm,), _, _ = dry("OpenGVLab/InternVL3-8B")
    assert json.loads(flag(vllm, "--hf-overrides")) == {"max_dynamic_patch": 1}
    assert Path(flag(vllm, "--chat-template")).is_file()
    _, (vllm,), _, _ = dry("OpenGVLab/InternVL3-8B", "--tiles", "all")
    assert "--hf-overrides" not in vllm
    _, _, comments, _ = dry("OpenGVLab/InternVL3-8B", "--engine", "sglang")
    assert json.loads(flag(shlex.split(comments[-1]), "--extra-body")) == {"max_dynamic_patch": 1}


def test_flags_after_the_cut_win(dry) -> None:
    _, (command,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct", "--", "--max-model-len", "4096", "--seed=1")
    assert command.count("--max-model-len") == 1 and flag(command, "--max-model-len") == "4096"
    assert command[-1] == "--seed=1"


def test_an_alias_hides_the_name_and_tells_the_client_the_family(dry) -> None:
    _, (command,), comments, _ = dry("Qwen/Qwen3-VL-8B-Instruct", "--alias", "model-a")
    assert flag(command, "--served-model-name") == "model-a"
    line = shlex.split(comments[-1])
    assert (flag(line, "--model"), flag(line, "--family")) == ("model-a", "qwen3-vl")


def test_replicas_share_out_the_gpus_behind_a_router(dry, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    _, (first, second, router), comments, _ = dry(
        "Qwen/Qwen2.5-VL-7B-Instruct", "--replicas", "2", "--gpus", "2", "--port", "9000"
    )
    assert (first[0], second[0]) == ("CUDA_VISIBLE_DEVICES=4,5", "CUDA_VISIBLE_DEVICES=6,7")
    assert (flag(first, "--port"), flag(second, "--port"), flag(router, "--port")) == ("9001", "9002", "9000")
    assert flag(router, "--policy") == "sticky_least_loaded"
    assert router[-2:] == ["http://127.0.0.1:9001", "http://127.0.0.1:9002"]
    assert "--endpoint http://127.0.0.1:9000/v1 --model" in comments[-1]


def test_a_mask_model_is_downloaded_split_and_served_behind_the_gateway(dry) -> None:
    _, commands, comments, _ = dry("ByteDance/Sa2VA-Qwen2_5-VL-7B", "--gpus", "2", "--port", "7000")
    get, split, engine, gateway = commands
    assert "servers.download" in get and split[-4:-2] == ["servers.masks", "split"]
    assert flag(engine, "--tensor-parallel-size") == "2" and flag(engine, "--port") == "7100"
    assert json.loads(flag(engine, "--kv-transfer-config"))["kv_connector"] == "SegStatesConnector"
    assert flag(gateway, "--engine-url") == "http://127.0.0.1:7100" and flag(gateway, "--port") == "7000"
    assert "--task all" in comments[-1]
    assert any("seg_token_ids are placeholders" in comment for comment in comments)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Qwen/Qwen3-VL-8B", "--engine", "masks"), "gives no masks"),
        (("ByteDance/Sa2VA-Qwen3-VL-4B", "--engine", "sglang"), "before the final norm"),
        (("lmms-lab/LLaVA-OneVision-1.5-8B-Instruct", "--engine", "vllm"), "--engine transformers"),
        (("lmms-lab/llava-onevision-qwen2-7b-ov", "--engine", "vllm"), "llava-hf/"),
        (("Qwen3-VL-9B-Instruct",), "did you mean .*Qwen/Qwen3-VL-8B-Instruct"),
        (("some/thing-else-7b",), "--family"),
        (("some/thing-else-7b", "--family", "no"), "no model family is called 'no'; known: .*qwen3-vl"),
        (("./nowhere",), "there is no such folder"),
        (("Qwen/Qwen3-VL-8B-Instruct", "--lora", "x"), "NAME=PATH"),
        (("Qwen/Qwen3-VL-8B-Instruct", "--port", "0"), "--port"),
        (("Qwen/Qwen3-VL-8B-Instruct", "--port", "65534", "--replicas", "2"), "up to 65584"),
        (("ByteDance/Sa2VA-Qwen2_5-VL-7B", "--port", "65500"), "up to 65600"),
        (("Qwen/Qwen3-VL-8B-Instruct", "--ready-file", "no-such-folder/ready"), "no-such-folder/ready"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, said, dry) -> None:
    code, commands, _, err = dry(*words)
    assert (code, commands) == (2, [])
    assert re.fullmatch(rf"error: .*{said}.*\n", err), err


def test_a_bare_name_is_completed_and_another_size_is_no_stranger(dry) -> None:
    _, (command,), _, _ = dry("qwen3-vl-8b-instruct")
    assert "Qwen/Qwen3-VL-8B-Instruct" in command
    _, (command,), _, _ = dry("someone/Qwen2.5-VL-7B-finetuned")
    assert "someone/Qwen2.5-VL-7B-finetuned" in command


def checkpoint(folder: Path, architecture: str = "Qwen2_5_VLForConditionalGeneration", **files: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / "model.safetensors").write_bytes(b"")
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def test_a_folder_is_known_by_its_name_else_by_its_configuration(tmp_path) -> None:
    assert resolve(str(checkpoint(tmp_path / "VST-7B-RL")), TABLE).family.name == "vst"
    renamed = resolve(str(checkpoint(tmp_path / "x", "Qwen3VLForConditionalGeneration")), TABLE)
    assert renamed.family.name == "qwen3-vl"
    # The name says one thing, the configuration another: the configuration is what gets loaded.
    misnamed = checkpoint(tmp_path / "vst-7b-but-qwen3", "Qwen3VLMoeForConditionalGeneration")
    assert "Moe" in resolve(str(misnamed), TABLE).family.serving.architectures[-1]


def test_a_local_model_is_served_offline_under_its_folders_name(tmp_path, dry) -> None:
    folder = checkpoint(tmp_path / "Qwen2.5-VL-3B-mine")
    _, (command,), _, _ = dry(str(folder))
    assert command[0] == "HF_HUB_OFFLINE=1" and str(folder) in command
    assert flag(command, "--served-model-name") == "Qwen2.5-VL-3B-mine"


def test_the_last_checkpoint_of_a_training_run_is_taken(tmp_path, dry) -> None:
    for step in (500, 1000, 90):
        checkpoint(tmp_path / "sft" / f"checkpoint-{step}")
    _, (command,), comments, _ = dry(str(tmp_path / "sft"))
    assert flag(command, "--served-model-name") == "sft-checkpoint-1000"
    assert any("3 checkpoints; taking checkpoint-1000" in line for line in comments)


def test_an_adapter_folder_is_served_beside_its_base(tmp_path, dry) -> None:
    adapter = tmp_path / "tuned"
    adapter.mkdir()
    base = {"base_model_name_or_path": "Qwen/Qwen2.5-VL-7B-Instruct", "r": 24}
    (adapter / "adapter_config.json").write_text(json.dumps(base))
    _, (vllm,), comments, _ = dry(str(adapter), "--lora", f"other={adapter}")
    assert "Qwen/Qwen2.5-VL-7B-Instruct" in vllm and flag(vllm, "--max-lora-rank") == "32"
    start = vllm.index("--lora-modules")
    assert vllm[start + 1 : start + 3] == [f"tuned={adapter}", f"other={adapter}"]
    asked = [flag(shlex.split(line), "--model") for line in comments if "then:" in line]
    assert asked == ["Qwen/Qwen2.5-VL-7B-Instruct", "tuned", "other"]
    _, _, comments, _ = dry(str(adapter), "--engine", "sglang")
    assert json.loads(flag(shlex.split(comments[-1]), "--extra-body")) == {"lora_path": "tuned"}


@pytest.mark.parametrize(
    ("shards", "said"),
    [(("a.safetensors",), "a.safetensors \\(1 of 1 files\\)"), ((), "there are no weights")],
)
def test_missing_weights_are_named(tmp_path, dry, shards, said) -> None:
    folder = checkpoint(tmp_path / "Qwen2.5-VL-3B")
    (folder / "model.safetensors").unlink()
    if shards:
        index = {"weight_map": {f"layer.{i}": name for i, name in enumerate(shards)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    code, _, _, err = dry(str(folder))
    assert code == 2 and re.search(said, err) and err.count("\n") == 1
    assert dry(str(folder), "--", "--load-format", "dummy")[0] == 0


def test_the_table_of_models_lists_what_each_family_can_do() -> None:
    rows = {row.name: row for row in families()}
    assert rows["sa2va"].can == ("qa", "masks")
    assert list(rows["sa2va"].serving.engines) == ["masks", "transformers"]
    assert list(rows["qwen3-vl"].serving.engines) == ["vllm", "sglang", "transformers"]
    assert "Qwen/Qwen3-VL-8B-Instruct" in rows["qwen3-vl"].models


def test_a_gateway_runs_on_the_engines_python_where_ours_has_no_torch(tmp_path, dry, monkeypatch) -> None:
    monkeypatch.setattr("sightbench.servers.mask_engine.find_spec", lambda name: None)
    programs = tmp_path / "engine" / "bin"
    programs.mkdir(parents=True)
    for name in ("vllm", "python"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    _, commands, _, _ = dry("ByteDance/Sa2VA-4B", "--engine-venv", "engine")
    assert commands[1][0] == str(programs / "python")
    assert str(programs / "vllm") in commands[2]


def test_an_image_is_cut_into_as_many_tiles_as_asked_for(dry) -> None:
    _, (vllm,), comments, _ = dry("OpenGVLab/InternVL3-8B", "--tiles", "6")
    assert json.loads(flag(vllm, "--hf-overrides")) == {"max_dynamic_patch": 6}
    assert "--task MMStar" in comments[-1]
    _, (vllm,), _, _ = dry("OpenGVLab/InternVL3-8B-hf", "--tiles", "12")
    assert json.loads(flag(vllm, "--mm-processor-kwargs")) == {"crop_to_patches": True, "max_patches": 12}
    _, _, comments, _ = dry("OpenGVLab/InternVL3-8B", "--engine", "sglang", "--tiles", "24")
    assert json.loads(flag(shlex.split(comments[-1]), "--extra-body")) == {"max_dynamic_patch": 24}
    code, _, _, err = dry("Qwen/Qwen3-VL-8B-Instruct", "--tiles", "6")
    assert code == 2 and "does not cut images into tiles" in err


def test_pixels_of_an_image_are_bounded_as_asked_for(dry) -> None:
    bounds = ("--min-pixels", "1003520", "--max-pixels", "12845056")
    wanted = {"min_pixels": 1003520, "max_pixels": 12845056}
    _, (vllm,), _, _ = dry("Qwen/Qwen2.5-VL-7B-Instruct", *bounds)
    assert json.loads(flag(vllm, "--mm-processor-kwargs")) == wanted
    _, (sglang,), _, _ = dry("Qwen/Qwen3-VL-8B-Instruct", "--engine", "sglang", *bounds)
    assert json.loads(flag(sglang, "--mm-process-config")) == {"image": wanted}
    assert "go together" in dry("Qwen/Qwen2.5-VL-7B-Instruct", *bounds[:2])[3]
    assert "has no bounds for pixels" in dry("OpenGVLab/InternVL3-8B", *bounds)[3]


def test_a_folder_of_the_hubs_cache_is_served_under_its_id(tmp_path, dry) -> None:
    folder = checkpoint(tmp_path / "models--rayruiyang--VST-7B-RL" / "snapshots" / "0abc")
    _, (command,), comments, _ = dry(str(folder))
    assert flag(command, "--served-model-name") == "rayruiyang/VST-7B-RL"
    assert "family vst," in comments[0]


def test_an_alias_that_is_known_tells_the_family(tmp_path, dry) -> None:
    folder = checkpoint(tmp_path / "mymodel1")
    _, _, comments, _ = dry(str(folder), "--alias", "rayruiyang/VST-7B-RL")
    assert "family vst," in comments[0]
    assert "family vst," in dry("anon/mymodel1", "--alias", "rayruiyang/VST-7B-RL")[2][0]
    _, _, comments, _ = dry(str(folder))
    assert "family qwen2.5-vl," in comments[0] and "may want another prompt" in comments[1]


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("sa2va-tiny-qwen2_5", {"architectures": ["Sa2VAChatModelQwen"], "vision_config": {}}, "qwen2.5-vl"),
        (
            "Sa2VA-InternVL3-8B",
            {"architectures": ["Sa2VAChatModelQwen"], "vision_config": {"deepstack_visual_indexes": [1]}},
            "qwen3-vl",
        ),
        ("mine", {"model_type": "sa2va_chat", "llm_config": {}}, ""),
        ("Sa2VA-InternVL3-8B", {"architectures": ["Sa2VAChatModel"], "llm_config": {}}, "internvl3"),
    ],
)
def test_a_mask_models_family_is_what_its_configuration_says(tmp_path, name, config, expected) -> None:
    folder = checkpoint(tmp_path / name)
    (folder / "config.json").write_text(json.dumps(config))
    assert resolve(str(folder), TABLE).family.name == f"sa2va-{expected}".removesuffix("-")


@pytest.mark.parametrize(
    "name",
    ["InternVL-Chat-V1-1", "InternVL-Chat-V1-2-Plus", "InternVL-Chat-V1-5", "InternVL2-8B", "InternVL2-40B",
     "Mini-InternVL-Chat-4B-V1-5", "InternVL3_5-GPT-OSS-20B-A4B-Preview"],
)  # fmt: skip
def test_an_internvl_of_another_template_is_refused_with_the_reason(tmp_path, dry, name) -> None:
    code, _, _, err = dry(f"OpenGVLab/{name}")
    assert code == 2 and "--family NAME serves it all the same" in err and err.count("\n") == 1
    folder = checkpoint(tmp_path / name, "InternVLChatModel")
    assert "--family NAME" in dry(str(folder))[3]
    assert dry(str(folder), "--family", "internvl")[0] == 0


def test_an_old_template_is_seen_in_the_configuration(tmp_path, dry) -> None:
    folder = checkpoint(tmp_path / "renamed", "InternVLChatModel")
    config = {"architectures": ["InternVLChatModel"], "template": "internlm2-chat"}
    (folder / "config.json").write_text(json.dumps(config))
    assert "'internlm2-chat'" in dry(str(folder))[3]
    (folder / "config.json").write_text(json.dumps(config | {"template": "internvl2_5"}))
    assert dry(str(folder))[0] == 0


@pytest.mark.parametrize(
    ("given", "model"),
    [("OpenGVLab/InternVL2-5-8B-MPO", "OpenGVLab/InternVL2_5-8B-MPO"),
     ("internvl3.5-8b", "OpenGVLab/InternVL3_5-8B"), ("SpaceR-SFT-3B", "RUBBISHLIKE/SpaceR-SFT-3B"),
     ("Sa2VA-Qwen3-VL-2B", "ByteDance/Sa2VA-Qwen3-VL-2B"),
     ("LLaVA-One-Vision-1.5-8B-Instruct", "lmms-lab/LLaVA-One-Vision-1.5-8B-Instruct")],
)  # fmt: skip
def test_a_models_other_spellings_are_its_id(given, model, dry) -> None:
    assert dry(given)[2][0].startswith(f"# {model.replace('One-Vision', 'OneVision')}: ") or (
        dry(given)[2][0].startswith(f"# {model}: ")
    )


def test_flags_of_the_gateway_are_taken_by_the_one_line(tmp_path, dry) -> None:
    _, commands, _, _ = dry(
        "ByteDance/Sa2VA-4B", "--cache-gb", "8", "--max-queue", "9", "--skip-self-test", "--dtype", "float32"
    )
    gateway = commands[-1]
    assert (flag(gateway, "--cache-gb"), flag(gateway, "--max-queue")) == ("8.0", "9")
    assert "--skip-self-test" in gateway and flag(gateway, "--dtype") == "float32"
    assert "--image-size" not in gateway
    code, _, _, err = dry("Qwen/Qwen3-VL-8B-Instruct", "--cache-gb", "8")
    assert code == 2 and "--cache-gb is for models that give masks" in err


def test_a_split_is_not_written_beside_somebody_elses_checkpoint(tmp_path, dry, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = checkpoint(tmp_path / "theirs" / "sa2va")
    (folder / "config.json").write_text(json.dumps({"model_type": "sa2va_chat", "llm_config": {}}))
    _, (split, *_), _, _ = dry(str(folder))
    assert split[-2] == str(folder) and split[-1].startswith(str(tmp_path / "cache"))
    _, (split, *_), _, _ = dry(str(folder), "--split-dir", str(tmp_path / "mine"))
    assert split[-1] == str(tmp_path / "mine")


def test_a_key_comes_from_the_environment_and_is_never_shown(dry, monkeypatch) -> None:
    monkeypatch.setenv("MY_KEY", "hunter2-secret")
    _, commands, comments, _ = dry("ByteDance/Sa2VA-4B", "--api-key-env", "MY_KEY")
    engine, gateway = commands[-2:]
    assert "VLLM_API_KEY=$MY_KEY" in engine and flag(gateway, "--api-key-env") == "MY_KEY"
    assert flag(shlex.split(comments[-1]), "--api-key-env") == "MY_KEY"
    _, (command,), comments, _ = dry("Qwen/Qwen3-VL-8B-Instruct", "--", "--api-key", "hunter2-secret")
    shown = json.dumps([commands, command, comments])
    assert "hunter2" not in shown
    assert (
        "command line only"
        in dry("Qwen/Qwen3-VL-8B-Instruct", "--engine", "sglang", "--api-key-env", "MY_KEY")[3]
    )
    assert "is not set" in dry("Qwen/Qwen3-VL-8B-Instruct", "--api-key-env", "NOT_THERE")[3]


def test_a_server_without_a_key_that_is_open_to_others_says_so(dry) -> None:
    open_to_all = ("Qwen/Qwen3-VL-8B-Instruct", "--host", "0.0.0.0")
    assert any("may ask; --api-key-env" in line for line in dry(*open_to_all)[2])
    assert not any("may ask" in line for line in dry(*open_to_all, "--", "--api-key", "K")[2])
    assert not any("may ask" in line for line in dry("Qwen/Qwen3-VL-8B-Instruct")[2])


def test_a_number_of_tiles_is_a_number(dry) -> None:
    for text in ("0", "x", "-2", "1.5", "99999"):
        with pytest.raises(SystemExit):
            dry("OpenGVLab/InternVL3-8B", "--tiles", text)
