"""What a person meets first: help, lists, hints."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sightbench.commands.grouped_help import FIRST, spread
from sightbench.commands.listing import Column, fitting
from sightbench.families import families
from sightbench.tasks import catalog
from tests.conftest import Command
from tests.paths import ROOT
from tests.tasks import formats


def test_help_is_in_sections_and_has_every_flag_once(run: Command) -> None:
    code, out, _ = run("--help")
    assert code == 0
    flags = [line.split()[0].rstrip(",") for line in out.splitlines() if line.startswith("  -")]
    assert flags[: len(FIRST)] == ["--" + name.replace("_", "-") for name in FIRST]
    assert len(set(flags)) == len(flags)
    titles = [line for line in out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles[:3] == ["Most used:", "What to ask:", "Where:"]
    # A value is sent all the same, 0 too.
    assert "Randomness of the answer. [default: 0.0]" in " ".join(out.split())


def test_a_pipe_gets_a_line_a_benchmark_with_tabs(run: Command) -> None:
    lines = run("tasks")[1].splitlines()
    assert [line.split("\t")[0] for line in lines] == [one.name for one in catalog.BENCHMARKS]
    lines = run("models")[1].splitlines()
    assert [line.split("\t")[0] for line in lines] == [family.name for family in families()]


def test_lists_as_json(run: Command, tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    listed = json.loads(run("tasks", "--json", "--data", data)[1])
    there = {one["name"] for one in listed if all(needed["there"] for needed in one["files"])}
    assert "MMStar" in there
    assert "mme" not in there
    (sa2va,) = [one for one in json.loads(run("models", "--json")[1]) if one["family"] == "sa2va-qwen3-vl"]
    assert "masks" in sa2va["can"]


def test_a_word_filters_and_a_name_shows(run: Command) -> None:
    out = run("tasks", "mathvista")[1]
    assert out.startswith("mathvista-testmini")
    assert "also: mathvista-test, MathVista_MINI" in out
    names = [line.split("\t")[0] for line in run("tasks", "hallusion")[1].splitlines()]
    assert names and all("hallusion" in name.lower() for name in names)
    code, _, err = run("tasks", "mathvisat")
    assert code == 2
    assert "mathvista" in err
    assert run("models", "nonsense")[0] == 2


def test_what_is_there_is_marked(run: Command, tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    rows = [line.split("\t") for line in run("tasks", "--data", data)[1].splitlines()]
    marked = {row[0]: row[1] for row in rows}
    assert marked["MMStar"] == "yes"
    assert marked["mme"] == "no"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_name_is_broken_however_narrow_the_terminal(width: int) -> None:
    source = "import bench; bench.main()"
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", source, "tasks"],
        cwd=ROOT,
        stdout=terminal,
        env={"PATH": "/usr/bin", "COLUMNS": str(width), "TERM": "dumb"},
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                block = os.read(main, 65536)
            except OSError:
                break
            if not block:
                break
            shown += block
    os.close(main)
    assert process.returncode == 0
    words = shown.decode().split()
    missing = [one.name for one in catalog.BENCHMARKS if one.name not in words]
    assert not missing


def test_columns_are_left_out_from_the_right() -> None:
    assert fitting([10, 10, 10], 40) == 3
    assert fitting([10, 10, 10], 30) == 2
    assert fitting([100, 10], 30) == 1
    assert (
        Column("x", prose=True).width(
            [["a few words that can be broken"], ["averylongwordthatcannotbebrokenatall"]]
        )
        == 36
    )


def test_tasks_as_people_type_them() -> None:
    assert spread(["--task", "A", "B", "--limit", "3"], ()) == ["--task", "A", "--task", "B", "--limit", "3"]
    assert spread(["--task", "A", "score", "RUN"], ("score",)) == ["--task", "A", "score", "RUN"]
    assert spread(["--task", "A", "--", "B"], ()) == ["--task", "A", "--", "B"]
    assert spread(["score", "--task", "A", "B"], ("score",)) == ["score", "--task", "A", "B"]


def test_several_tasks_after_one_flag_are_asked(run: Command, tmp_path: Path) -> None:
    data = formats.make("MMStar", formats.make("SEEDBench_IMG", tmp_path / "data"))
    flags = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--data", data, "--dry-run")
    code, out, _ = run("--task", "MMStar", "SEEDBench_IMG", *flags)
    assert code == 0
    profiles = next(line for line in out.splitlines() if line.startswith("profiles: "))
    assert "MMStar: " in profiles and "SEEDBench_IMG: " in profiles


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("--task", "nonsense"), "no task named 'nonsense'"),
        (("--task", "MMStar"), "give --data DIR and --endpoint URL"),
        (("--data", "MMStar", "--endpoint", "http://h/v1"), "write --task MMStar"),
        (("MMStar",), "write --task MMStar"),
        (("http://host:8000/v1",), "write --endpoint http://host:8000/v1"),
        (("tsks",), "did you mean tasks?"),
        (("--endpoint", "http://h/v1"), "`bench.py tasks NAME`"),
        (("--limit", "0"), "a number from 1 on"),
        (("--max-tokens", "9" * 5000), "--max-tokens"),
        (("--seed", "9" * 30), "all a request can hold"),
        (("--concurrency", "²"), "a number from 1 on, or auto"),
        (("--tmperature", "1"), "--temperature"),
    ],
)
def test_a_mistake_is_one_line_with_the_right_hint(run: Command, args: tuple[str, ...], hint: str) -> None:
    code, out, err = run(*args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert hint in err
    assert len(err) < 500
    assert not Path("runs").exists()


@pytest.mark.parametrize("typed", ["sightbench", "bench.py", "python -m sightbench"])
def test_messages_name_the_command_that_was_typed(typed: str, tmp_path: Path) -> None:
    command = {
        "sightbench": [str(Path(sys.executable).with_name("sightbench"))],
        "bench.py": [sys.executable, str(ROOT / "bench.py")],
        "python -m sightbench": [sys.executable, "-m", "sightbench"],
    }[typed]
    done = subprocess.run(
        [*command, "--endpoint", "http://h/v1"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"`{typed} tasks NAME`" in done.stderr
