"""run.json: one reader, whatever is in the file; folders of 0.1 go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from sightbench.errors import RunFolderError
from sightbench.evaluation import run_record
from sightbench.evaluation.run import open_run
from sightbench.evaluation.run_record import DatasetRecord, RunRecord
from tests.conftest import Command
from tests.hostile import generator, mutated

THEN = Path(__file__).parent / "run_of_0_1"
DAMAGED = {
    "empty": b"",
    "cut": (THEN / "run.json").read_bytes()[:300],
    "a list": b"[]",
    "null": b"null",
    "nested": b"[" * 100_000,
    "nested in a field": b'{"model":"m","benchmarks":[],"request":' + b'{"a":' * 100_000,
    "not UTF-8": b'{"model": "\xff\xfe", "benchmarks": []}',
    "benchmarks are no list": b'{"model": "m", "benchmarks": {"name": "dynbench"}}',
    "benchmarks are numbers": b'{"model": "m", "benchmarks": [1]}',
    "a benchmark without a name": b'{"model": "m", "benchmarks": [{"profile": "p", "data": "d"}]}',
    "no model": b'{"benchmarks": []}',
    "scoring that means nothing": b'{"model": "m", "benchmarks": [], "scoring": {"box_mode": "sideways"}}',
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data the run of 0.1 was made of: one scene, a question and an object."""
    root = tmp_path / "data"
    folders = [root / kind / "d/scene" for kind in ("frames", "masks")]
    questions = root / "multi_json/d"
    for folder in (*folders, questions):
        folder.mkdir(parents=True)
    for index in range(2):
        Image.new("RGB", (64, 48), (80 * index,) * 3).save(folders[0] / f"frame_{index:04d}.jpg")
        mask = np.zeros((48, 64), np.uint8)
        mask[10:30, 10:40] = 255
        Image.fromarray(mask).save(folders[1] / f"frame_{index:04d}_obj1.png")
    question = {"question": "Which?", "options": ["A. this", "B. that"], "answer": "A"}
    (questions / "scene_qa.json").write_text(json.dumps([question]))
    (questions / "scene_objmask.json").write_text(json.dumps({"object_1": {"question": "Segment it."}}))
    return root


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_one_line_and_its_replies_stay(content: bytes, run: Command, data: Path) -> None:
    folder = Path("RUN")
    shutil.copytree(THEN, folder)
    (folder / "run.json").write_bytes(content)
    for command in (
        ("score", folder, "--data", data),
        ("export", folder, "--format", "dynbench"),
        ("merge", folder, "--out", "MERGED"),
        ("import", "--data", data, "--masks", data / "masks/d", "--out", folder),
    ):
        code, _, err = run(*command)
        assert (code, err.count("\n")) == (1, 1)
        assert "run.json" in err
        assert len(err) < 500
    assert (folder / "replies.jsonl").read_bytes() == (THEN / "replies.jsonl").read_bytes()


def test_a_run_of_0_1_is_scored_to_the_same_bytes_and_read(run: Command, data: Path) -> None:
    shutil.copytree(THEN, "RUN")
    assert run("score", "RUN", "--data", data)[0] == 0
    assert Path("RUN/scores.jsonl").read_bytes() == (THEN / "scores.jsonl").read_bytes()
    opened = open_run("RUN", data)
    assert opened.record.scoring.seed == 7
    assert opened.record.sightbench == "0.1.0"
    assert [score.status for _, _, score in opened] == ["unparsed", "unparsed"]
    assert opened.summary.complete


def test_a_parameter_that_0_1_did_not_have_was_at_its_default(tmp_path: Path) -> None:
    before = run_record.read(THEN)
    request = {name: value for name, value in before.request.items() if name != "top_k"}
    older = RunRecord(model=before.model, benchmarks=before.benchmarks, request=request)
    run_record.refuse_other_run(tmp_path, older, before)
    other = RunRecord(
        model=before.model, benchmarks=before.benchmarks, request={**before.request, "top_k": 5}
    )
    with pytest.raises(RunFolderError, match=r"'top_k': None.*'top_k': 5"):
        run_record.refuse_other_run(tmp_path, older, other)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    dataset = DatasetRecord(name="dynbench", profile="official", data="d", digest="0", tasks=("qa",), limit=3)
    record = RunRecord(model="m", benchmarks=(dataset,), shard=(0, 4), notes=("one",), merged=("a", "b"))
    run_record.write(tmp_path, record)
    assert run_record.read(tmp_path) == record


@given(mutated((THEN / "run.json").read_bytes()))
@generator()
def test_any_damage_is_read_or_refused_in_one_line(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "run.json").write_bytes(raw)
    try:
        record = run_record.read(tmp_path)
        run_record.write(tmp_path, record)
        assert run_record.read(tmp_path) == record
    except RunFolderError as error:
        assert str(error).isprintable() and len(str(error)) < 1000


def test_two_checkpoints_served_under_one_name_do_not_share_a_run(tmp_path: Path) -> None:
    light, full = (
        RunRecord(model="checkpoint-200", benchmarks=(), servers=({"root": f"/out/{name}/checkpoint-200"},))
        for name in ("light", "full")
    )
    with pytest.raises(RunFolderError, match=r"weights were /out/light/.*, now /out/full/.*--same-model"):
        run_record.refuse_other_run(tmp_path, light, full)
    run_record.refuse_other_run(tmp_path, light, full, same_model=True)
    run_record.refuse_other_run(tmp_path, light, light)
