from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import Image, Sample, Text, Video
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems, Selection
from sightbench.tasks.readers import mmscan, mmsi
from sightbench.tasks.readers.files.disk import locate
from sightbench.tasks.readers.files.options import written
from tests import paths
from tests.tasks import formats

SHARED = paths.SHARED / "data"


def read(name: str, root: Path, profile: str | None = None) -> tuple[list[Sample], list[str], Problems]:
    (selection,) = catalog.resolve([name])
    problems = Problems()
    samples = list(catalog.read(selection, root, profile, problems))
    return samples, [str(error).removeprefix(f"{root}/") for error in problems.broken], problems


def texts(sample: Sample) -> str:
    return "".join(part.text for turn in sample.turns for part in turn.parts if isinstance(part, Text))


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


# where images are


def test_an_image_is_found_from_wherever_its_authors_stood(tmp_path: Path) -> None:
    image = formats.put(tmp_path / "vqav2/val2014/x.jpg", b"jpeg")
    for name in ("data/vqav2/val2014/x.jpg", "vqav2/val2014/x.jpg", "./vqav2/val2014/x.jpg", str(image)):
        assert locate(name, [tmp_path]) == image
    assert locate("data/vqav2/val2014/x.jpg", [tmp_path / "vqav2"]) == image
    assert locate("data/vqav2/train2014/x.jpg", [tmp_path]) is None


# JSON lines


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    formats.make("vqa-gqa-testdev", tmp_path)
    path = tmp_path / "data/gqa/llava_gqa_testdev_balanced_qwen_format.jsonl"
    good = path.read_text().splitlines()
    wrong = [
        '{"image": "x.jpg", "question": "?"',
        "[1, 2]",
        '{"image": "x.jpg", "question": "?"}',
        good[0],
        good[0].replace("images/0.jpg", "images/9.jpg").replace('"question_id": 10', '"question_id": 77'),
        good[0].replace('"question_id": 10', '"question_id": 78').replace(', "answer": "cow"', ""),
    ]
    path.write_text("\n".join(["", *good, *wrong]) + "\n")
    samples, broken, _ = read("vqa-gqa-testdev", tmp_path)
    assert [sample.id for sample in samples] == ["10", "11"]
    name = "data/gqa/llava_gqa_testdev_balanced_qwen_format.jsonl"
    assert broken[0].startswith(f"{name}:4: not valid JSON")
    assert broken[1:] == [
        f"{name}:5: is not a JSON object",
        f"{name}:6: has no 'question_id'",
        f"{name}:7: the id 10 was already on line 2",
        f"{name}:8: the image data/gqa/images/9.jpg is not on disk",
        f"{name}:9: question 78 has no gold answer",
    ]


def test_without_problems_to_collect_the_reader_raises_after_the_last_good_sample(tmp_path: Path) -> None:
    formats.make("vqa-gqa-testdev", tmp_path)
    path = tmp_path / "data/gqa/llava_gqa_testdev_balanced_qwen_format.jsonl"
    path.write_text(path.read_text() + "nonsense\n")
    (selection,) = catalog.resolve(["vqa-gqa-testdev"])
    stream = catalog.read(selection, tmp_path)
    assert [next(stream).id, next(stream).id] == ["10", "11"]
    with pytest.raises(DatasetError, match=r"jsonl:3: not valid JSON"):
        next(stream)


def test_the_official_annotations_are_the_gold(tmp_path: Path) -> None:
    formats.make("vqa-textvqa-val", tmp_path)
    assert read("vqa-textvqa-val", tmp_path)[0][0].gold == ["cow"] * 9 + ["ox"]
    (tmp_path / "data/textvqa/textvqa_val_annotations.json").unlink()
    with pytest.raises(UsageError, match=r"textvqa_val_annotations\.json"):
        read("vqa-textvqa-val", tmp_path)


def test_gqa_questions_carry_their_kind_and_the_id_the_server_wants(tmp_path: Path) -> None:
    formats.make("vqa-gqa-testdev", tmp_path)
    sample = read("vqa-gqa-testdev", tmp_path)[0][0]
    assert sample.category == "query"
    assert sample.meta["question_id"] == 10


# tables


