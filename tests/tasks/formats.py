"""Small data sets in the formats users really have, one maker per kind of benchmark.

`make(name, root)` writes a few questions of the benchmark `name` below `root`; every benchmark of the
catalog has a maker, so a new one without it fails its test.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightbench.tasks.benchmarks import vqa as vqa_rows
from sightbench.tasks.benchmarks.internsr import RATIOS
from tests.tasks import mask_formats


def picture(seed: int = 0, kind: str = "JPEG") -> bytes:
    """A 16 x 12 image of noise that differs by seed; above 64 characters in base64."""
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def in_base64(seed: int = 0) -> str:
    return base64.b64encode(picture(seed)).decode()


def put(path: Path, content: bytes | str | Any) -> Path:
    """Write bytes, text, or anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
    return path


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    return put(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A TSV as pandas writes it: minimal quoting, absent values empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def dynbench(root: Path) -> None:
    for frame in range(3):
        put(root / f"frames/davis/cow/frame_{frame:04d}.jpg", picture(frame))
        put(root / f"masks/davis/cow/frame_{frame:04d}_obj1.png", picture(frame, "PNG"))
    question = {"question": "Where does it go?", "options": ["A. left", "B. right"], "answer": "B"}
    for task in ("cameraqa", "qa", "sceneqa"):
        put(root / f"multi_json/davis/cow_{task}.json", [question])
    for task in ("cameramask", "objmask", "scenemask"):
        put(root / f"multi_json/davis/cow_{task}.json", {"object_1": {"question": "Segment the cow."}})


def vqa(split: vqa_rows.Split) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        folder = split.file.split("/")[0]
        rows: list[dict[str, Any]] = []
        for number in range(2):
            image = f"data/{folder}/images/{number}.jpg"
            put(root / image, picture(number))
            row = {"image": image, "question": "What is it?", "question_id": number + 10}
            if split.name == "vqa-vizwiz-test":
                row["question_id"] = image
            if not split.hidden:
                row["answer"] = "A" if split.name == "vqa-ai2d-test" else "cow"
            rows.append(row)
        lines(root / "data" / split.file.split("|")[0], rows)
        for name in split.gold:
            ids = [row["question_id"] for row in rows]
            if split.scorer == "anls":
                content: Any = {"data": [{"questionId": id, "answers": ["cow", "a cow"]} for id in ids]}
            else:
                answers = [{"answer": "cow"}] * 9 + [{"answer": "ox"}]
                content = {"annotations": [{"question_id": id, "answers": answers} for id in ids]}
            put(root / "data" / name, content)
        for name in split.types:
            types = {str(row["question_id"]): {"types": {"structural": "query"}} for row in rows}
            put(root / "data" / name, types)

    return write


def chartqa(root: Path) -> None:
    put(root / "chartqa/test/png/1.png", picture(1, "PNG"))
    row = {"imgname": "1.png", "query": "How many bars?", "label": "14"}
    put(root / "test/test_human.json", [row])
    put(root / "test/test_augmented.json", [row])
    put(root / "test/png/1.png", picture(1, "PNG"))


def tiny_lvlm(root: Path) -> None:
    folder = root / "data/tiny_lvlm/updated_datasets/Visual_Reasoning"
    put(folder / "images/1.jpg", picture())
    put(folder / "dataset.json", [{"image_path": "images/1.jpg", "question": "What?", "gt_answers": "cow"}])


def short_table(name: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        answer: Any = "['cow', 'ox', 'cow', 'cow', 'cow', 'cow', 'cow', 'cow', 'cow', 'cow']"
        if name in ("OCRVQA_TESTCORE", "GQA_TestDev_Balanced", "ChartQA_TEST"):
            answer = "cow"
        rows = [
            {"index": number, "question": "What is it?", "image": in_base64(number), "answer": answer}
            for number in range(2)
        ]
        for row in rows:
            row.update({"split": "test_human"} if name == "ChartQA_TEST" else {})
            row.update({"category": "Scene Text-centric VQA"} if name == "OCRBench" else {})
            if name in ("DocVQA_TEST", "InfoVQA_TEST"):
                del row["answer"]
        table(root / f"{name}.tsv", rows)

    return write


def options(**more: Any) -> dict[str, Any]:
    return {
        "question": "Which one?",
        "A": "red",
        "B": "blue",
        "C": "green",
        "D": "black",
        "answer": "B",
        **more,
    }


def circular(path: str, hidden: bool) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        first = options(index=3, image=in_base64(), category="color", **{"l2-category": "attribute"})
        turned = {"A": "blue", "B": "green", "C": "black", "D": "red", "answer": "A", "image": "3"}
        rows = [first, {**first, **turned, "index": 1_000_003}]
        for row in rows:
            if hidden:
                del row["answer"]
        table(root / path, rows)

    return write


def choice_table(name: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        rows = [
            options(index=number, image=in_base64(number), category="x", l2_category="y")
            for number in range(4)
        ]
        if name in ("CRPE_EXIST", "CRPE_RELATION"):
            for row in rows:
                put(root / f"images/{name}/{row['index']}.jpg", picture())
                row.update(image_path=f"{row['index']}.jpg", category="exist", answer="A. red")
                for column in ("image", "A", "B", "C", "D"):
                    del row[column]
        table(root / f"{name}.tsv", rows)

    return write


def scienceqa(root: Path) -> None:
    put(root / "data/scienceqa/images/test/5.png", picture(5, "PNG"))
    image = "data/scienceqa/images/test/5.png"
    row = {"image": image, "question": "Which?", "hint": "Look.", "choices": ["a cow", "an ox"], "answer": 1}
    lines(root / "data/scienceqa/scienceqa_test_img.jsonl", [row])


def seed(root: Path) -> None:
    put(root / "data/SEED/SEED-Bench-image/1", picture())
    row = {
        "question_id": "101669",
        "image": "SEED-Bench-image/1",
        "text": "Which?\nA. x\nB. y",
        "answer": "B",
    }
    lines(root / "data/SEED/seed.jsonl", [row])
    question = {"question_id": "101669", "question_type_id": 1, "data_type": "image", "answer": "B"}
    put(
        root / "data/SEED/SEED-Bench.json",
        {"question_type": {"Scene Understanding": 1}, "questions": [question]},
    )


def mmvp(root: Path) -> None:
    rows = ["lndex,Question,Options,Correct Answer"]
    for index, answer in ((1, "(a)"), (2, "(b)")):
        put(root / f"MMVP/MMVP Images/{index}.jpg", picture(index))
        rows.append(f"{index},Is the door open?,(a) Open (b) Closed,{answer}")
    put(root / "MMVP/Questions.csv", "\n".join(rows) + "\n")


def captions(name: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        if name == "caption-coco":
            image = "val2014/COCO_val2014_000000391895.jpg"
            put(root / "data/coco" / image, picture())
            rows = [{"image": image, "caption": ["A man rides.", "A rider on a dirt road."]}]
            put(root / "data/coco/annotations/coco_karpathy_test.json", rows)
            return
        folder, file, where = {
            "caption-flickr30k": ("flickr30k", "flickr30k_test_karpathy.json", ""),
            "caption-nocaps": ("nocaps", "nocaps_val_4500_captions.json", "images/"),
        }[name]
        put(root / f"data/{folder}/{where}a.jpg", picture())
        image_row = {"id": 0, "file_name": "a.jpg", "domain": "in-domain"}
        notes = [{"image_id": 0, "id": 1, "caption": "A cow."}, {"image_id": 0, "id": 2, "caption": "An ox."}]
        put(root / f"data/{folder}/{file}", {"images": [image_row], "annotations": notes})

    return write


def refcoco(name: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        dataset, split = name.rsplit("-", 1)
        image = "data/coco/train2014/COCO_train2014_000000000001.jpg"
        put(root / image, picture())
        row = {
            "image": image,
            "sent": "the left cow",
            "bbox": [1.0, 2.0, 8.0, 9.0],
            "height": 12,
            "width": 16,
        }
        lines(root / f"data/refcoco/{dataset}_{split}.jsonl", [row])

    return write


def mmmu(split: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        image = {"bytes": picture(), "path": "a.png"}
        row = {
            "id": f"{split}_Accounting_1",
            "question": "Look at <image 1>. Which?",
            "options": "['$6', '$7', '$8']",
            **{f"image_{number}": image if number < 3 else None for number in range(1, 8)},
            "answer": "?" if split == "test" else "B",
            "question_type": "multiple-choice",
            "subfield": "Managerial Accounting",
            "topic_difficulty": "Medium",
        }
        opened = {**row, "id": f"{split}_Accounting_2", "options": "[]", "question_type": "open"}
        opened["answer"] = "?" if split == "test" else "7"
        parquet(root / f"MMMU/Accounting/{split}-00000-of-00001.parquet", [row, opened])

    return write


def mmmu_table(root: Path) -> None:
    images = json.dumps([in_base64(1), in_base64(2)])
    row = options(
        index=1, question="Compare <image 2> with <image 1>. Which?", image=images, split="validation"
    )
    opened = {
        "index": 2,
        "question": "How many in <image 1>?",
        "image": in_base64(3),
        "answer": "7",
        "split": "dev",
    }
    table(root / "MMMU_DEV_VAL.tsv", [{**row, "category": "Art"}, {**opened, "category": "Art"}])


def mmmu_test_table(root: Path) -> None:
    row = options(index=1, question="Which in <image 1>?", image=in_base64(1), split="test", category="Art")
    table(root / "MMMU_TEST.tsv", [{**row, "answer": ""}])


def cmmmu(split: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root / f"cmmmu-data-{split}/business/q_1.png", picture(1, "PNG"))
        common = {"question": '图<img="q_1.png">所示', "img_list": ["q_1.png"], "category": "商业"}
        chosen = {"option1": "甲", "option2": "乙", "option3": "丙", "option4": "丁"}
        rows = [
            {"id": 1, "type": "选择", "answer": "AC", **common, **chosen},
            {"id": 2, "type": "判断", "answer": "对", **common},
            {"id": 3, "type": "填空", "answer": "26", **common},
        ]
        if split == "test":
            rows = [{name: value for name, value in row.items() if name != "answer"} for row in rows]
        lines(root / f"cmmmu-data-{split}/business/business.jsonl", rows)

    return make


def mathvista(split: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        row = {
            "pid": "7",
            "question": "How long?",
            "image": "images/7.jpg",
            "decoded_image": {"bytes": picture(7), "path": None},
            "choices": None,
            "unit": None,
            "precision": 1.0,
            "answer": "1.2" if split == "testmini" else "",
            "question_type": "free_form",
            "answer_type": "float",
            "metadata": {
                "category": "math-targeted-vqa",
                "task": "geometry",
                "skills": ["arithmetic reasoning"],
            },
            "query": "Hint: Please answer.\nQuestion: How long?",
        }
        parquet(root / f"MathVista/data/{split}-00000-of-00001.parquet", [row])

    return write


def mathvista_table(root: Path) -> None:
    row = {
        "index": 1,
        "question": "Hint: choose.\nQuestion: Which?\nChoices:\n(A) 1\n(B) 2",
        "image": in_base64(),
        "answer": "2",
        "answer_option": "B",
        "choices": "['1', '2']",
        "question_type": "multi_choice",
        "answer_type": "text",
        "task": "geometry",
        "skills": "['arithmetic']",
        "category": "math-targeted-vqa",
    }
    table(root / "MathVista_MINI.tsv", [row])


def mme(root: Path) -> None:
    base = root / "data/mme/MME_Benchmark_release_version"
    for category in ("existence", "OCR"):
        put(base / category / "1.jpg", picture())
        ask = "Is there a cow? Please answer yes or no."
        put(
            base / f"{category}.txt",
            f"1.jpg\t{ask}\tYes\n1.jpg\tIs there no cow? Please answer yes or no.\tNo\n",
        )


def pope(root: Path) -> None:
    folder = root / "data/pope"
    put(folder / "val2014/a.jpg", picture())
    tail = "\nAnswer the question using a single word or phrase."
    rows = [
        {"question_id": 1, "image": "a.jpg", "text": f"Is there a cow?{tail}", "category": category}
        for category in ("adversarial", "popular", "random")
    ]
    lines(folder / "llava_pope_test.jsonl", rows)
    for category in ("adversarial", "popular", "random"):
        lines(folder / f"coco/coco_pope_{category}.json", [{"question_id": 1, "label": "yes"}])


def hallusion(root: Path) -> None:
    rows = [
        {
            "index": f"VS_chart_1_0_1_{number}",
            "category": "VS",
            "l2-category": "chart",
            "question": "Is China first?",
            "answer": "Yes",
            "image": in_base64() if number == 0 else "VS_chart_1_0_1_0",
        }
        for number in range(2)
    ]
    table(root / "HallusionBench.tsv", rows)


def mmvet(root: Path) -> None:
    folder = root / "data/mm-vet"
    put(folder / "images/v1_0.png", picture(0, "PNG"))
    item = {
        "imagename": "v1_0.png",
        "question": "What is x?",
        "answer": "-1<AND>-5",
        "capability": ["ocr", "math"],
    }
    put(folder / "mm-vet.json", {"v1_0": item})
    lines(folder / "llava-mm-vet.jsonl", [{"question_id": 0, "image": "v1_0.png", "text": "What is x?"}])


def llava_bench(root: Path) -> None:
    folder = root / "data/llava-bench-in-the-wild"
    put(folder / "images/001.jpg", picture())
    row = {"question_id": 0, "image": "001.jpg", "text": "Where is it?", "category": "conv"}
    lines(folder / "questions.jsonl", [row])
    lines(folder / "context.jsonl", [{"id": "001", "image": "001.jpg", "caption": "Diamond Head."}])
    lines(folder / "answers_gpt4.jsonl", [{"question_id": 0, "text": "It is Diamond Head."}])


def mmsi(root: Path) -> None:
    question = "Which way?\nOptions: A: left, B: right, C: up, D: down"
    row = {
        "index": 0,
        "image": json.dumps([in_base64(1), in_base64(2)]),
        "question": question,
        "answer": "C",
        "category": "MSR",
    }
    table(root / "mmsi_bench.tsv", [row])


def ost(root: Path) -> None:
    for number in range(2):
        put(root / f"images/OST/scan0/{number}.jpg", picture(number))
    row = {
        "index": 0,
        "scan_id": "scan0",
        "question": "System. Turn 0: <ImageHere>Turn 1: <ImageHere>Is the chair on the left?",
        "image_path": "['scan0/0.jpg', 'scan0/1.jpg']",
        "type": "AO_direction(option1)",
        "option": "['left', 'right']",
        "answer": "left",
    }
    table(root / "ost_bench.tsv", [row])


def ost_rounds(root: Path) -> None:
    records = []
    for scan in ("s0", "s1"):
        for number in range(2):
            put(root / f"images/{scan}/{number}.jpg", picture(number))
            records.append(
                {
                    "scan_id": scan,
                    "system_prompt": "You walk through a room.",
                    "new_observations": [f"{scan}/{number}.jpg"],
                    "user_message": f"Question {number}?",
                    "type": "A_object-quantity(int)",
                    "option": [],
                    "answer": 2,
                }
            )
    put(root / "OST_bench.json", records)


def film(path: Path) -> Path:
    """A real mp4: 50 frames of 16 x 12 at 10 frames a second."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 16, 12
        for number in range(50):
            pixels = np.full((12, 16, 3), number * 5, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def egoexo(root: Path) -> None:
    for number in range(2):
        put(root / f"videos/frames/{number}.jpg", picture(number))
    film(root / "videos/a.mp4")
    medias = [
        {"type": "video", "video_path": "a.mp4", "video_start": 1.5, "video_end": 4, "nframes": 8},
        {"type": "frames", "image_paths": ["frames/1.jpg", "frames/0.jpg"]},
    ]
    row = {
        "index": 4,
        "question": "First <video> then <video> which?",
        "options": "A. one\nB. two",
        "response_format": "Answer with the letter.",
        "medias": repr(medias),
        "answer": "B",
        "subtask_type": "action_prediction",
    }
    table(root / "annotations/egoexo_bench.tsv", [row])


def long_video(task: str, **more: object) -> dict[str, object]:
    options = ["Yellow", "Red", "Green", "Blue"]
    return {"video": "a.mp4", "duration": 246, "question": "What color?", "candidates": options, **more} | {
        "question_type": task
    }


def mlvu(root: Path) -> None:
    for name in ("1_plotQA", "4_count"):
        film(root / f"MLVU/video/{name}/a.mp4")
        put(root / f"MLVU/json/{name}.json", [long_video(name[2:], answer="Green")])


def mlvu_test(root: Path) -> None:
    film(root / "video/a.mp4")
    put(
        root / "test-ground-truth/test_mcq_gt.json",
        [long_video("anomaly_reco", question_id="AR_0", answer="Green")],
    )


def mmscan(root: Path, ratio: str = "0.01") -> None:
    names = [f"scene/{number}.jpg" for number in range(30)]
    for number, name in enumerate(names):
        put(root / "images/mmscan" / name, picture(number))
    identity = np.eye(4).tolist()
    lens = [[10.0, 0, 8, 0], [0, 10.0, 6, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    meta = {"image": names, "pose": [identity] * 30, "intrinsic": [lens] * 30, "axis_align_matrix": identity}
    for key, value in meta.items():
        put(root / f"annotations/embodiedscan_video_meta/{key}.json", {"scannet/scene0": value})
    turns = [{"value": "<video>\nThe objects are <boxes>. What is it?"}, {"value": "a chair"}]
    row = {
        "video": "scannet/scene0",
        "prompt_id": "OOa__scannet/scene0__1",
        "conversations": turns,
        "target": {"boxes": [[0.1, 0.1, 2.0, 1, 1, 1, 0, 0, 0]]},
    }
    several = [turns[0], {"value": ["a chair", "chair"]}]
    spoken = {**row, "prompt_id": "OOa__scannet/scene0__2", "conversations": several}
    put(root / f"annotations/mmscan_qa_val_{ratio}.json", [row, spoken])


def vlabench(root: Path) -> None:
    put(root / "eval_vlm_en.txt", "There are skills. Answer with a JSON list.")
    put(root / "eval_vlm_zh.txt", "有一些技能。")
    for dimension, task in (
        ("M&T", "select_toy"),
        ("CommenSence", "add_condiment"),
        ("Complex", "cook_dishes"),
    ):
        for example in range(2):
            folder = root / f"dataset/vlm_evaluation_v1.0/{dimension}/{task}/example{example}"
            put(folder / "input/input.png", picture(1, "PNG"))
            put(folder / "input/input_mask.png", picture(2, "PNG"))
            put(folder / "input/instruction.txt", "Put the toy away.")
            steps = [
                {"name": "pick", "params": {"target_entity_name": 1}},
                {"name": "place", "params": {"target_container_name": 2}},
            ]
            put(folder / "output/operation_sequence.json", {"skill_sequence": steps})


def blind(root: Path) -> None:
    put(root / "data/images/1.png", picture(1, "PNG"))
    content = [{"type": "image", "image": "data/images/1.png"}, {"type": "text", "text": "Plan it."}]
    row = {"messages": [{"role": "user", "content": content}], "target": {"steps": "1. Pick up the toy."}}
    lines(root / "data/blind_10.jsonl", [row, row])


MAKERS: dict[str, Callable[[Path], None]] = {
    "dynbench": dynbench,
    "synthetic": dynbench,
    **{split.name: vqa(split) for split in vqa_rows.SPLITS},
    "vqa-chartqa-test": chartqa,
    "tiny_lvlm": tiny_lvlm,
    **{name: short_table(name) for name, _, _ in vqa_rows.TABLE_ROWS},
    "OCRBench": short_table("OCRBench"),
    "mmbench-dev-en": circular("data/mmbench/mmbench_dev_20230712.tsv", False),
    "mmbench-dev-en-20231003": circular("mmbench/mmbench_dev_en_20231003.tsv", False),
    "mmbench-dev-cn": circular("mmbench_dev_cn_20231003.tsv", False),
    "mmbench-test-en": circular("mmbench_test_en_20231003.tsv", True),
    "mmbench-test-cn": circular("mmbench_test_cn_20231003.tsv", True),
    "ccbench-dev": circular("CCBench_legacy.tsv", False),
    **{
        f"MMBench_{split}_{language}{version}": circular(
            f"MMBench_{split}_{language}{version}.tsv", split == "TEST"
        )
        for split in ("DEV", "TEST")
        for language in ("EN", "CN")
        for version in ("", "_V11")
    },
    "CCBench": circular("CCBench.tsv", False),
    **{
        name: choice_table(name)
        for name in (
            *("MMStar", "AI2D_TEST", "AI2D_TEST_NO_MASK", "SEEDBench_IMG", "ScienceQA_VAL", "ScienceQA_TEST"),
            *("RealWorldQA", "CRPE_EXIST", "CRPE_RELATION"),
        )
    },
    "scienceqa": scienceqa,
    "seed": seed,
    "mmvp": mmvp,
    **{name: captions(name) for name in ("caption-coco", "caption-flickr30k", "caption-nocaps")},
    **{
        name: refcoco(name)
        for name in (
            *(
                f"{dataset}-{split}"
                for dataset in ("refcoco", "refcoco+")
                for split in ("val", "testA", "testB")
            ),
            *("refcocog-val", "refcocog-test"),
        )
    },
    "mmmu-dev": mmmu("dev"),
    "mmmu-val": mmmu("validation"),
    "mmmu-test": mmmu("test"),
    "MMMU_DEV_VAL": mmmu_table,
    "MMMU_TEST": mmmu_test_table,
    "CMMMU_VAL": cmmmu("val"),
    "CMMMU_TEST": cmmmu("test"),
    "mathvista-testmini": mathvista("testmini"),
    "mathvista-test": mathvista("test"),
    "MathVista_MINI": mathvista_table,
    "mme": mme,
    "pope": pope,
    "HallusionBench": hallusion,
    "mmvet": mmvet,
    "llava-bench": llava_bench,
    "mmsi_bench": mmsi,
    "mmsi_bench_circular": mmsi,
    "ost_bench": ost,
    "ost_bench_multi_round": ost_rounds,
    "egoexo_bench": egoexo,
    "mlvu": mlvu,
    "mlvu-test": mlvu_test,
    "mmscan_2d": mmscan,
    **{f"mmscan_2d:{ratio}": partial(mmscan, ratio=ratio) for ratio in RATIOS},
    "vlabench": vlabench,
    "blind_10": blind,
    **mask_formats.MAKERS,
}


def make(name: str, root: Path) -> Path:
    """Write a few questions of the benchmark below `root`, and return `root`."""
    MAKERS[name](root)
    return root
