"""Exports, each read back as its readers read it: by the tool itself, its schema, or our own reader of it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import sightbench
from sightbench.errors import UsageError
from sightbench.evaluation.export import export
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run, open_run
from sightbench.tasks import catalog
from tests.evaluation.test_compare import data
from tests.faults.server import Request, Response, completion, error, serving
from tests.tasks import formats

COUNT = 12


def script(request: Request, number: int) -> Response:
    """One request fails, one answer has nothing to read, the rest are B (right)."""
    if number == 3:
        return error(400, "this image cannot be read")
    return Response(body=completion("perhaps" if number == 5 else "B"))


@pytest.fixture
async def run(tmp_path: Path) -> Run:
    data(tmp_path / "data", COUNT)
    async with serving(script, models=("Org/tiny",)) as server:
        options = sightbench.Options(
            endpoint=server.url, model="Org/tiny", task="MMStar", data=tmp_path / "data", out=tmp_path / "run"
        )
        return await asyncio.to_thread(sightbench.evaluate, options)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lmms_evals_files_hold_the_answers_and_the_numbers(run: Run, tmp_path: Path) -> None:
    results, samples = (entry.path for entry in export(run, "lmms-eval", tmp_path / "out"))
    assert results.parent.name == "Org__tiny" and results.name.endswith("_results.json")
    headline = run.summary.benchmarks[0].headline
    numbers = json.loads(results.read_text())
    task = numbers["results"]["MMStar"]
    assert task["accuracy,none"] == pytest.approx(headline.value / 100)
    assert task["accuracy_stderr,none"] == pytest.approx(headline.stderr / 100)
    assert numbers["n-samples"]["MMStar"] == {"original": COUNT, "effective": COUNT}
    assert {"group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "config"} <= set(numbers)
    lines = read_lines(samples)
    assert [line["doc_id"] for line in lines] == list(range(COUNT))
    failed = [line for line in lines if line["filtered_resps"].startswith("[LMMS_EVAL_REQUEST_FAILED")]
    assert len(failed) == 1 and failed[0]["accuracy"] is None
    again = score(import_predictions("MMStar", tmp_path / "data", samples, tmp_path / "again", None).run)
    assert again.summary.benchmarks[0].headline.value == headline.value
    assert again.summary.benchmarks[0].coverage.errors == {"imported_failure": 1}


def test_the_hubs_yaml_has_what_the_hub_requires(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--dataset"):
        export(run, "hf", tmp_path / "out")
    (entry,) = export(run, "hf", tmp_path / "out", datasets=["Lin-Chen/MMStar:val"])
    assert entry.path == tmp_path / "out" / ".eval_results" / "MMStar.yaml"
    (result,) = yaml.safe_load(entry.path.read_text())
    assert result["dataset"] == {"id": "Lin-Chen/MMStar", "task_id": "val"}
    assert result["value"] == pytest.approx(run.summary.benchmarks[0].headline.value, abs=0.01)
    assert f"{COUNT - 1} of {COUNT} answered" in result["notes"]
    with pytest.raises(UsageError, match="write ORGANISATION/NAME"):
        export(run, "hf", tmp_path / "out", datasets=["MMStar"])


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The two schemas out of the package every-eval-ever, which itself wants a newer Python than ours."""
    names = ("eval.schema.json", "instance_level_eval.schema.json")
    found = importlib.util.find_spec("every_eval_ever")
    if found is not None and found.origin:
        folder = Path(found.origin).parent / "schemas"
        return {name: json.loads((folder / name).read_text()) for name in names}
    root = tmp_path_factory.mktemp("wheel")
    fetch = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--quiet"]
    fetch += ["--retries", "0", "--timeout", "5", "--dest", str(root), "every-eval-ever==0.3.0"]
    if subprocess.run(fetch, capture_output=True).returncode:
        pytest.skip("the schema of every-eval-ever 0.3.0 cannot be had here")
    with zipfile.ZipFile(next(root.glob("*.whl"))) as wheel:
        return {name: json.loads(wheel.read(f"every_eval_ever/schemas/{name}")) for name in names}