def test_rotations_of_a_question_are_one_group(tmp_path: Path) -> None:
    formats.make("MMBench_DEV_EN_V11", tmp_path)
    samples, _, _ = read("MMBench_DEV_EN_V11", tmp_path)
    assert [(sample.id, sample.group, sample.gold) for sample in samples] == [
        ("3", "3", "B"),
        ("1000003", "3", "A"),
    ]
    assert samples[1].meta["choices"] == {"A": "blue", "B": "green", "C": "black", "D": "red"}
    assert samples[0].meta["l2-category"] == "attribute"


def test_a_row_without_an_answer_is_broken_unless_the_gold_is_hidden(tmp_path: Path) -> None:
    for name in ("MMBench_DEV_EN", "MMBench_TEST_EN"):
        row = formats.options(index=1, image=formats.in_base64(), answer="")
        formats.table(tmp_path / f"{name}.tsv", [row])
    assert read("MMBench_DEV_EN", tmp_path)[1] == ["MMBench_DEV_EN.tsv:2: has no answer"]
    samples, broken, _ = read("MMBench_TEST_EN", tmp_path)
    assert (samples[0].gold, broken) == (None, [])


def test_an_option_that_pandas_drops_is_not_asked(tmp_path: Path) -> None:
    formats.table(tmp_path / "AI2D_TEST.tsv", [formats.options(index=1, image=formats.in_base64(), D="None")])
    sample = read("AI2D_TEST", tmp_path)[0][0]
    assert set(sample.choices) == {"A", "B", "C"}
    assert "D." not in texts(sample)


def test_options_written_in_the_question_become_choices(tmp_path: Path) -> None:
    row = {
        "index": 0,
        "question": "Which?\nOptions: A: a red, round hat, B: blue",
        "answer": "A",
        "image": formats.in_base64(),
    }
    formats.table(tmp_path / "MMStar.tsv", [row])
    sample = read("MMStar", tmp_path)[0][0]
    assert sample.meta["choices"] == {"A": "a red, round hat", "B": "blue"}


def test_images_stand_where_a_question_of_mmmu_names_them(tmp_path: Path) -> None:
    formats.make("MMMU_DEV_VAL", tmp_path)
    both = read("MMMU_DEV_VAL", tmp_path)[0]
    first = both[0].turns[0].parts
    assert [type(part).__name__ for part in first] == ["Text", "Image", "Text", "Image", "Text"]
    plain = [part for part in read("MMMU_DEV_VAL", tmp_path, "official")[0][0].turns[0].parts]
    assert [first[3], first[1]] == plain[:2]
    assert [(sample.task, sample.meta["question_type"]) for sample in both] == [
        ("validation", "multiple-choice"),
        ("dev", "open"),
    ]


def test_a_reference_to_an_image_that_is_not_there_is_broken(tmp_path: Path) -> None:
    row = formats.options(index=1, question="See <image 3>.", image=formats.in_base64())
    formats.table(tmp_path / "MMMU_DEV_VAL.tsv", [row])
    assert read("MMMU_DEV_VAL", tmp_path)[1] == ["MMMU_DEV_VAL.tsv:2: asks for <image 3> and has 1 images"]


def test_four_rows_make_an_item_of_crpe(tmp_path: Path) -> None:
    formats.make("CRPE_EXIST", tmp_path)
    assert {sample.group for sample in read("CRPE_EXIST", tmp_path)[0]} == {"0"}


def test_a_broken_row_keeps_its_place_in_its_four(tmp_path: Path) -> None:
    row = {"question": "Which?", "image_path": "a.jpg", "category": "exist", "answer": "A. red"}
    table = formats.table(tmp_path / "CRPE_EXIST.tsv", [{"index": number, **row} for number in range(8)])
    formats.put(tmp_path / "images/a.jpg", formats.picture())
    table.write_text(table.read_text().replace("\n2\t", "\n\t"))
    samples, broken, _ = read("CRPE_EXIST", tmp_path)
    assert broken == ["CRPE_EXIST.tsv:4: has no index"]
    assert [(sample.id, sample.group) for sample in samples] == [
        *(("0", "0"), ("1", "0"), ("3", "0")),
        *(("4", "1"), ("5", "1"), ("6", "1"), ("7", "1")),
    ]


