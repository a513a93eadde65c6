"""Every command line the launcher makes, read by the real engines' own parsers: `make test-engines`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from sightbench.families import load
from sightbench.servers import launch
from tests.engines.launching import installed

pytestmark = pytest.mark.engines

PARSE = {
    "vllm": """
import argparse, json, sys
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
ServeSubcommand().subparser_init(parser.add_subparsers(dest="subparser"))
for line in sys.stdin:
    parser.parse_args(json.loads(line)[1:])
    print("accepted")
""",
    "sglang": """
import argparse, json, sys
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser()
ServerArgs.add_cli_args(parser)
for line in sys.stdin:
    parser.parse_args(json.loads(line)[3:])
    print("accepted")
""",
}


def dry_lines(engine: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The engine's part of every dry run of every listed model it has, with all that adds flags."""
    lines = []
    program = {"vllm": "vllm serve", "sglang": "sglang.launch_server"}[engine]
    adapter = ["--lora", "tuned=a/b"]
    for family in load().families:
        for model in family.models:
            asked = "masks" if family.masks and engine == "vllm" else engine
            if asked not in family.serving.engines:
                continue
            for more in (
                [],
                [*adapter, "--tiles", "all", "--gpus", "2"],
                ["--gpus", "0"],
                ["--replicas", "2"],
            ):
                if family.masks and more[:1] == ["--lora"]:
                    continue
                assert launch.main([model, "--engine", asked, "--dry-run", *more]) == 0
                for line in capsys.readouterr().out.splitlines():
                    if not line.startswith("#") and program in line and "run_module.py" not in line:
                        words = shlex.split(line)
                        while "=" in words[0] and not words[0].startswith("/"):
                            words.pop(0)
                        lines.append(words)
    return lines


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_engines_own_parser_takes_every_command_line(
    engine: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    venv: Path = request.getfixturevalue(engine)
    lines = dry_lines(engine, capsys)
    assert len(lines) > 60
    done = subprocess.run(
        [venv / "bin" / "python", "-c", PARSE[engine]],
        input="\n".join(json.dumps(words) for words in lines),
        capture_output=True,
        text=True,
        env={**os.environ, "VLLM_TARGET_DEVICE": "cpu", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("accepted") == len(lines)


def test_the_routers_own_parser_takes_its_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["Qwen/Qwen2.5-VL-7B-Instruct", "--dry-run", "--replicas", "2"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "vllm-router" in line)
    words = shlex.split(line)
    told = subprocess.run(
        [installed("router") / "bin" / "vllm-router", "--help"], capture_output=True, text=True
    ).stdout
    flags = [word for word in words if word.startswith("--")]
    assert flags and all(flag in told for flag in flags)
    assert words[words.index("--policy") + 1] in told
