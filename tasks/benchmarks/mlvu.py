"""MLVU, long videos: the multiple choice of its dev set and of its test set."""

from __future__ import annotations

from dataclasses import replace

from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.readers import mlvu
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

_METRIC = 'the letter before the first ")" is the gold letter; M-Avg: mean over the tasks'
_PROMPT = "{video}\nQuestion: {question}\nOptions:\n{options}\n" + mlvu.CLOSING
_FOLDERS = ("", "MLVU_Test/", "data/MLVU_Test/")
DEV_LAYOUTS = (
    Layout(
        "a JSON file per task",
        ("MLVU/json", "json", "data/MLVU/json", "MLVU"),
        mlvu.dev,
        mlvu.DEV_FILES,
    ),
)
TEST_LAYOUTS = (
    Layout(
        "questions with answers",
        tuple(f"{folder}test-ground-truth/test_mcq_gt.json" for folder in _FOLDERS),
        mlvu.test,
    ),
    Layout(
        "the leaderboard's questions",
        tuple(
            f"{folder}{inside}test_question.json" for folder in _FOLDERS for inside in ("", "test-question/")
        ),
        mlvu.test,
    ),
)
MLVU = Benchmark(
    name="mlvu",
    title="MLVU dev, multiple choice",
    family="video choice",
    scorers={"text": "mlvu"},
    read=reader_of("mlvu", DEV_LAYOUTS),
    prompt=_PROMPT,
    headline="M-Avg",
    metric=_METRIC,
    reference="JUNJIE99/MLVU evaluation/multiple_choice_evaluation/choice_bench.py",
    files=needed(DEV_LAYOUTS),
    profiles=("official", "vlmevalkit"),
    aliases=("MLVU_MCQ", "mlvu_dev"),
)
MLVU_TEST = replace(
    MLVU,
    name="mlvu-test",
    title="MLVU test, multiple choice",
    read=reader_of("mlvu-test", TEST_LAYOUTS),
    reference="JUNJIE99/MLVU evaluation_test/test_bench.py",
    files=needed(TEST_LAYOUTS),
    aliases=("mlvu_test",),
    submission="mlvu",
)
