"""Answers from other tools' files find the samples they belong to."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from sightbench.errors import DatasetError
from sightbench.sample import Json, Sample
from sightbench.tasks.readers import predictions
from tests.hostile import generator, mutated
from tests.tasks import formats


def sample(id: str, order: int = 0, **meta: Json) -> Sample:
    return Sample(id, "bench", "task", "", (), order=order, meta=meta)


def workbook(path: Path) -> None:
    book = Workbook()
    book.active.append(["index", "question", "A", "prediction"])
    book.active.append([7, "Which?", "cat", "B"])
    book.save(path)


WRITERS = {
    "ours.jsonl": '{"sample": "bench/7", "ask": "x", "status": "ok", "text": "B"}\n',
    "plain.jsonl": '{"id": "7", "prediction": "B"}\n',
    "questions.jsonl": '{"question_id": 7, "text": "B"}\n',
    "lmms.jsonl": '{"doc_id": 3, "doc": {}, "target": "A", "filtered_resps": ["B"], "resps": [["B."]]}\n',
    "internvl.json": '[{"question_id": 7, "question": "?", "answer": "B"}]',
    "mmmu.json": '{"7": "B"}',
    "rows.json": '[{"index": 7, "question": "?", "prediction": "B"}]',
    "nested.json": '{"7": {"response": "B"}}',
    "table.tsv": "index\tquestion\tprediction\n7\twhich\tB\n",
    "table.csv": 'index,prediction\n7,"B"\n',
}


@pytest.mark.parametrize("name", [*WRITERS, "table.xlsx"])
def test_each_form_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "table.xlsx":
        workbook(path)
    else:
        path.write_text(WRITERS[name])
    read = predictions.read(path)
    assert read.find(sample("bench/7", order=3, question_id=7)) == (True, "B")
    assert read.find(sample("bench/8", order=4, question_id=8)) == (False, None)


def test_a_failed_request_of_another_tool_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"index": 1, "prediction": "Failed to obtain answer via API."}]))
    assert predictions.read(path).find(sample("bench/1")) == (True, None)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_from_windows_is_read_too(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(WRITERS[name], encoding="utf-8")
    plain = predictions.read(tmp_path / name)
    text = WRITERS[name].replace("\n", "\r\n")
    (tmp_path / name).write_bytes(text.encode("utf-8-sig"))
    assert predictions.read(tmp_path / name) == plain


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.jsonl",
            '{"id": 1, "prediction": "A"}\n{"id": 1, "prediction": "B"}\n',
            "a.jsonl:2: id '1' is answered twice",
        ),
        ("a.jsonl", '{"id": 1, "prediction": "A"}\n{"id": 2}\n', "a.jsonl:2: no answer in this record"),
        ("a.jsonl", '{"prediction": "A"}\n', "a.jsonl:1: no id in this record"),
        ("a.jsonl", "nonsense\n", "a.jsonl:1: not valid JSON"),
        ("a.jsonl", "\n", "holds no answers"),
        ("a.xlsx", "nonsense", "not a readable xlsx file"),
        ("a.pdf", "nonsense", "predictions end in"),
        ("a.csv", "index,prediction\n1,A\n2\n", "a.csv:3: no answer in this record"),
        ("a.csv", "index,prediction\n1,No, it is not\n", "a.csv:2: has more cells than the header"),
        (
            "a.tsv",
            "index\tquestion\tA\tanswer\n1\t?\tx\tA\n",
            "a.tsv:2: holds a question with its right answer",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_line(name: str, content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DatasetError, match=words.replace("(", r"\(")):
        predictions.read(path)


def test_answers_in_a_spreadsheet_are_graded_as_a_run(run, tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    code, out, err = run("tasks", "MMStar", "--data", data)
    assert code == 0
    index = out.split("prompt of ")[1].split()[0].rsplit("/", 1)[-1]
    book = Workbook()
    book.active.append(["index", "prediction"])
    book.active.append([index, "A"])
    book.save(tmp_path / "model_MMStar.xlsx")
    flags = ("--task", "MMStar", "--data", data, "--predictions", tmp_path / "model_MMStar.xlsx")
    code, out, err = run("grade", *flags, "--out", "RUN")
    scores = [json.loads(line) for line in Path("RUN/scores.jsonl").read_text().splitlines()]
    assert sum(score["status"] == "scored" for score in scores) == 1, out + err
    assert code == (0 if len(scores) == 1 else 1)


def test_a_table_with_both_is_matched_by_its_id(tmp_path: Path) -> None:
    """InternSR's MMScan file counts rows in `index` and names questions in `ID`."""
    path = tmp_path / "M_mmscan_2d.tsv"
    path.write_text("index\tID\tprediction\n1\tOOa__scene__7\ta chair\n")
    found = predictions.read(path).find(sample("bench/OOa__scene__7", ID="OOa__scene__7"))
    assert found == (True, "a chair")


