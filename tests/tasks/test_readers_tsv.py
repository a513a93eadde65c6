from __future__ import annotations

import base64
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightbench.errors import DatasetError
from sightbench.sample import NO_VALUE, Slice
from sightbench.tasks.benchmark import Problems
from sightbench.tasks.readers.files import tsv
from tests.tasks import formats


def read(path: Path, *roots: Path) -> tuple[list[tsv.TableRow], list[str], Problems]:
    problems = Problems()
    rows = list(tsv.rows(path, problems, roots))
    return rows, [str(error).removeprefix(str(path)) for error in problems.broken], problems


def bytes_of(media: object) -> bytes:
    assert isinstance(media, Slice) and media.encoding == "base64"
    with media.path.open("rb") as file:
        file.seek(media.offset)
        return base64.b64decode(file.read(media.length), validate=True)


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.booleans())
def test_cells_are_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], quote_all: bool
) -> None:
    path = tmp_path_factory.mktemp("tsv") / "a.tsv"
    quoting: Any = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=quoting)
        writer.writerow(["index", "question", "hint", "image"])
        for number, pair in enumerate(pairs):
            writer.writerow([number, *pair, formats.in_base64(number)])
    rows, broken, _ = read(path)
    assert broken == []
    expected = [tuple(None if cell in NO_VALUE else cell for cell in pair) for pair in pairs]
    assert [(row.cells["question"], row.cells["hint"]) for row in rows] == expected
    assert [bytes_of(row.images[0]) for row in rows] == [formats.picture(n) for n in range(len(rows))]


@pytest.mark.parametrize("word", ["None", "NA", "nan", "null", "N/A", "NULL", "<NA>", ""])
def test_words_that_pandas_takes_for_nothing_are_nothing(tmp_path: Path, word: str) -> None:
    row = {"index": 1, "question": "?", "A": word, "B": "none", "image": formats.in_base64()}
    rows, _, _ = read(formats.table(tmp_path / "a.tsv", [row]))
    assert rows[0].cells["A"] is None
    assert rows[0].cells["B"] == "none"


def test_lists_of_images_are_found_in_either_spelling(tmp_path: Path) -> None:
    images = [formats.in_base64(1), formats.in_base64(2)]
    rows, _, _ = read(
        formats.table(
            tmp_path / "a.tsv",
            [
                {"index": 1, "image": json.dumps(images), "question": "a\tb"},
                {"index": 2, "image": repr(images), "question": "c"},
                {"index": 3, "image": formats.in_base64(3), "question": "d"},
            ],
        )
    )
    found = [[bytes_of(image) for image in row.images] for row in rows]
    assert found == [[formats.picture(1), formats.picture(2)]] * 2 + [[formats.picture(3)]]


def test_an_image_cell_may_point_to_another_row_before_or_after(tmp_path: Path) -> None:
    rows, broken, _ = read(
        formats.table(
            tmp_path / "a.tsv",
            [
                {"index": 1, "image": formats.in_base64(1)},
                {"index": 1000001, "image": 1},
                {"index": 2, "image": 3},
                {"index": 3, "image": formats.in_base64(3)},
                {"index": 4, "image": 99},
            ],
        )
    )
    assert [(row.cells["index"], bytes_of(row.images[0])) for row in rows] == [
        ("1", formats.picture(1)),
        ("1000001", formats.picture(1)),
        ("2", formats.picture(3)),
        ("3", formats.picture(3)),
    ]
    assert broken == [":6: the image cell points to the image of 99, which has none"]


def test_rows_without_an_image_are_left_out_and_counted(tmp_path: Path) -> None:
    path = formats.table(
        tmp_path / "a.tsv",
        [{"index": 1, "image": ""}, {"index": 2, "image": formats.in_base64()}, {"index": 3, "image": "NA"}],
    )
    rows, broken, problems = read(path)
    assert [row.cells["index"] for row in rows] == ["2"] and broken == []
    assert problems.notes() == [f"2 left out, rows without an image: {path}"]


def test_image_paths_are_looked_for_below_the_roots(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        formats.put(tmp_path / "images/X" / name, formats.picture())
    path = formats.table(
        tmp_path / "a.tsv",
        [
            {"index": 1, "image_path": "a.jpg"},
            {"index": 2, "image_path": "['a.jpg', 'b.jpg']"},
            {"index": 3, "image_path": str(tmp_path / "images/X/b.jpg")},
            {"index": 4, "image_path": "missing.jpg"},
        ],
    )
    rows, broken, _ = read(path, tmp_path / "images/X")
    assert [[Path(str(image)).name for image in row.images] for row in rows] == [
        ["a.jpg"],
        ["a.jpg", "b.jpg"],
        ["b.jpg"],
    ]
    assert broken == [":5: the image missing.jpg is not on disk"]


def test_broken_rows_are_named_by_line_and_lose_nothing_else(tmp_path: Path) -> None:
    image = formats.in_base64()
    path = formats.put(
        tmp_path / "a.tsv",
        "index\tquestion\timage\n"
        f'1\t"two\nlines"\t{image}\n'
        f"2\ttoo\tmany\t{image}\n"
        f"3\ttoo few\n"
        f"1\tagain\t{image}\n"
        f"\tno index\t{image}\n"
        "\n"
        f"4\tfine\t{image}\r\n"
        f"5\tno image here\t{'!' * 80}\n"
        f'6\t"never ends\t{image}\n',
    )
    rows, broken, _ = read(path)
    assert [(row.cells["index"], row.line) for row in rows] == [("1", 2), ("4", 9)]
    assert broken == [
        ":4: has 4 cells, the header 3",
        ":5: has 2 cells, the header 3",
        ":6: the id 1 was already on line 2",
        ":7: has no index",
        ":10: the image cell is no image",
        ":11: a quoted cell that begins in this row never ends",
    ]


def test_a_row_that_is_not_utf8_is_named_and_not_asked_with_other_letters(tmp_path: Path) -> None:
    rows = [{"index": n, "question": f"Où est {n} ?", "image": formats.in_base64()} for n in range(2)]
    path = formats.table(tmp_path / "a.tsv", rows)
    content = path.read_text().replace("Où est 0", "Where is 0").encode("cp1252")
    path.write_bytes(content)
    good, broken, _ = read(path)
    assert [row.cells["index"] for row in good] == ["0"]
    assert broken == [":3: not UTF-8 text"]
    path.write_text(content.decode("cp1252"), encoding="utf-16")
    with pytest.raises(DatasetError, match=r"a\.tsv:1: not UTF-8 text"):
        read(path)


def test_a_file_that_is_no_such_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is empty"):
        read(formats.put(tmp_path / "empty.tsv", ""))
    with pytest.raises(DatasetError, match="no column named index"):
        read(formats.put(tmp_path / "other.tsv", "a\tb\n1\t2\n"))
    with pytest.raises(DatasetError, match="cannot be read"):
        read(tmp_path / "absent.tsv")


def test_reading_holds_spans_and_not_images(tmp_path: Path) -> None:
    import tracemalloc

    heavy = base64.b64encode(bytes(600_000)).decode()
    path = formats.table(
        tmp_path / "a.tsv", [{"index": n, "question": "?", "image": heavy} for n in range(30)]
    )
    tracemalloc.start()
    seen = sum(1 for _ in tsv.rows(path, Problems(), ()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 30
    assert peak < 600_000
