"""A downloaded pickle is read as data, and whatever it would run is refused by name."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import pytest

from sightbench import safe_pickle
from sightbench.errors import DatasetError


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    data = {"a": [1, 2.5, None, True, "ä", ("x", b"\xff\x00")], "b": {"size": [3, 4], "counts": b"04"}}
    path = tmp_path / "refs.p"
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    assert safe_pickle.load(path) == data


def test_a_pickle_that_would_run_something_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    path = tmp_path / "refs.p"
    path.write_bytes(pickle.dumps([Hostile(tmp_path / "ran")]))
    with pytest.raises(
        DatasetError, match=r"refs\.p: not a pickle of plain data: it names (posix|nt)\.mkdir"
    ):
        safe_pickle.load(path)
    assert not (tmp_path / "ran").exists()


def test_damaged_pickles_are_one_line_each(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": list(range(50)), "b": "text" * 20})
    rng = random.Random(0)
    path = tmp_path / "refs.p"
    for _ in range(300):
        damaged = bytearray(whole[: rng.randrange(len(whole))])
        for _ in range(rng.randrange(3)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(bytes(damaged))
        try:
            safe_pickle.load(path)
        except DatasetError as error:
            assert "\n" not in str(error)