def test_a_reasoning_profile_gets_the_room_and_says_how_the_answer_is_marked(tmp_path: Path) -> None:
    formats.make("AI2D_TEST", tmp_path)
    cot = read("AI2D_TEST", tmp_path, "internvl_cot")[0][0]
    assert (cot.max_tokens, cot.meta["cot"]) == (4096, "boxed")
    assert read("AI2D_TEST", tmp_path, "internvl_mpo")[0][0].meta["cot"] == "final_answer"
    assert "cot" not in read("AI2D_TEST", tmp_path)[0][0].meta
    formats.make("OCRBench", tmp_path)
    assert "cot" not in read("OCRBench", tmp_path, "internvl_cot")[0][0].meta  # it is not asked to reason


@pytest.mark.parametrize(
    ("name", "profile", "tokens"),
    [
        ("OCRBench", "internvl_mpo", 4096),
        ("mmvet", "internvl_cot", 4096),
        ("mmvet", "internvl", 1000),
        ("vlabench", "cot", 4096),
        ("vlabench", "official", 512),
    ],
)
def test_reasons_have_room(name: str, profile: str, tokens: int, tmp_path: Path) -> None:
    formats.make(name, tmp_path)
    assert {sample.max_tokens for sample in read(name, tmp_path, profile)[0]} == {tokens}


# options in the text


def test_written_options_rotate_with_their_answer() -> None:
    question = "Which way?\nOptions: A: left, up, B: right, C: down, D: none"
    texts = {"A": "left, up", "B": "right", "C": "down", "D": "none"}
    assert written(question) == mmsi.options(question) == texts
    assert mmsi.options("Which way?\nOptions: A:left, up B:right  C :down\nD: none") == texts
    assert mmsi.rotated(question, "C", "ABCD") == (question, "C")
    turned, answer = mmsi.rotated(question, "C", "BCDA")
    assert turned == "Which way?\nOptions: A: right, B: down, C: none, D: left, up"
    assert mmsi.options(turned)[answer] == "down"
    with pytest.raises(ValueError, match="cannot be re-ordered"):
        mmsi.rotated("Which way?", "A", "BCDA")


def test_the_circular_variant_asks_every_order_once(tmp_path: Path) -> None:
    formats.make("mmsi_bench_circular", tmp_path)
    samples, _, _ = read("mmsi_bench_circular", tmp_path)
    assert [sample.id for sample in samples] == ["0+0", "0+1", "0+2", "0+3"]
    assert {sample.group for sample in samples} == {"0"}
    assert [sample.gold for sample in samples] == ["C", "B", "A", "D"]
    assert len({texts(sample) for sample in samples}) == 4
    assert {sample.choices[str(sample.gold)] for sample in samples} == {"up"}


def test_mmsi_is_read_from_the_hubs_parquet_too(tmp_path: Path) -> None:
    row = {
        "id": 5,
        "images": [formats.picture(1), formats.picture(2)],
        "question_type": "MSR",
        "question": "Which?\nOptions: A: x, B: y, C: z, D: w",
        "answer": "D",
        "thought": "",
    }
    formats.parquet(tmp_path / "MMSI_Bench.parquet", [row])
    (sample,) = read("mmsi_bench", tmp_path)[0]
    assert (sample.id, sample.gold, sample.category) == ("5", "D", "MSR")
    assert [part.media for part in sample.turns[0].parts if isinstance(part, Image)] == row["images"]


def test_mmstar_is_read_from_the_hubs_parquet_too(tmp_path: Path) -> None:
    row = {
        "index": 0,
        "question": "Which?\nOptions: A: red, B: blue",
        "image": formats.picture(4),
        "answer": "B",
        "category": "math",
        "l2_category": "geometry",
    }
    formats.parquet(tmp_path / "MMStar/mmstar.parquet", [row, {**row, "index": 1, "answer": ""}])
    samples, broken, _ = read("MMStar", tmp_path)
    assert [(s.id, s.gold, s.meta["choices"]) for s in samples] == [("0", "B", {"A": "red", "B": "blue"})]
    assert broken == ["MMStar/mmstar.parquet: row 2 lacks image, question or answer"]


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path) -> None:
    formats.put(tmp_path / "MMMU/Art/validation-00000-of-00001.parquet", "nothing of the kind")
    with pytest.raises(DatasetError, match="not a readable parquet file"):
        read("mmmu-val", tmp_path)


