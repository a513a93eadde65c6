"""The command as a user meets it: exit codes, one clear line for a mistake, runs that continue."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import paths

SHARED = paths.SHARED / "data"
OSVOS = {"camel": 0.8399891887733565, "goat": 0.743289447906957, "libby": 0.5960223035916714}


@pytest.fixture
def dataset(tmp_path) -> Path:
    """A tiny Dyn-Bench layout: one scene, two frames, one question of each kind, one object."""
    root = tmp_path / "data"
    frames, masks, questions = (
        root / "frames/d/scene",
        root / "masks/d/scene",
        root / "multi_json/d",
    )
    for folder in (frames, masks, questions):
        folder.mkdir(parents=True)
    for index in range(2):
        Image.fromarray(np.full((48, 64, 3), 80 * index, np.uint8)).save(frames / f"frame_{index:04d}.jpg")
        mask = np.zeros((48, 64), np.uint8)
        mask[10:30, 10:40] = 255
        Image.fromarray(mask).save(masks / f"frame_{index:04d}_obj1.png")
    question = {"question": "Which?", "options": ["A. this", "B. that"], "answer": "A"}
    (questions / "scene_qa.json").write_text(json.dumps([question]))
    (questions / "scene_objmask.json").write_text(json.dumps({"object_1": {"question": "Segment it."}}))
    return root


def test_saved_masks_become_a_run_with_the_published_scores(run, tmp_path) -> None:
    data = SHARED / "davis_mini"
    if not data.is_dir():
        pytest.skip("the shared data folder beside the checkout is absent")
    code, out, _ = run(
        "import", "--task", "dynbench", "--data", data, "--masks", data / "predictions/osvos", "--out", "RUN"
    )
    assert code == 0
    assert "76.7" in out
    imported = Path("RUN/scores.jsonl").read_bytes()
    scores = {
        score["sample"].split("/")[1]: score["value"] for score in map(json.loads, imported.splitlines())
    }
    assert {scene: scores[scene] for scene in OSVOS} == OSVOS
    assert run("score", "RUN")[0] == 0
    assert Path("RUN/scores.jsonl").read_bytes() == imported
    assert run("export", "RUN", "--format", "dynbench")[0] == 0
    again = run("import", "--data", data, "--masks", "RUN/dynbench/mask_details", "--out", "AGAIN")
    assert again[0] == 0
    assert Path("AGAIN/scores.jsonl").read_bytes() == imported


def test_a_mask_of_another_size_is_scored_resized_and_told(run, dataset, tmp_path) -> None:
    masks = tmp_path / "saved/scene"
    masks.mkdir(parents=True)
    for index in range(2):
        mask = np.zeros((24, 32), np.uint8)
        mask[5:15, 5:20] = 1
        Image.fromarray(mask).save(masks / f"frame_{index:04d}_obj1.png")
    code, _, _ = run("import", "--data", dataset, "--masks", tmp_path / "saved", "--out", "RUN")
    assert code == 0
    score = json.loads(Path("RUN/scores.jsonl").read_text())
    assert score["value"] == 1.0
    assert any("another size" in note for note in score["detail"]["notes"])


def test_another_form_of_dyn_benchs_masks_is_refused_with_the_one_there_is(run, dataset, tmp_path) -> None:
    shutil.copytree(dataset / "masks/d/scene", tmp_path / "saved/scene")
    assert run("import", "--data", dataset, "--masks", tmp_path / "saved", "--out", "RUN")[0] == 0
    code, _, err = run("export", "RUN", "--format", "pngs")
    assert (code, "--format dynbench" in err, err.count("\n")) == (2, True, 1)
    code, _, err = run("export", "RUN", "--format", "submission")
    assert (code, "no benchmark of it goes to an evaluation server; " in err) == (2, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "scores.jsonl: No such file or directory; `bench.py score RUN` writes it"),
        ("{", "scores.jsonl:1: Input data was truncated; `bench.py score RUN` writes it again"),
    ],
)
def test_a_run_without_its_scores_names_the_command_that_writes_them(run, dataset, content, words) -> None:
    assert run("import", "--data", dataset, "--masks", dataset / "masks/d", "--out", "RUN")[0] == 0
    Path("RUN/scores.jsonl").unlink()
    if content is not None:
        Path("RUN/scores.jsonl").write_text(content)
    code, _, err = run("plan", "RUN")
    assert (code, words in err, err.count("\n")) == (1, True, 1)


def test_a_sample_without_saved_masks_is_named_and_in_no_number(run, dataset, tmp_path) -> None:
    shutil.copytree(dataset / "masks/d/scene", tmp_path / "saved/scene")
    more = {"object_1": {"question": "Segment it."}, "object_2": {"question": "Segment the other."}}
    (dataset / "multi_json/d/scene_objmask.json").write_text(json.dumps(more))
    code, out, err = run("import", "--data", dataset, "--masks", tmp_path / "saved", "--out", "RUN")
    assert code == 1
    assert "1 of 2 samples have no saved masks: d/scene/objmask/object_2" in err
    assert "100.0" in out
    assert "1 of 2 answered" in out


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--task", "nonsense"), "no task named 'nonsense'"),
        (("--data", "nowhere"), "there is no such folder"),
        (("--concurrency", "many"), "a number from 1 on, or auto"),
        (("--extra-body", "{"), "--extra-body is not JSON"),
        (("--header", "nonsense"), "--header: write NAME:VALUE"),
        (("--header", "X-Key: $NO_SUCH_VARIABLE"), "the environment has no variable NO_SUCH_VARIABLE"),
        (("--shard", "4/4"), "write i/n with 0 <= i < n"),
        (("--profile", "lmms_eval"), "has no profile 'lmms_eval'"),
        (("--calibrate", "5"), "--calibrate goes with --dry-run"),
        (("--metric", "anls"), "--metric is for a set of your own"),
        (("--prices", "nowhere.yaml"), "--prices nowhere.yaml: No such file or directory"),
        (("--prices", "nowhere.yaml", "--dry-run"), "--prices nowhere.yaml: No such file or directory"),
        (("--task", "./nowhere.tsv"), "--task nowhere.tsv: there is no such file or folder; a set"),
    ],
)
def test_a_wrong_flag_is_one_line_and_code_2(run, dataset, args, line) -> None:
    given = {"--data": dataset, "--endpoint": "http://127.0.0.1:9/v1"}
    flags = [item for name, value in given.items() if name not in args for item in (name, value)]
    code, _, err = run(*flags, *args)
    assert (code, line in err, err.count("\n")) == (2, True, 1)


def test_an_endpoint_nobody_serves_is_one_line_and_code_1(run, dataset) -> None:
    code, _, err = run("--endpoint", "http://127.0.0.1:9/v1", "--data", dataset)
    assert code == 1
    assert "127.0.0.1:9" in err
    assert "cannot be reached" in err


def test_a_broken_dataset_stops_before_anything_is_asked(run, dataset) -> None:
    (dataset / "multi_json/d/scene_cameraqa.json").write_text("[{")
    shutil.rmtree(dataset / "frames/d/scene")
    code, _, err = run("import", "--data", dataset, "--masks", dataset, "--out", "RUN")
    assert code == 1
    assert "frames" in err
    assert not Path("RUN/replies.jsonl").exists()


def test_a_folder_that_is_no_run_is_refused(run, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("score", "empty")
    assert code == 1
    assert "is no run folder" in err


def test_a_run_folder_of_another_model_is_refused_and_kept(run, dataset) -> None:
    flags = ("import", "--data", dataset, "--masks", dataset / "masks/d", "--out", "RUN")
    assert run(*flags, "--model", "one")[0] == 0
    before = Path("RUN/replies.jsonl").read_bytes()
    code, _, err = run(*flags, "--model", "two")
    assert code == 1
    assert "model was one, now two" in err
    assert Path("RUN/replies.jsonl").read_bytes() == before


def test_a_config_file_takes_the_flags_names(run, dataset, tmp_path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"data: {dataset}\nendpoint: [http://127.0.0.1:9/v1]\ntask: [nonsense]\n")
    assert "no task named 'nonsense'" in run("--config", config)[2]
    assert "no task named 'other'" in run("--config", config, "--task", "other")[2]
    config.write_text("tempratur: 1\n")
    code, _, err = run("--config", config)
    assert code == 2
    assert "did you mean 'temperature'" in err
    config.write_text("api_key: sk-secret-secret\n")
    code, _, err = run("--config", config)
    assert code == 2
    assert "sk-secret" not in err


def test_grade_is_a_filter_and_a_bad_line_spoils_no_other(run) -> None:
    lines = (
        '{"prediction": "A.", "gold": "A", "id": 1}',
        "nonsense",
        "",
        '{"prediction": "(A)", "gold": "A"}',
        '{"gold": "A"}',
    )
    code, out, _ = run("grade", "--metric", "dynbench_qa", stdin="\n".join(lines))
    first, second, third, fourth = map(json.loads, out.splitlines())
    assert code == 1
    assert (first["id"], first["score"], first["parsed"]) == (1, 1.0, "A")
    assert second["line"] == 2
    assert third["score"] == 0.0
    assert fourth["error"] == "missing field prediction"
    assert fourth["line"] == 5


def test_grade_explains_a_metric_and_refuses_unknown_ones(run) -> None:
    code, out, _ = run("grade", "--metric", "anls", "--help")
    assert code == 0
    assert "prediction" in out
    assert "internvl" in out
    code, _, err = run("grade", "--metric", "nonsense", stdin="")
    assert code == 2
    assert "no metric 'nonsense'" in err


def test_answers_of_another_tool_become_a_run(run, dataset, tmp_path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "d/scene/qa/0", "prediction": "A"}\n')
    code, out, _ = run(
        "grade", "--task", "objqa", "--data", dataset, "--predictions", answers, "--out", "RUN"
    )
    assert code == 0
    assert "100.0" in out
    answers.write_text('{"id": "d/scene/qa/0", "prediction": "Failed to obtain answer via API."}\n')
    code, out, _ = run(
        "grade", "--task", "objqa", "--data", dataset, "--predictions", answers, "--out", "FAILED"
    )
    assert code == 1
    assert "0 of 1 answered (1 imported_failure)" in out


def test_tasks_lists_and_shows(run, dataset) -> None:
    code, out, _ = run("tasks")
    assert code == 0
    assert "dynbench" in out
    code, out, _ = run("tasks", "dynbench", "--data", dataset)
    assert code == 0
    assert "Answer with the option's letter from the given choices directly." in out


def test_questions_alone_need_no_masks(run, dataset, baseline) -> None:
    shutil.rmtree(dataset / "masks")
    code, out, _ = run("--endpoint", baseline, "--data", dataset, "--task", "qa", "--out", "RUN", "--quiet")
    assert code == 0
    assert "QA accuracy" in out


def test_a_dry_run_shows_the_plan_and_sends_nothing(run, dataset) -> None:
    flags = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "M", "--data", dataset, "--dry-run")
    code, out, _ = run(*flags)
    assert code == 0
    assert "total" in out
    assert '"text": "Which?\\nA. this\\nB. that\\nAnswer with' in out
    assert "nothing was sent" in out
    assert not Path("runs").exists()


def test_grading_a_changed_file_grades_what_is_in_it_now(run, dataset, tmp_path) -> None:
    answers = tmp_path / "answers.jsonl"
    flags = ("grade", "--task", "objqa", "--data", dataset, "--predictions", answers, "--out", "RUN")
    answers.write_text('{"id": "d/scene/qa/0", "prediction": "B"}\n')
    assert " 0.0" in run(*flags)[1]
    answers.write_text('{"id": "d/scene/qa/0", "prediction": "A"}\n')
    assert "100.0" in run(*flags)[1]


def test_answers_that_fit_nothing_leave_nothing_behind(run, dataset, tmp_path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "elsewhere", "prediction": "B"}\n')
    code, _, err = run(
        "grade", "--task", "objqa", "--data", dataset, "--predictions", answers, "--out", "RUN"
    )
    assert code == 2
    assert "none of its ids" in err
    assert not Path("RUN").exists()


def test_unreadable_ground_truth_is_told_in_the_report(run, dataset, tmp_path) -> None:
    shutil.copytree(dataset / "masks/d/scene", tmp_path / "saved/scene")
    (dataset / "masks/d/scene/frame_0001_obj1.png").write_text("nonsense")
    _, out, _ = run("import", "--data", dataset, "--masks", tmp_path / "saved", "--out", "RUN")
    assert "ground truth unreadable for frames [1]" in " ".join(out.split())
