"""The journal: whole at any byte, resumed by fingerprint, one writer."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightbench.client.journal import Journal, merge
from sightbench.client.lines import from_line, to_line
from sightbench.errors import RunFolderError
from sightbench.files import replace_file
from sightbench.mask_text import MaskText
from sightbench.sample import Failure, Reply, Sent, SentMedia, Usage
from tests.hostile import generator, mutated
from tests.paths import ROOT


def ok(sample: str, text: str = "A", ask: str = "x") -> Reply:
    return Reply(sample, ask, "ok", text=text, usage=Usage(total_tokens=3), sent=Sent(7))


def failed(sample: str) -> Reply:
    return Reply(sample, "x", "error", error=Failure("timeout", "no answer", 504), attempts=3)


def as_masks(objects: object) -> MaskText:
    return MaskText(orjson.dumps(objects))


media = st.builds(
    SentMedia,
    st.sampled_from(["image", "video"]),
    st.integers(0, 99),
    st.just("ab" * 32),
    indices=st.none() | st.just((0, 3, 6)),
    decoded=st.booleans(),
    resized=st.just(()) | st.just(((20, 10),)),
)

replies = st.builds(
    Reply,
    sample=st.text(min_size=1),
    fingerprint=st.text(alphabet="0123456789abcdef"),
    status=st.sampled_from(["ok", "error"]),
    text=st.none() | st.text(),
    reasoning=st.none() | st.text(min_size=1),
    masks=st.none() | st.lists(st.dictionaries(st.text(), st.integers(0, 9)), max_size=2).map(as_masks),
    finish_reason=st.none() | st.sampled_from(["stop", "length"]),
    usage=st.builds(Usage, st.integers(0, 2**32), total_tokens=st.none() | st.integers(0, 2**32)),
    latency_s=st.floats(0, 1e6),
    attempts=st.integers(0, 9),
    error=st.none() | st.builds(Failure, st.text(min_size=1), st.text(), st.none() | st.integers(100, 599)),
    sent=st.none() | st.builds(Sent, st.integers(0, 2**40), st.tuples() | st.tuples(media)),
)


@given(replies)
def test_a_reply_survives_its_line(reply: Reply) -> None:
    line = to_line(reply)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert from_line(line) == reply


def test_lines_of_an_older_version_load() -> None:
    reply = from_line(b'{"sample": "a", "status": "ok", "text": "B", "some_old_field": 1}\n')
    assert (reply.sample, reply.text, reply.fingerprint, reply.attempts) == ("a", "B", "", 1)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400))
def test_cut_at_any_byte_every_whole_line_is_kept(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("run")
    with Journal.open(folder) as journal:
        for index in range(5):
            journal.append(ok(f"s{index}", "text with \n in it"))
    path = folder / "replies.jsonl"
    data = path.read_bytes()
    cut = min(cut, len(data))
    path.write_bytes(data[:cut])
    whole = data[:cut].count(b"\n")
    with Journal.open(folder) as journal:
        tail = cut - (data[:cut].rfind(b"\n") + 1)
        assert journal.torn == tail
        assert len(journal.index()) == whole
        journal.append(ok("next"))
        assert [reply.sample for reply in journal] == [f"s{i}" for i in range(whole)] + ["next"]
    assert (folder / "replies.torn").exists() == (tail > 0)


def test_a_line_longer_than_a_block_is_set_aside_whole(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_bytes(to_line(ok("a")) + b'{"sample": "' + b"x" * 300_000)
    with Journal.open(tmp_path) as journal:
        assert journal.torn == 300_012
        assert list(journal.index()) == ["a"]


def test_the_newest_ok_reply_wins_else_the_newest_error(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        for reply in (ok("a", "old"), ok("a", "new"), failed("a"), failed("b"), ok("b", "late"), failed("c")):
            journal.append(reply)
        read = {sample: journal.read(sample) for sample in ("a", "b", "c", "d")}
    assert read["a"] is not None and read["a"].text == "new"
    assert read["b"] is not None and read["b"].text == "late"
    assert read["c"] is not None and read["c"].error == Failure("timeout", "no answer", 504)
    assert read["d"] is None


DAMAGE = {
    "garbage": (lambda line: b"garbage\n", None),
    "a list": (lambda line: b"[1]\n", None),
    "zeros": (lambda line: bytes(300) + b"\n", None),
    "a BOM": (lambda line: b"\xef\xbb\xbf" + line, "b"),
    "another text": (lambda line: line.replace(b'"text":"A"', b'"text":"B"'), "b"),
    "a flipped bit": (lambda line: line.replace(b'"text":"A"', b'"text":"C"'), "b"),
    "no reply": (lambda line: b'{"sample": 5, "status": "ok"}\n', None),
    "another status": (lambda line: b'{"sample": "b", "status": "fine"}\n', "b"),
    "a text that is none": (lambda line: b'{"sample": "b", "status": "ok", "text": 1}\n', "b"),
    "not UTF-8": (lambda line: b'{"sample": "b", "status": "ok", "text": "\xff"}\n', "b"),
    "deeply nested": (lambda line: b'{"sample": "b", "status": "ok", "x": ' + b"[" * 10**5 + b"\n", "b"),
    "cut short": (lambda line: line[:-30] + b"\n", "b"),
    "glued to the next": (lambda line: line[:-1], "b"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_line_is_set_aside_and_named_and_nothing_else_is_lost(name: str, tmp_path: Path) -> None:
    damage, sample = DAMAGE[name]
    lines = [to_line(ok(letter)) for letter in "abcd"]
    path = tmp_path / "replies.jsonl"
    damaged = damage(lines[1])
    path.write_bytes(lines[0] + damaged + lines[2] + lines[3])
    kept = ["a", "d"] if name.startswith("glued") else ["a", "c", "d"]
    with Journal.open(tmp_path, write=False) as journal:
        assert list(journal.index()) == kept
        (read,) = journal.damaged
    with Journal.open(tmp_path) as journal:
        assert journal.damaged == (read,)
        assert list(journal.index()) == kept
        journal.append(ok("b"))
        assert sorted(journal.index()) == sorted([*kept, "b"])
    assert (read.line, read.sample) == (2, sample) and read.reason.isprintable()
    assert damaged in (tmp_path / "replies.damaged").read_bytes()
    with Journal.open(tmp_path) as journal:
        assert journal.damaged == () and len(journal.index()) == len(kept) + 1


@given(data=st.data())
@generator()
def test_whatever_bit_flips_no_answer_changes(data: st.DataObject, tmp_path: Path) -> None:
    raw = bytearray(b"".join(to_line(ok(letter, f"answer {letter}")) for letter in "abc"))
    at, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    raw[at] ^= 1 << bit
    (tmp_path / "replies.jsonl").write_bytes(raw)
    with Journal.open(tmp_path) as journal:
        read = {reply.sample: reply.text for reply in journal}
        assert all(text == f"answer {sample}" for sample, text in read.items())
        assert len(read) == 3 or journal.damaged or journal.torn


@given(
    lines=st.lists(
        mutated(to_line(ok("b", "B"))) | mutated(b'{"sample": "b", "status": "ok", "usage": {}, "at": 1}')
    ),
)
@generator(100)
def test_whatever_stands_in_a_journal_it_opens_and_its_sound_lines_are_kept(
    tmp_path: Path, lines: list[bytes]
) -> None:
    written = to_line(ok("a")) + b"\n".join(lines) + b"\n" + to_line(ok("c"))
    (tmp_path / "replies.jsonl").write_bytes(written)
    with Journal.open(tmp_path) as journal:
        read = {reply.sample: reply for reply in journal}
        assert read["a"] == ok("a") and read["c"] == ok("c")
        for note in journal.notes():
            assert note.isprintable()
        for place in journal.index().values():
            journal.at(place)


def test_a_journal_that_changes_while_it_is_read_is_an_error_for_people(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(ok("a"))
        place = journal.index()["a"]
        (tmp_path / "replies.jsonl").write_bytes(b"x" * 200 + b"\n")
        with pytest.raises(RunFolderError, match="what changed the file"):
            journal.at(place)


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from sightbench.client.journal import Journal\n"
        "journal = Journal.open(Path(sys.argv[1])); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"open\n"
        with pytest.raises(RunFolderError, match=f"another process.*pid {holder.pid}"):
            Journal.open(tmp_path)
        holder.kill()
    Journal.open(tmp_path).close()


def test_a_full_disk_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with Journal.open(tmp_path) as journal:
        journal.append(ok("a"))
        monkeypatch.setattr(os, "writev", lambda descriptor, data: write(descriptor, data[0][:10]))
        with pytest.raises(RunFolderError, match=r"(?i)no space.*start the same run again"):
            journal.append(ok("b"))

        def refuse(descriptor: int, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "writev", refuse)
        with pytest.raises(RunFolderError):
            journal.append(ok("c"))
        monkeypatch.undo()
        journal.append(ok("d"))
        assert [reply.sample for reply in journal] == ["a", "d"]


def shard(folder: Path, *journal: Reply) -> Path:
    with Journal.open(folder) as opened:
        for reply in journal:
            opened.append(reply)
    return folder


def test_merging_shards_keeps_one_reply_each_and_answers_before_errors(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ok("a"), failed("b"), ok("c"))
    two = shard(tmp_path / "2", ok("b", "B"), ok("c"), failed("a"))
    merged = merge([one, two], tmp_path / "out")
    assert (merged.replies, merged.duplicates) == (3, 1)
    with Journal.open(tmp_path / "out", write=False) as journal:
        assert {reply.sample: reply.text for reply in journal} == {"a": "A", "b": "B", "c": "A"}


@pytest.mark.parametrize(
    ("other", "words"), [(ok("a", ask="y"), "asked a differently"), (ok("a", "B"), "different answers to a")]
)
def test_merging_refuses_conflicts(tmp_path: Path, other: Reply, words: str) -> None:
    with pytest.raises(RunFolderError, match=words):
        merge([shard(tmp_path / "1", ok("a")), shard(tmp_path / "2", other)], tmp_path / "out")


def test_merging_into_a_folder_with_replies_is_refused(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", ok("a"))
    with pytest.raises(RunFolderError, match="new folder"):
        merge([one], shard(tmp_path / "out", ok("z")))


def test_a_replaced_file_is_the_old_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    replace_file(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(RunFolderError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_reading_a_folder_without_replies_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"replies\.jsonl: No such file"):
        Journal.open(tmp_path, write=False)