def test_hidden_answers_of_mmmu_are_no_gold(tmp_path: Path) -> None:
    formats.make("mmmu-test", tmp_path)
    assert [sample.gold for sample in read("mmmu-test", tmp_path)[0]] == [None, None]


# folders


def test_pairs_of_mme_and_their_order(tmp_path: Path) -> None:
    formats.make("mme", tmp_path)
    samples, broken, problems = read("mme", tmp_path)
    assert [(sample.id, sample.group, sample.gold) for sample in samples] == [
        ("existence/0", "existence/0", "Yes"),
        ("existence/1", "existence/0", "No"),
        ("OCR/0", "OCR/0", "Yes"),
        ("OCR/1", "OCR/0", "No"),
    ]
    assert broken == [] and "12 left out, categories without questions" in problems.notes()[0]


def test_mme_with_its_questions_beside_the_images(tmp_path: Path) -> None:
    base = tmp_path / "MME_Benchmark_release_version/posters"
    formats.put(base / "images/tt1.png", formats.picture(0, "PNG"))
    formats.put(base / "questions_answers_YN/tt1.txt", "Is it A?\tYes\nIs it B?\tNo\n")
    (tmp_path / "mme").mkdir()
    (tmp_path / "MME_Benchmark_release_version").rename(tmp_path / "mme/MME_Benchmark_release_version")
    samples, broken, _ = read("mme", tmp_path)
    assert [(sample.gold, sample.group) for sample in samples] == [("Yes", "posters/0"), ("No", "posters/0")]
    assert broken == []


def test_a_broken_line_of_mme_keeps_its_place_in_its_pair(tmp_path: Path) -> None:
    folder = tmp_path / "mme/MME_Benchmark_release_version"
    formats.put(folder / "existence/a.jpg", formats.picture())
    rows = ["a.jpg\tIs it A?", *(f"a.jpg\tIs it {number}?\tYes" for number in range(3))]
    formats.put(folder / "eval_tool/Your_Results/existence.txt", "\n".join(rows))
    samples, broken, _ = read("mme", tmp_path)
    assert [error.rpartition(": ")[2] for error in broken] == [
        "has 2 cells, expected image, question, answer"
    ]
    assert [(sample.id, sample.group) for sample in samples] == [
        ("existence/1", "existence/0"),
        ("existence/2", "existence/1"),
        ("existence/3", "existence/1"),
    ]
    formats.put(folder / "posters/images/b.png", formats.picture())
    formats.put(folder / "posters/questions_answers_YN/a.txt", "no image\tYes\n")
    formats.put(folder / "posters/questions_answers_YN/b.txt", "1?\tYes\n2?\tNo\n3?\tNo\n")
    for path in (folder / "eval_tool/Your_Results").iterdir():
        path.unlink()
    samples, broken, _ = read("mme", tmp_path)
    assert [(sample.id, sample.group) for sample in samples] == [
        ("posters/1", "posters/0"),
        ("posters/2", "posters/1"),
        ("posters/3", "posters/1"),
    ]


def test_after_a_broken_line_of_pope_no_gold_is_taken(tmp_path: Path) -> None:
    formats.make("pope", tmp_path)
    path = tmp_path / "data/pope/llava_pope_test.jsonl"
    good = path.read_text().splitlines()
    labels = [{"label": "yes"}, {"label": "no"}, {"label": "yes"}]
    formats.lines(tmp_path / "data/pope/coco/coco_pope_adversarial.json", labels)
    path.write_text("\n".join([good[0], '{"image": ', good[0], good[1]]))
    samples, broken, _ = read("pope", tmp_path)
    assert [(sample.id, sample.gold) for sample in samples] == [("adversarial/0", "yes")]
    assert [error.partition(":")[2] for error in broken] == [
        "2: not valid JSON: Expecting value",
        "3: its gold goes by position, and line 2 before it is broken",
        "4: its gold goes by position, and line 2 before it is broken",
    ]


