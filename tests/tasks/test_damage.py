"""Rows that nobody meant to write: found before anything is asked, named with file and row.

The generator takes the valid files of tests/tasks/formats.py and damages one value, cell, line or byte.
"""

from __future__ import annotations

import functools
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from sightbench.errors import DatasetError, SightbenchError
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems, Selection
from tests.conftest import Command
from tests.hostile import generator
from tests.tasks import formats

BY_NAME = {benchmark.name: benchmark for benchmark in catalog.BENCHMARKS}
KINDS = (
    *("dynbench", "vqa-vqav2-val", "vqa-docvqa-val", "vqa-gqa-testdev", "vqa-chartqa-test", "tiny_lvlm"),
    *("OCRBench", "MMBench_DEV_EN", "MMStar", "scienceqa", "seed", "mmvp", "CRPE_EXIST", "caption-coco"),
    *("caption-nocaps", "refcoco-val", "mme", "pope", "HallusionBench", "mmmu-val", "MMMU_DEV_VAL"),
    *("CMMMU_VAL", "mathvista-testmini", "MathVista_MINI", "mmvet", "llava-bench", "mmsi_bench"),
    *("mmsi_bench_circular", "ost_bench", "ost_bench_multi_round", "egoexo_bench", "mmscan_2d", "vlabench"),
    *(
        "mlvu",
        "blind_10",
        "mevis-valid-u",
        "ref-davis17",
        "ref-youtube-vos",
        "revos",
        "ref-sav",
        "groundmore",
    ),
    *("reasonvos", "refcoco-seg-val", "refcocog-seg-val", "grefcoco-val", "reasonseg-val"),
)
DEEP: Any = json.loads("[" * 400 + "]" * 400)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        float("inf"),
        10**30,
        "",
        " ",
        "\0",
        "\ud800",
        "../../etc/passwd",
        "[/red]",
    ),
    *([], [None], {}, {"a": []}, DEEP, "x" * 3000, "[1", "\x1b[31m", ["a", 3], "nan"),
)


CELLS = ("", " ", "None", "[1", "(" * 500, "\0", "9" * 5000, "{", '"', "A" * 70, "../x", "{1: [}")


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    if at:
        yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from places(each, (*at, key))


def change(value: Any, at: tuple[Any, ...], to: Any) -> None:
    for key in at[:-1]:
        value = value[key]
    value[at[-1]] = to


def damage(path: Path, draw: random.Random) -> None:
    """One thing in the file is no longer what it was."""
    raw = path.read_bytes()
    ways = ["cut", "flip", "line"]
    text = raw.decode(errors="surrogateescape")
    if path.suffix in (".json", ".jsonl"):
        ways += ["value"] * 6
    if path.suffix in (".tsv", ".csv"):
        ways += ["cell"] * 6
    way = draw.choice(ways)
    if way == "cut":
        path.write_bytes(raw[: draw.randrange(len(raw) + 1)])
    elif way == "flip":
        at = draw.randrange(len(raw))
        path.write_bytes(raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :])
    elif way == "line":
        lines = text.splitlines(keepends=True)
        lines.insert(draw.randrange(len(lines) + 1), draw.choice(lines))
        path.write_text("".join(lines), errors="surrogateescape")
    elif way == "cell":
        lines = text.split("\n")
        row = draw.randrange(len(lines))
        cells = lines[row].split("\t" if path.suffix == ".tsv" else ",")
        cells[draw.randrange(len(cells))] = draw.choice(CELLS)
        lines[row] = ("\t" if path.suffix == ".tsv" else ",").join(cells)
        path.write_text("\n".join(lines), errors="surrogateescape")
    else:
        rows = (
            [json.loads(line) for line in text.splitlines()]
            if path.suffix == ".jsonl"
            else [json.loads(text)]
        )
        row = draw.randrange(len(rows))
        spots = list(places(rows[row]))
        to = draw.choice(VALUES)
        if spots:
            change(rows[row], draw.choice(spots), to)
        written = [json.dumps(each) for each in rows]
        if draw.random() < 0.1:
            written[row] = written[row].replace("null", "9" * 5000, 1).replace('"', '"question": 1, "', 1)
        path.write_text("\n".join(written))