def test_every_eval_evers_files_fit_its_schemas(run: Run, tmp_path: Path, schemas: dict[str, Any]) -> None:
    import jsonschema

    log, samples = (
        entry.path for entry in export(run, "every-eval-ever", tmp_path / "out", organization="Us")
    )
    content, lines = json.loads(log.read_text()), read_lines(samples)
    jsonschema.validate(content, schemas["eval.schema.json"])
    for line in lines:
        jsonschema.validate(line, schemas["instance_level_eval.schema.json"])
    assert log.relative_to(tmp_path / "out").parts[:4] == ("data", "MMStar", "Org", "tiny")
    assert samples.name == f"{log.stem}_samples.jsonl"
    headline = run.summary.benchmarks[0].headline
    first = content["evaluation_results"][0]
    assert first["score_details"]["score"] == headline.value
    assert first["score_details"]["uncertainty"]["num_samples"] == headline.n
    # What failed is no wrong answer: it is in no line.
    assert len(lines) == content["detailed_evaluation_results"]["total_rows"] == COUNT - 1
    assert {line["evaluation_id"] for line in lines} == {content["evaluation_id"]}
    assert sum(line["evaluation"]["is_correct"] for line in lines) == COUNT - 2
    again = [entry.path for entry in export(run, "every-eval-ever", tmp_path / "out")]
    assert again == [log, samples], "writing it again replaces it"


READ_BACK = """
import json, sys
from inspect_ai.log import read_eval_log
log = read_eval_log(sys.argv[1])
scores = log.results.scores[0].metrics
print(json.dumps({
    "status": log.status, "model": log.eval.model, "task": log.eval.task,
    "value": scores["accuracy"].value, "names": list(scores),
    "samples": [[s.id, s.output.completion, None if s.scores is None else s.scores["score"].value,
                 None if s.error is None else s.error.message, s.target] for s in log.samples]}))
"""


def test_inspect_opens_the_log(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    # In a process of its own: its imports warn, and here warnings are errors.
    command = [sys.executable, "-m", "sightbench", "export", str(run.folder), "--format", "inspect"]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (log,) = (tmp_path / "out").glob("*.eval")
    read = subprocess.run([sys.executable, "-c", READ_BACK, str(log)], capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout)
    assert (found["status"], found["model"], found["task"]) == ("cancelled", "Org/tiny", "MMStar")
    assert found["value"] == pytest.approx(run.summary.benchmarks[0].headline.value / 100)
    assert len(found["samples"]) == COUNT
    failed = [sample for sample in found["samples"] if sample[3] is not None]
    assert len(failed) == 1 and failed[0][2] is None and "cannot be read" in failed[0][3]
    assert sum(sample[2] or 0 for sample in found["samples"]) == COUNT - 2


def test_half_of_the_marks_is_not_correct_and_a_run_without_a_number_says_so(tmp_path: Path) -> None:
    tree = formats.make("vlabench", tmp_path / "data")
    (selection,) = catalog.resolve(["vlabench"])
    ids = [sample.id for sample in catalog.read(selection, tree)]
    steps = [
        {"name": "pick", "params": {"target_entity_name": 1}},
        {"name": "place", "params": {"target_container_name": 2}},
    ]
    said = [f"```json\n{json.dumps(steps[: 1 + at % 2])}\n```" for at in range(len(ids))]
    for name, texts in (("run", said), ("none", ["Failed to obtain answer via API"] * len(ids))):
        rows = [{"id": id, "prediction": text} for id, text in zip(ids, texts, strict=True)]
        file = formats.lines(tmp_path / "answers.jsonl", rows)
        score(import_predictions("vlabench", tree, file, tmp_path / name, None).run)
    _, samples = (entry.path for entry in export(open_run(tmp_path / "run"), "every-eval-ever"))
    correct = [line["evaluation"]["is_correct"] for line in read_lines(samples)]
    assert correct == [False, True] * (len(ids) // 2)
    for form in ("every-eval-ever", "hf"):
        with pytest.raises(UsageError, match="none has no number to write"):
            export(open_run(tmp_path / "none"), form, datasets=["a/b"])