@pytest.mark.parametrize("file", ["questions.jsonl", "context.jsonl", "answers_gpt4.jsonl"])
def test_a_broken_line_of_llava_bench_shifts_no_other(file: str, tmp_path: Path) -> None:
    formats.make("llava-bench", tmp_path)
    (questions,) = tmp_path.rglob("questions.jsonl")
    question = json.loads(questions.read_text().splitlines()[0])
    folder = questions.parent
    formats.lines(questions, [{**question, "question_id": number} for number in range(3)])
    formats.lines(folder / "context.jsonl", [{"caption": f"context {number}"} for number in range(3)])
    formats.lines(folder / "answers_gpt4.jsonl", [{"text": f"answer {number}"} for number in range(3)])
    path = folder / file
    path.write_text("\n".join(["{", *path.read_text().splitlines()[1:]]))
    samples, broken, _ = read("llava-bench", tmp_path)
    assert [(sample.id, sample.gold, sample.meta["context"]) for sample in samples] == [
        ("1", "answer 1", "context 1"),
        ("2", "answer 2", "context 2"),
    ]
    assert f"{file}:1: not valid JSON" in broken[0]


def test_pope_takes_gold_by_position_in_each_setting(tmp_path: Path) -> None:
    formats.make("pope", tmp_path)
    folder = tmp_path / "data/pope"
    row = json.loads((folder / "llava_pope_test.jsonl").read_text().splitlines()[0])
    formats.lines(
        folder / "llava_pope_test.jsonl", [{**row, "category": c} for c in ("random", "popular", "random")]
    )
    formats.lines(folder / "coco/coco_pope_random.json", [{"label": "no"}, {"label": "yes"}])
    samples, _, _ = read("pope", tmp_path)
    assert [(sample.id, sample.gold) for sample in samples] == [
        ("random/0", "no"),
        ("popular/0", "yes"),
        ("random/1", "yes"),
    ]


def test_mmvp_reads_the_misspelt_column_and_pairs_rows(tmp_path: Path) -> None:
    formats.make("mmvp", tmp_path)
    samples, _, _ = read("mmvp", tmp_path)
    assert [(s.id, s.group, s.gold, s.meta["choices"]) for s in samples] == [
        ("1", "0", "A", {"A": "Open", "B": "Closed"}),
        ("2", "0", "B", {"A": "Open", "B": "Closed"}),
    ]


def test_captions_keep_all_references_and_the_domain(tmp_path: Path) -> None:
    formats.make("caption-nocaps", tmp_path)
    (sample,) = read("caption-nocaps", tmp_path)[0]
    assert (sample.gold, sample.category, sample.id) == (["A cow.", "An ox."], "in-domain", "0")
    formats.make("caption-coco", tmp_path)
    assert read("caption-coco", tmp_path)[0][0].id == "391895"


def test_chartqa_without_its_second_half_says_so(tmp_path: Path) -> None:
    formats.make("vqa-chartqa-test", tmp_path)
    (tmp_path / "test/test_augmented.json").unlink()
    samples, _, problems = read("vqa-chartqa-test", tmp_path)
    assert {sample.task for sample in samples} == {"human"}
    assert "halves of ChartQA that are not there" in problems.notes()[0]


# conversations, video, planning


def test_a_scan_is_a_conversation_in_file_order(tmp_path: Path) -> None:
    formats.make("ost_bench_multi_round", tmp_path)
    edit(tmp_path / "OST_bench.json", lambda records: [records[0], records[2], records[1], records[3]])
    samples, _, _ = read("ost_bench_multi_round", tmp_path)
    assert [(sample.id, sample.follows, sample.affinity) for sample in samples] == [
        ("s0/0", None, "s0"),
        ("s0/1", "s0/0", "s0"),
        ("s1/0", None, "s1"),
        ("s1/1", "s1/0", "s1"),
    ]
    assert [turn.role for turn in samples[0].turns] == ["system", "user"]
    assert [turn.role for turn in samples[1].turns] == ["user"]