def question_files(root: Path) -> list[Path]:
    endings = (".json", ".jsonl", ".tsv", ".csv", ".txt", ".parquet", ".p")
    return sorted(path for path in root.rglob("*") if path.suffix in endings)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The valid files of a benchmark, made once."""
    return functools.cache(lambda name: formats.make(name, tmp_path_factory.mktemp("tree")))


@given(draw=st.randoms(use_true_random=False))
@generator(400)
def test_damaged_files_give_good_samples_or_a_line_about_them(
    trees: Callable[[str], Path], draw: random.Random
) -> None:
    name = draw.choice(KINDS)
    root = trees(name)
    path = draw.choice(question_files(root))
    before = path.read_bytes()
    try:
        damage(path, draw)
        note(f"{name}: {path.relative_to(root)} is {path.read_bytes()[:4000]!r}")
        problems = Problems()
        profile = draw.choice(BY_NAME[name].profiles)
        try:
            samples = list(catalog.read(Selection(BY_NAME[name]), root, profile, problems))
        except SightbenchError as error:
            assert str(error)
            return
        for sample in samples:
            assert isinstance(sample.id, str) and isinstance(sample.category, str)
            orjson.dumps([sample.id, sample.category, sample.task, sample.group])
            orjson.dumps(dict(sample.meta), option=orjson.OPT_NON_STR_KEYS)
        for broken in problems.broken:
            assert str(broken).isprintable() or "\n" not in str(broken)
    finally:
        path.write_bytes(before)


def broken(name: str, root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        list(catalog.read(Selection(BY_NAME[name]), root))
    return str(caught.value).replace(f"{root}/", "")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("answer", {"a": 1}, "answer is wrong: expected int | float | str | array | null, got object"),
        ("question", None, "question is wrong: expected str, got null"),
        ("question", 7, "question is wrong: expected str, got int"),
        ("question", ["a"], "question is wrong: expected str, got array"),
        ("question", " ", "has an empty question"),
        ("question", "\ud800", "lone surrogate"),
        ("image", "\0", "is not on disk"),
        ("question_id", 10**40, "cannot be stored"),
        ("extra", DEEP, ""),
    ],
)
def test_a_damaged_row_of_json_lines_is_named(column: str, value: Any, words: str, tmp_path: Path) -> None:
    formats.make("vqa-ocrvqa-test", tmp_path)
    path = tmp_path / "data/ocrvqa/ocrvqa_test.jsonl"
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    path.write_text("".join(json.dumps(row) + "\n" for row in (first, {**second, column: value})))
    if not words:
        assert len(list(catalog.read(Selection(BY_NAME["vqa-ocrvqa-test"]), tmp_path))) == 2
        return
    said = broken("vqa-ocrvqa-test", tmp_path)
    assert words in said and "data/ocrvqa/ocrvqa_test.jsonl" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' appears twice"),
        ('{"a": ' + "9" * 5000 + "}", "an integer has thousands of digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": "\xff"}', "not UTF-8"),
    ],
)
def test_json_that_is_no_row_is_named_with_its_line(line: str, words: str, tmp_path: Path) -> None:
    formats.make("vqa-ocrvqa-test", tmp_path)
    path = tmp_path / "data/ocrvqa/ocrvqa_test.jsonl"
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    said = broken("vqa-ocrvqa-test", tmp_path)
    assert words in said and "ocrvqa_test.jsonl:3" in said


@pytest.mark.parametrize("width", [None, "wide", 0, -3])
def test_a_width_that_is_no_number_is_named(width: Any, tmp_path: Path) -> None:
    formats.make("refcoco-val", tmp_path)
    path = tmp_path / "data/refcoco/refcoco_val.jsonl"
    row = json.loads(path.read_text())
    formats.lines(path, [{**row, "width": width}])
    assert "width is wrong" in broken("refcoco-val", tmp_path)


def test_a_blank_gold_in_a_table_is_named(tmp_path: Path) -> None:
    formats.make("MMStar", tmp_path)
    path = tmp_path / "MMStar.tsv"
    path.write_text(path.read_text().replace("black\tB\t", "black\t  \t", 1))
    assert "has a blank answer" in broken("MMStar", tmp_path)


@pytest.mark.parametrize(
    ("change_to", "words"),
    [
        ({"object_1/../../x": {"question": "Segment."}}, "cannot be an object's name"),
        ({"..": {"question": "Segment."}}, "cannot be an object's name"),
        ({"a\0b": {"question": "Segment."}}, "cannot be an object's name"),
        ({"object_1": {"question": ["Segment."]}}, "object_1 has no question"),
    ],
)
def test_an_object_that_cannot_be_one_is_named(change_to: Any, words: str, tmp_path: Path) -> None:
    formats.make("dynbench", tmp_path)
    formats.put(tmp_path / "multi_json/davis/cow_objmask.json", change_to)
    assert words in broken("dynbench", tmp_path)


def test_a_pair_is_a_text(tmp_path: Path) -> None:
    formats.make("dynbench", tmp_path)
    question = {"question": "Where?", "options": ["A. left", "B. right"], "answer": "B", "pair": ["a"]}
    formats.put(tmp_path / "multi_json/davis/cow_qa.json", [question])
    assert "question 0 has a pair that is no text" in broken("dynbench", tmp_path)


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    formats.make("dynbench", tmp_path)
    folder = os.fsencode(tmp_path / "multi_json/davis")
    Path(os.fsdecode(folder + b"/\xff_qa.json")).write_text("[]")
    assert "is not UTF-8" in broken("dynbench", tmp_path)


def test_a_pipe_is_no_file_and_hangs_nothing(tmp_path: Path) -> None:
    formats.make("dynbench", tmp_path)
    path = tmp_path / "data.json"
    os.mkfifo(path)
    formats.make("MMStar", tmp_path / "other")
    (tmp_path / "other/MMStar.tsv").unlink()
    os.mkfifo(tmp_path / "other/MMStar.tsv")
    with pytest.raises(SightbenchError, match="its questions are not below"):
        list(catalog.read(Selection(BY_NAME["MMStar"]), tmp_path / "other"))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("type", "no such type", "'no such type' is no kind of question"),
        ("answer", "none of them", "'none of them' is none of the options"),
    ],
)
def test_a_conversation_that_cannot_be_judged_is_named_before_anything_is_asked(
    run: Command, tmp_path: Path, baseline: str, column: str, value: str, words: str
) -> None:
    table = formats.make("ost_bench", tmp_path / "data") / "ost_bench.tsv"
    head, row = (line.split("\t") for line in table.read_text().splitlines())
    changed = {column: value, "index": "1"}
    bad = [changed.get(name, cell) for name, cell in zip(head, row, strict=True)]
    table.write_text("".join("\t".join(line) + "\n" for line in (head, row, bad)))
    asked = ("--endpoint", baseline, "--task", "ost_bench", "--data", tmp_path / "data", "--out", "RUN")
    code, _, err = run(*asked, "--quiet")
    assert code == 1 and words in err and "ost_bench.tsv" in err
    assert not Path("RUN/replies.jsonl").exists()
    code, out, err = run(*asked, "--quiet", "--skip-broken")
    assert code == 0 and len(Path("RUN/replies.jsonl").read_text().splitlines()) == 1
    assert words in out + err + Path("RUN/report.txt").read_text()


@pytest.mark.parametrize(
    "name",
    [
        *("MMStar", "mme", "pope", "vqa-gqa-testdev", "davis17-semi", "sa-v-val", "mosev2", "reasonseg-val"),
        *("refcocog-seg-val", "groundmore", "reasonvos", "mevis-valid"),
    ],
)
def test_files_saved_on_windows_hold_the_same(name: str, tmp_path: Path) -> None:
    root = formats.make(name, tmp_path)
    before = [(sample.id, sample.gold) for sample in catalog.read(Selection(BY_NAME[name]), root)]
    for path in question_files(root):
        if path.suffix != ".p":
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n  \r\n")
    after = [(sample.id, sample.gold) for sample in catalog.read(Selection(BY_NAME[name]), root)]
    assert before == after


@pytest.mark.parametrize("name", ["seed", "MMStar", "mathvista-testmini"])
def test_two_questions_of_one_id_are_named(name: str, tmp_path: Path, run: Command) -> None:
    if name == "MMStar":
        row = {"index": 0, "question": "?\nOptions: A: a, B: b", "image": formats.picture(), "answer": "A"}
        (data := tmp_path / "data/MMStar").mkdir(parents=True)
        formats.parquet(data / "val.parquet", [row, {**row, "answer": "B"}])
    else:
        formats.make(name, tmp_path / "data")
    for path in (tmp_path / "data").rglob("*.parquet"):
        path.with_name(f"{path.stem}-again.parquet").write_bytes(path.read_bytes())
    for path in (tmp_path / "data").rglob("seed.jsonl"):
        path.write_text(path.read_text() + path.read_text().replace('"B"', '"A"'))
    flags = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "M", "--dry-run")
    code, _, err = run(*flags, "--task", name, "--data", tmp_path / "data")
    assert code == 1 and "is another one's already" in err
    assert run(*flags, "--task", name, "--data", tmp_path / "data", "--skip-broken")[0] == 0
