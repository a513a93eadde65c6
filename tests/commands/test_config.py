"""What a config file may hold, and flags that are accepted only where they mean something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from PIL import Image

from sightbench.commands.command import cli
from sightbench.commands.config_file import defaults
from sightbench.errors import UsageError
from tests.hostile import damaged_yaml, generator
from tests.tasks import formats


@pytest.fixture
def flags(tmp_path: Path) -> tuple[object, ...]:
    """A run that sends nothing, on one scene of one question."""
    frames, questions = tmp_path / "data/frames/d/scene", tmp_path / "data/multi_json/d"
    for folder in (frames, questions):
        folder.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(frames / "frame_0000.jpg")
    question = {"question": "Which?", "options": ["A. this", "B. that"], "answer": "A"}
    (questions / "scene_qa.json").write_text(json.dumps([question]))
    return ("--data", tmp_path / "data", "--model", "M", "--dry-run")


HERE = ("--endpoint", "http://127.0.0.1:9/v1")


def test_one_value_serves_a_flag_that_may_be_repeated(run, flags, monkeypatch) -> None:
    monkeypatch.setenv("TEAM", "blue")
    Path("c.yaml").write_text("endpoint: http://127.0.0.1:9/v1\ntask: qa\nheader: X-Team:$TEAM\n")
    code, out, err = run("--config", "c.yaml", *flags)
    assert code == 0 and "error" not in err
    assert "http://127.0.0.1:9/v1" in out
    Path("c.yaml").write_text("endpoint: http://127.0.0.1:9/v1\ntask: nonsense\n")
    assert "no task named 'nonsense'" in run("--config", "c.yaml", *flags)[2]


def test_extra_body_may_be_a_mapping(run, flags) -> None:
    Path("c.yaml").write_text(
        "task: qa\nextra_body:\n  min_p: 0.05\n  chat_template_kwargs: {thinking: false}\n"
    )
    code, out, _ = run("--config", "c.yaml", *HERE, *flags)
    assert code == 0
    assert '"min_p": 0.05' in out and '"thinking": false' in out


@pytest.mark.parametrize(
    "line", ["alias: [a, b]", "header: {X-Team: blue}", "task: [[qa]]", "extra_body: {when: 2024-01-01}"]
)
def test_a_list_or_mapping_where_none_belongs_is_one_line(run, flags, line: str) -> None:
    Path("c.yaml").write_text(line + "\n")
    code, _, err = run("--config", "c.yaml", *HERE, *flags)
    assert (code, err.count("\n")) == (2, 1)
    assert line.partition(":")[0] in err


def test_an_empty_value_is_no_flag(run, flags) -> None:
    Path("c.yaml").write_text("task: qa\nheader:\nextra_body:\nseed:\n")
    assert run("--config", "c.yaml", *HERE, *flags)[0] == 0


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *((flag, value) for flag in ("--temperature", "--timeout", "--top-p") for value in ("nan", "inf")),
        *(("--rpm", "inf"), ("--deadline", "nan"), ("--fps", "inf"), ("--repetition-penalty", "nan")),
        *(("--box-mode", "0-2"), ("--box-mode", "")),
        *(("--extra-body", json.dumps({name: 1})) for name in ("model", "messages", "stream")),
        *(("--extra-body", "[1]"), ("--extra-body", "{")),
    ],
)
def test_a_flag_that_means_nothing_is_refused(run, flags, flag: str, value: str) -> None:
    code, _, err = run(*HERE, *flags, "--task", "qa", flag, value)
    assert code == 2
    last = err.splitlines()[-1]
    assert flag in last and last.lower().startswith("error: ")


@pytest.mark.parametrize("mode", ["auto", "0-1000", "0-1:xywh"])
def test_known_box_modes_are_taken(run, flags, mode: str) -> None:
    assert run(*HERE, *flags, "--task", "qa", "--box-mode", mode)[0] == 0


DYNBENCH = """
datasets: {{repo_name: some/Repo, datasets_path: {data}}}
model: {{model_path: /weights, model_name: Some/Model-8B, device: cuda, torch_dtype: bfloat16}}
task: all
evaluation: {{boundary_threshold: {threshold}}}
result_path: results
"""


def test_dynbenchs_own_config_is_read_by_what_it_means_here(run, flags) -> None:
    data = flags[1]
    Path("c.yaml").write_text(DYNBENCH.format(data=data, threshold=3))
    code, out, err = run("--config", "c.yaml", *HERE, "--dry-run")
    assert code == 0, err
    assert "Some/Model-8B" in out
    Path("c.yaml").write_text(DYNBENCH.format(data=data, threshold=0))
    code, _, err = run("--config", "c.yaml", *HERE, "--dry-run")
    assert code == 2 and "tolerance" in err and err.count("\n") == 1
    Path("c.yaml").write_text(DYNBENCH.format(data=data, threshold=2) + "other: 1\n")
    code, _, err = run("--config", "c.yaml", *HERE, "--dry-run")
    assert code == 2 and "other is none of Dyn-Bench's entries" in err


NAMES = {str(parameter.name) for parameter in cli.params}
CONFIG = """
endpoint: [http://127.0.0.1:9/v1]
model: M
task: [qa]
temperature: 0.5
max_tokens: 5
header: X-Team:blue
extra_body: {min_p: 0.05}
"""


@given(damaged_yaml(CONFIG.strip()))
@generator()
def test_a_damaged_file_is_flags_or_one_line(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "c.yaml").write_bytes(raw)
    try:
        read = defaults(tmp_path / "c.yaml", NAMES, {"endpoint", "task", "header"})
    except UsageError as error:
        assert "--config" in str(error) and "\n" not in str(error) and len(str(error)) < 1000
    else:
        assert read.keys() <= NAMES


@pytest.mark.parametrize(
    "text",
    ["[{}", "model: !!{} x", "header: Authorization: {}", "api_key: {}", "x: *{}", "{}: &a ["],
)
def test_a_broken_file_is_not_quoted_with_the_key_in_it(run, flags, text: str) -> None:
    Path("c.yaml").write_text(text.format("sk-secret-abcdef-123456"))
    code, out, err = run("--config", "c.yaml", *HERE, *flags)
    assert code == 2 and err.count("\n") == 1 and "--config c.yaml" in err
    assert "secret" not in out + err


SEVERAL = """
task: MMStar
data: data
out: runs
models:
  - model: pixel-baseline
    endpoint: {url}
    alias: first
  - {{model: pixel-baseline, endpoint: {url}, alias: second, max_tokens: 7}}
"""


def test_several_models_run_one_after_the_other_into_one_table(run, baseline, tmp_path) -> None:
    formats.make("MMStar", tmp_path / "data")
    Path("c.yaml").write_text(SEVERAL.format(url=baseline))
    code, out, err = run("--config", "c.yaml", "--quiet", "--limit", 2)
    assert code == 0, err
    (header,) = [line for line in out.splitlines() if line.startswith("|") and "first" in line]
    assert "|" in header
    requests = {
        name: json.loads(Path(f"runs/{name}/run.json").read_text())["request"].get("max_tokens")
        for name in ("first", "second")
    }
    assert requests == {"first": None, "second": 7}


def test_models_of_one_server_are_a_list_and_one_on_the_line_goes_before(run, tmp_path) -> None:
    formats.make("MMStar", tmp_path / "data")
    Path("c.yaml").write_text("task: MMStar\ndata: data\nmodel: [A, B]\n")
    code, out, _ = run("--config", "c.yaml", *HERE, "--dry-run")
    assert code == 0 and [line[0] for line in out.splitlines() if " at http" in line] == ["A", "B"]
    _, out, _ = run("--config", "c.yaml", *HERE, "--dry-run", "--model", "C")
    assert [line[0] for line in out.splitlines() if " at http" in line] == ["C"]
    Path("c.yaml").write_text("task: MMStar\ndata: data\nmodels:\n  - endpoint: x\n")
    code, _, err = run("--config", "c.yaml", *HERE, "--dry-run")
    assert code == 2 and "each of several models is a name, or flags with a model" in err