def test_dyn_benchs_own_folder_is_read(tmp_path: Path) -> None:
    record = {"question": "?", "options": [], "answer": "A", "model_predict": "B", "accuracy": 0.0}
    formats.put(
        tmp_path / "qa_details/davis/cow_2_cameraqa_details.json", [record, {**record, "model_predict": "C"}]
    )
    read = predictions.read(tmp_path / "qa_details")
    assert read.find(sample("davis/cow_2/cameraqa/1")) == (True, "C")


def test_vlabenchs_output_is_read(tmp_path: Path) -> None:
    plan = [{"name": "pick", "params": {}}]
    output = {
        "benchmeatinfo": {"existing_num": 3},
        "select_toy": {
            "0": {"origin_output": "said", "skill_sequence": plan},
            "1": {"skill_sequence": plan},
            "2": {"format_error": "format_error"},
        },
    }
    read = predictions.read(formats.put(tmp_path / "output.json", output))
    assert read.find(sample("vlabench/M&T/select_toy/example0"))[0] is False  # another benchmark's name
    names = [Sample(f"vlabench/M&T/select_toy/example{n}", "vlabench", "M&T", "", ()) for n in range(3)]
    answers = [read.find(name) for name in names]
    assert answers[0] == (True, "said") and answers[2] == (True, "format_error")
    assert json.loads(str(answers[1][1]).split("```json")[1].split("```")[0]) == plan


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "3", "neither a list nor an object"),
        ("a.json", "null", "neither a list nor an object"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.jsonl", '{"doc_id": "x", "prediction": "A"}', "the doc_id x is no number"),
        ("a.csv", "index,prediction\n1,\xff\n", "not a readable table"),
        ("a.json", "[1]", "not an object"),
    ],
)
def test_what_holds_no_answers_is_refused_in_a_line(
    name: str, content: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match=words):
        predictions.read(path)


def test_a_book_that_unpacks_to_a_flood_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook(tmp_path / "a.xlsx")
    monkeypatch.setattr(predictions, "LARGEST_BOOK", 100)
    with pytest.raises(DatasetError, match="unpacks to more than"):
        predictions.read(tmp_path / "a.xlsx")


DAMAGED = st.one_of(
    *(
        st.tuples(st.just(name), mutated(text.strip().encode()))
        for name, text in WRITERS.items()
        if name.endswith(("json", "jsonl"))
    ),
    st.tuples(st.sampled_from(["a.csv", "a.tsv", "a.xlsx", "a.jsonl"]), st.binary(max_size=60)),
    st.tuples(
        st.sampled_from(["a.csv", "a.tsv"]),
        st.text(alphabet='index,\t"prediction\n\r\0 7B', max_size=80).map(
            lambda text: ("index,prediction\n" + text).encode()
        ),
    ),
)


@given(DAMAGED)
@generator()
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, file: tuple[str, bytes]) -> None:
    path = tmp_path / file[0]
    path.write_bytes(file[1])
    try:
        read = predictions.read(path)
    except DatasetError as error:
        assert str(error).isprintable() and len(str(error)) < 1000
    else:
        found = read.find(sample("bench/7", order=3, question_id=7))
        orjson.dumps([found, list(read.by_id.values()), list(read.by_position.values())])
