"""Data trees as the documents of the references list them, with their spellings of files and folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sightbench.errors import UsageError
from sightbench.sample import Sample
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems
from tests.tasks import formats


def read(name: str, root: Path) -> list[Sample]:
    (selection,) = catalog.resolve([name])
    problems = Problems()
    samples = list(catalog.read(selection, root, None, problems))
    assert not problems.broken
    return samples


def moved(root: Path, old: str, new: str) -> None:
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(root / old, root / new)


def seed_release(root: Path) -> None:
    shutil.rmtree(root / "data/SEED")
    formats.put(root / "data/SEED/SEED-Bench-image/1_2", formats.picture())
    common = {"question": "Which?", **{f"choice_{letter}": letter * 3 for letter in "abcd"}, "answer": "B"}
    image = {**common, "question_id": "101", "question_type_id": 1, "data_type": "image", "data_id": "1_2"}
    video = {**image, "question_id": "102", "data_type": "video", "data_id": "ssv2_1"}
    content = {"question_type": {"Scene Understanding": 1}, "questions": [image, video]}
    formats.put(root / "data/SEED/SEED-Bench.json", content)


def math_annotations(root: Path) -> None:
    shutil.rmtree(root / "MathVista")
    formats.put(root / "data/MathVista/images/7.jpg", formats.picture(7))
    row = {
        "pid": "7",
        "question": "How long?",
        "image": "images/7.jpg",
        "query": "Hint: Please answer.\nQuestion: How long?",
        "answer": "1.2",
        "question_type": "free_form",
        "answer_type": "float",
        "precision": 1.0,
        "metadata": {"task": "geometry"},
    }
    formats.put(root / "data/MathVista/annot_testmini.json", {"7": row})


def move(old: str, new: str) -> Callable[[Path], None]:
    return lambda root: moved(root, old, new)


SPELLINGS: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("vqa-ai2d-test", move("data/ai2diagram/test_vlmevalkit.jsonl", "data/ai2diagram/test.jsonl")),
    (
        "vqa-gqa-testdev",
        move("data/gqa/llava_gqa_testdev_balanced_qwen_format.jsonl", "data/gqa/testdev_balanced.jsonl"),
    ),
    ("mme", move("data/mme/MME_Benchmark_release_version", "data/mme/MME_Benchmark_release")),
    ("mmmu-val", move("MMMU", "data/mmmu")),
    ("mathvista-testmini", math_annotations),
    ("seed", seed_release),
    ("mmsi_bench", move("mmsi_bench.tsv", "annotations/MMSI_bench.tsv")),
    ("mmsi_bench", move("mmsi_bench.tsv", "data/annotations/MMSI_bench.tsv")),
    ("MMStar", move("MMStar.tsv", "LMUData/MMStar.tsv")),
)


@pytest.mark.parametrize(("name", "spell"), SPELLINGS)
def test_every_spelling_of_a_references_document_is_read(
    name: str, spell: Callable[[Path], None], tmp_path: Path
) -> None:
    formats.make(name, tmp_path)
    before = read(name, tmp_path)
    spell(tmp_path)
    after = read(name, tmp_path)
    assert after and [sample.gold for sample in after][:1] == [before[0].gold]


@pytest.mark.parametrize("name", ["egoexo_bench", "mmscan_2d", "mmsi_bench", "ost_bench"])
def test_the_folder_that_holds_data_will_do_for_internsr(name: str, tmp_path: Path) -> None:
    formats.make(name, tmp_path / "data")
    for table in list((tmp_path / "data").glob("*.tsv")):
        moved(tmp_path, f"data/{table.name}", f"data/annotations/{table.name}")
    inside = read(name, tmp_path / "data")
    assert [sample.id for sample in read(name, tmp_path)] == [sample.id for sample in inside] != []


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("refcoco+", ["refcoco+-val", "refcoco+-testA", "refcoco+-testB"]),
        ("refcocog", ["refcocog-val", "refcocog-test"]),
        ("mm-vet", ["mmvet"]),
        ("MMVet", ["mmvet"]),
        ("M&T", ["vlabench"]),
        # What `evaluate.sh CHECKPOINT vqa` runs.
        (
            "vqa",
            ["vqa-okvqa-val", "vqa-textvqa-val", "vqa-vizwiz-val", "vqa-gqa-testdev", "vqa-ai2d-test"],
        ),
    ],
)
def test_names_that_people_type(typed: str, names: list[str]) -> None:
    assert [selection.benchmark.name for selection in catalog.resolve([typed])] == names


def test_a_dimension_of_vlabench_is_a_name() -> None:
    assert catalog.resolve(["M&T"])[0].tasks == ("M&T",)
    assert catalog.resolve(["commonsense"])[0].tasks == ("CommonSense",)


def test_internvls_list_has_what_its_document_lists() -> None:
    names = {selection.benchmark.name for selection in catalog.resolve(["internvl"])}
    assert not names & {"vqa-infovqa-val", "vqa-infovqa-test", "ccbench-dev", "CMMMU_VAL"}
    assert {"vqa-docvqa-val", "refcocog-test", "mmvp", "tiny_lvlm", "mathvista-test"} <= names
    with pytest.raises(UsageError, match="there is no task named"):
        catalog.resolve(["internvl-chat"])
