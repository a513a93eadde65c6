"""Whatever is typed after a flag, the command plans a run or says what is wrong in a line."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightbench.commands.command import cli
from tests.conftest import Command
from tests.hostile import generator

HERE = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "M", "--task", "qa", "--dry-run")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One scene of one question."""
    frames, questions = tmp_path / "data/frames/d/scene", tmp_path / "data/multi_json/d"
    for folder in (frames, questions):
        folder.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(frames / "frame_0000.jpg")
    question = {"question": "Which?", "options": ["A. this", "B. that"], "answer": "A"}
    (questions / "scene_qa.json").write_text(json.dumps([question]))
    return tmp_path / "data"


def planned(run: Command, data: Path, *flags: object) -> str:
    """stderr of a dry run: what is wrong, or a note that the server is away."""
    code, out, err = run("--data", data, *HERE, *flags)
    assert code in (0, 1, 2) and "Traceback" not in out + err
    assert code == 0 or "error: " in err, (flags, out)
    return err


def test_the_plain_line_plans_a_run(run: Command, data: Path) -> None:
    assert planned(run, data).startswith("note: ")


@pytest.mark.parametrize(
    "flag", ["--max-tokens", "--seed", "--top-k", "--frames", "--limit", "--concurrency", "--max-pixels"]
)
@pytest.mark.parametrize("value", [2**63, 2**64, 10**30, -(2**70), "9" * 5000, "²", "١", "1e3", "", "nan"])
def test_a_number_that_is_none_of_use_is_one_line(run: Command, data: Path, flag: str, value: object) -> None:
    assert len(planned(run, data, flag, value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--shard", f"{2**70}/{2**71}", "--shard"),
        ("--shard", "²/3", "--shard"),
        ("--timeout", "1e-9", "--timeout"),
        ("--extra-body", "[" * 100_000, "--extra-body"),
        ("--extra-body", '{"a":' * 2000 + "1" + "}" * 2000, "--extra-body"),
        ("--extra-body", '{"a": 1e999}', "--extra-body"),
    ],
)
def test_what_cannot_be_meant_names_its_flag(
    run: Command, data: Path, flag: str, value: str, words: str
) -> None:
    said = planned(run, data, flag, value)
    assert words in said and len(said) < 1000


FLAGS = {
    parameter.opts[0]: parameter
    for parameter in cli.params
    if isinstance(parameter, click.Option) and not parameter.is_flag and "--config" not in parameter.opts
}
# What would read another folder, or ask a server.
CHOSEN = sorted(FLAGS.keys() - {"--data", "--endpoint", "--out", "--dry-run", "--calibrate"})
VALUES = (
    *("", " ", "0", "-1", "1", "2", "nan", "inf", "1e999", "9" * 400, "²", "[/red]", "\x1b[31m", "\udcff"),
    *("A=B", "../..", "a/b/c", "0/0", "1:2", "{}", "[]", '{"a": [1]}', "null", "auto", "all", "4,8"),
    *("$HOME", "X-Team:blue", ":"),
)  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(CHOSEN), st.sampled_from(VALUES) | st.text(max_size=9)), max_size=3)
)
@generator(60)
def test_any_values_plan_a_run_or_are_refused(run: Command, data: Path, flags: list[tuple[str, str]]) -> None:
    planned(run, data, *(part for flag, value in flags for part in (flag, value.replace("\0", " "))))


@pytest.mark.parametrize(
    ("command", "flag", "value"),
    [
        *(("compare", "--margin", value) for value in ("nan", "inf", "1e999", "-1")),
        *(("plan", "--difference", value) for value in ("nan", "inf", "0")),
        *((command, "--seed", "-1") for command in ("compare", "leaderboard", "review")),
    ],
)
def test_a_study_refuses_a_number_of_no_use(
    run: Command, tmp_path: Path, command: str, flag: str, value: str
) -> None:
    (tmp_path / "RUN").mkdir()
    code, out, err = run(command, flag, value, "RUN", "RUN")
    assert code == 2 and out == "" and err.startswith(f"error: Invalid value for '{flag}'"), err


def test_a_price_above_which_to_ask_is_a_number(run: Command, data: Path) -> None:
    assert "--confirm-above" in planned(run, data, "--confirm-above", "nan")