def test_a_missing_view_ends_its_conversation_and_no_other(tmp_path: Path) -> None:
    formats.make("ost_bench_multi_round", tmp_path)
    (tmp_path / "images/s0/1.jpg").unlink()
    samples, broken, _ = read("ost_bench_multi_round", tmp_path)
    assert [sample.id for sample in samples] == ["s0/0", "s1/0", "s1/1"]
    assert broken == ["OST_bench.json:2: the image s0/1.jpg is not on disk"]


def test_a_broken_turn_ends_its_conversation_and_no_other(tmp_path: Path) -> None:
    formats.make("ost_bench_multi_round", tmp_path)
    edit(
        tmp_path / "OST_bench.json",
        lambda rows: [rows[0], {"scan_id": "s0"}, rows[1], rows[1], rows[2], rows[3]],
    )
    samples, broken, problems = read("ost_bench_multi_round", tmp_path)
    assert [sample.id for sample in samples] == ["s0/0", "s1/0", "s1/1"]
    assert broken == ["OST_bench.json:2: has no 'system_prompt'"]
    assert problems.notes()[0].startswith("2 left out, turns of a conversation after a broken one")


def test_interleaved_questions_need_an_image_per_marker(tmp_path: Path) -> None:
    formats.make("ost_bench", tmp_path)
    path = tmp_path / "ost_bench.tsv"
    path.write_text(path.read_text().replace("Turn 0: ", "Turn 0: <ImageHere>"))
    assert read("ost_bench", tmp_path)[1] == ["ost_bench.tsv:2: has 3 <ImageHere> and 2 images"]


def test_media_of_egoexo_stand_at_their_tags(tmp_path: Path) -> None:
    formats.make("egoexo_bench", tmp_path)
    (sample,) = read("egoexo_bench", tmp_path)[0]
    first, film, second, frames, _ = sample.turns[0].parts
    assert (first, second) == (Text("First"), Text("then"))
    assert isinstance(film, Video) and film.file == tmp_path / "videos/a.mp4" and film.span == (1.5, 4.0)
    assert isinstance(frames, Video) and [Path(str(f)).name for f in frames.frames] == ["1.jpg", "0.jpg"]
    assert film.segments == 8
    assert sample.category == "action_prediction" and sample.meta["choices"] == {"A": "one", "B": "two"}


def test_egoexo_is_read_as_its_authors_offer_it(tmp_path: Path) -> None:
    """The recommended download: processed_frames/ or processed_video/, and no source video."""
    formats.make("egoexo_bench", tmp_path)
    for path in (tmp_path / "videos").rglob("*.*"):
        path.unlink()
    for number in (10, 9):
        name = f"videos/processed_frames/question4_video0/{number:07d}.jpg"
        formats.put(tmp_path / name, formats.picture())
    formats.put(tmp_path / "videos/processed_video/question4_video1.mp4", b"film")
    (sample,), broken, _ = read("egoexo_bench", tmp_path)
    assert not broken
    first, second = (part for part in sample.turns[0].parts if isinstance(part, Video))
    assert [Path(str(frame)).name for frame in first.frames] == ["0000009.jpg", "0000010.jpg"]
    assert second.file == tmp_path / "videos/processed_video/question4_video1.mp4"
    assert (second.segments, second.span) == (8, None)


def test_numbers_are_drawn_where_an_object_is_and_only_once(tmp_path: Path) -> None:
    formats.make("mmscan_2d", tmp_path)
    sample = read("mmscan_2d", tmp_path)[0][0]
    views = [part.media for part in sample.turns[0].parts if isinstance(part, Image)]
    assert len(views) == mmscan.VIEWS and sample.category == "OOa"
    first = views[0]
    assert isinstance(first, Path) and first.name == "0.jpg" and "OOa__scannet-scene0__1" in str(first)
    with Picture.open(first) as drawn, Picture.open(tmp_path / "images/mmscan/scene/0.jpg") as before:
        assert drawn.size == before.size
        assert drawn.tobytes() != before.convert("RGB").tobytes()
    stamp = first.stat().st_mtime_ns
    read("mmscan_2d", tmp_path)
    assert first.stat().st_mtime_ns == stamp


def test_mmscan_has_all_its_golds_and_a_benchmark_for_every_ratio(tmp_path: Path) -> None:
    formats.make("mmscan_2d", tmp_path)
    formats.make("mmscan_2d:0.1", tmp_path)
    path = tmp_path / "annotations/mmscan_qa_val_0.1.json"
    edit(path, lambda rows: [{**rows[0], "prompt_id": "tenth"}])
    assert [sample.gold for sample in read("mmscan_2d", tmp_path)[0]] == [["a chair"], ["a chair", "chair"]]
    assert [sample.id for sample in read("mmscan_2d:0.1", tmp_path)[0]] == ["tenth"]
    with pytest.raises(UsageError, match=r"mmscan_qa_val_0\.5\.json"):
        read("mmscan_2d:0.5", tmp_path)


def test_views_are_spread_from_first_to_last() -> None:
    assert mmscan.evenly(5) == [0, 1, 2, 3, 4]
    spread = mmscan.evenly(100)
    assert len(spread) == 24 and spread[0] == 0 and spread[-1] == 99 and spread == sorted(set(spread))


def test_vlabench_takes_either_spelling_of_its_folders(tmp_path: Path) -> None:
    formats.make("vlabench", tmp_path)
    samples, _, problems = read("vlabench", tmp_path)
    assert [sample.id for sample in samples if sample.category == "CommonSense"] == [
        "CommonSense/add_condiment/example0",
        "CommonSense/add_condiment/example1",
    ]
    assert {s.meta["dependency"] for s in samples if s.meta["task"] == "cook_dishes"} == {"Seq-independent"}
    assert problems.notes()[0].startswith("3 left out, dimensions that have no folder")


def test_an_incomplete_example_is_named(tmp_path: Path) -> None:
    formats.make("vlabench", tmp_path)
    folder = tmp_path / "dataset/vlm_evaluation_v1.0/Complex/cook_dishes"
    (folder / "example0/input/input_mask.png").unlink()
    (folder / "example1/output/operation_sequence.json").write_text("{}")
    broken = read("vlabench", tmp_path)[1]
    where = "dataset/vlm_evaluation_v1.0/Complex/cook_dishes"
    assert broken == [
        f"{where}/example0: has no input_mask.png",
        f"{where}/example1/output/operation_sequence.json: has no skill_sequence",
    ]


def test_vlabenchs_prompt_is_the_users_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.make("vlabench", tmp_path / "data")
    prompt = tmp_path / "data/eval_vlm_en.txt"
    home = formats.put(tmp_path / "VLABench/configs/prompt/eval_vlm_en.txt", "From elsewhere.")
    prompt.unlink()
    monkeypatch.delenv("VLABENCH_ROOT", raising=False)
    with pytest.raises(UsageError, match=r"eval_vlm_en\.txt is not below"):
        read("vlabench", tmp_path / "data")
    monkeypatch.setenv("VLABENCH_ROOT", str(home.parents[2]))
    assert texts(read("vlabench", tmp_path / "data")[0][0]).startswith("From elsewhere.")


# what is wrong is told together


def test_many_problems_are_told_in_one_error_that_counts_them() -> None:
    problems = Problems()
    for line in range(1, 25):
        problems.broke("is bad", Path("a.jsonl"), line)
    with pytest.raises(DatasetError) as caught:
        problems.check()
    message = str(caught.value)
    assert message.startswith("24 problems in the dataset:") and message.endswith("... and 14 more")
    assert "a.jsonl:10: is bad" in message and "a.jsonl:11:" not in message


# real annotation files

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the shared data folder beside the checkout: {SHARED}"
)


def with_images(root: Path, names: set[str]) -> None:
    for name in names:
        formats.put(root / name, b"an image")


@needs_shared
def test_all_of_hallusionbench_that_has_an_image(tmp_path: Path) -> None:
    source = SHARED / "hallusionbench/HallusionBench.json"
    rows = json.loads(source.read_text())
    (tmp_path / "HallusionBench.json").write_text(source.read_text())
    with_images(tmp_path / "hallusion_bench", {row["filename"] for row in rows if row["filename"]})
    samples, broken, _ = read("HallusionBench", tmp_path)
    assert broken == []
    figures = {tuple(s.meta[k] for k in ("category", "subcategory", "set_id", "figure_id")) for s in samples}
    questions = {
        tuple(s.meta[k] for k in ("category", "subcategory", "set_id", "question_id")) for s in samples
    }
    assert (len(samples), len(figures), len(questions)) == (951, 346, 455)


@needs_shared
def test_all_of_ocrbench(tmp_path: Path) -> None:
    rows = json.loads((SHARED / "ocrbench/OCRBench.json").read_text())
    formats.put(tmp_path / "OCRBench.json", rows)
    with_images(tmp_path / "OCRBench_Images", {row["image_path"] for row in rows})
    samples, broken, _ = read("OCRBench", tmp_path)
    assert (len(samples), broken) == (1000, [])


@needs_shared
def test_all_of_mathvista_testmini_with_its_official_prompts(tmp_path: Path) -> None:
    rows = json.loads((SHARED / "mathvista/testmini.json").read_text())
    queries = json.loads((SHARED / "mathvista/query.json").read_text())
    formats.put(tmp_path / "data/testmini.json", rows)
    formats.put(tmp_path / "data/query.json", queries)
    with_images(tmp_path, {row["image"] for row in rows.values()})
    samples, broken, _ = read("mathvista-testmini", tmp_path)
    assert (len(samples), broken) == (1000, [])
    assert all(texts(sample) == queries[sample.id] for sample in samples)


@needs_shared
def test_all_of_mme(tmp_path: Path) -> None:
    base = tmp_path / "mme/MME_Benchmark_release_version"
    for path in sorted((SHARED / "mme_lavin/Your_Results").glob("*.txt")):
        formats.put(base / path.name, path.read_text(encoding="utf-8"))
        names = {line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines() if line}
        with_images(base / path.stem, names)
    samples, broken, problems = read("mme", tmp_path)
    assert (len(samples), broken, problems.skipped) == (2374, [], {})
    pairs: dict[str, set[str]] = {}
    for sample in samples:
        pairs.setdefault(str(sample.group), set()).add(str(sample.meta["image"]))
    assert all(len(images) == 1 for images in pairs.values()) and len(pairs) == 1187


@needs_shared
def test_the_sample_of_cmmmu_and_of_chartqa(tmp_path: Path) -> None:
    lines = (SHARED / "cmmmu/dev_sample.jsonl").read_text(encoding="utf-8")
    formats.put(tmp_path / "cmmmu/business/dev.jsonl", lines)
    with_images(
        tmp_path / "cmmmu/business",
        {name for line in lines.splitlines() if line for name in json.loads(line)["img_list"]},
    )
    samples, broken, _ = read("CMMMU_VAL", tmp_path)
    assert (len(samples), broken) == (4, [])
    rows = json.loads((SHARED / "chartqa/test_human_sample26.json").read_text())
    formats.put(tmp_path / "test_human.json", rows)
    with_images(tmp_path / "png", {row["imgname"] for row in rows})
    assert len(read("vqa-chartqa-test", tmp_path)[0]) == 26


def test_a_selection_of_tasks_is_a_selection_of_samples(tmp_path: Path) -> None:
    formats.make("dynbench", tmp_path)
    (selection,) = catalog.resolve(["cameraqa"])
    assert isinstance(selection, Selection)
    assert [sample.id for sample in catalog.read(selection, tmp_path)] == ["davis/cow/cameraqa/0"]


def test_mlvus_test_questions_are_read_without_answers_too(tmp_path: Path) -> None:
    formats.make("mlvu-test", tmp_path)
    (sample,), broken, _ = read("mlvu-test", tmp_path)
    assert (sample.id, sample.gold, sample.category) == ("AR_0", "C", "anomaly_reco")
    answers = tmp_path / "test-ground-truth/test_mcq_gt.json"
    (question,) = json.loads(answers.read_text())
    answers.unlink()
    del question["answer"]
    (tmp_path / "test_question.json").write_text(json.dumps([question]))
    (sample,), broken, _ = read("mlvu-test", tmp_path)
    assert sample.gold is None and not broken
    question["answer"] = "Violet"
    (tmp_path / "test_question.json").write_text(json.dumps([question]))
    samples, (error,), _ = read("mlvu-test", tmp_path)
    assert not samples and "none of the candidates" in str(error)
