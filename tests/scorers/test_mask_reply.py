"""A reply's masks judged: every policy is visible, nothing a server sends breaks the scorer."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.request

import numpy as np
import orjson
import pytest
from hypothesis import given

from sightbench import rle
from sightbench.mask_text import MaskText
from sightbench.rle import MaskError
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.scorer import JF
from sightbench.scorers.masks.truth import Truth
from tests.hostile import generator, mutated
from tests.scorers.hostile_masks import REFUSED

SQUARE = rle.from_array(np.pad(np.ones((20, 20), bool), 10))
WIRE = rle.to_wire(SQUARE)
TRUTH = Truth((SQUARE,) * 3)


def reply(*objects):
    return [
        {"object_id": i, "token_index": 4, "size": [40, 40], "rles": frames}
        for i, frames in enumerate(objects)
    ]


def grade_masks(sent, masks, truth, definition="dynbench"):
    return JF.grade(masks, truth, {"num_frames": sent}, definition)


def test_a_sound_reply_is_scored():
    grade = grade_masks(3, reply([WIRE] * 3), TRUTH)
    assert (grade.value, grade.status, grade.detail["notes"]) == (1.0, "scored", [])
    assert {
        key: grade.detail[key] for key in ("J", "F", "frames_sent", "frames_returned", "frames_scored")
    } == {
        "J": 1.0,
        "F": 1.0,
        "frames_sent": 3,
        "frames_returned": 3,
        "frames_scored": 3,
    }
    json.dumps(grade.detail)


@pytest.mark.parametrize(("masks", "rule"), [(None, "no masks field"), ([], "no object")])
def test_no_object_is_zero_and_counted_as_no_answer(masks, rule):
    grade = grade_masks(3, masks, TRUTH)
    assert (grade.value, grade.status, grade.rule) == (0.0, "unparsed", rule)


def test_only_the_first_object_counts_and_that_is_said():
    empty = rle.to_wire(rle.empty(40, 40))
    grade = grade_masks(3, reply([WIRE] * 3, [empty] * 3), TRUTH)
    assert (grade.value, grade.detail["objects_returned"]) == (1.0, 2)
    assert grade.detail["notes"] == ["2 objects returned: the first is scored"]


def test_missing_frames_by_definition():
    dynbench = grade_masks(3, reply([WIRE]), TRUTH)
    assert (dynbench.value, dynbench.detail["frames_scored"]) == (1.0, 1)
    assert dynbench.detail["notes"] == ["2 frames without a mask: left out of the mean"]
    mevis = grade_masks(3, reply([WIRE]), TRUTH, "mevis")
    assert mevis.value == pytest.approx(1 / 3)
    assert mevis.detail["notes"] == ["2 frames without a mask: scored as empty masks"]


def test_extra_frames_by_definition():
    dynbench = grade_masks(3, reply([WIRE] * 5), TRUTH)
    assert (dynbench.value, dynbench.detail["notes"]) == (1.0, ["2 masks beyond the last frame: ignored"])
    mevis = grade_masks(3, reply([WIRE] * 5), TRUTH, "mevis")
    assert (mevis.value, mevis.status) == (0.0, "unparsed")
    assert mevis.detail["error"] == "mask: 5 masks for 3 frames"


def test_far_too_many_frames_are_refused_unread():
    grade = grade_masks(3, reply([object()] * 13), TRUTH)
    assert grade.detail["error"] == "mask: 13 masks for 3 frames sent"


def test_null_frames_are_empty_masks():
    grade = grade_masks(3, reply([WIRE, None, WIRE]), TRUTH)
    assert grade.value == pytest.approx(2 / 3)
    assert grade.detail["notes"] == ["1 null frames: scored as empty masks"]


def test_other_sizes_by_definition():
    half = rle.encode(np.pad(np.ones((10, 10), bool), 5))
    dynbench = grade_masks(3, reply([half] * 3), TRUTH)
    assert dynbench.value == 1.0
    assert dynbench.detail["notes"] == ["3 masks of another size: resized to the ground truth (nearest)"]
    mevis = grade_masks(3, reply([WIRE, half, half]), TRUTH, "mevis")
    assert (mevis.value, mevis.detail["frame"]) == (0.0, 1)
    assert "size [20, 20] is not the frame's [40, 40]" in mevis.detail["error"]


def test_no_frame_that_counts_is_no_number():
    grade = grade_masks(3, reply([WIRE] * 2), Truth((SQUARE,) * 2), "davis")
    assert (grade.value, grade.status) == (None, "ungraded")


def test_odd_ground_truth_is_said():
    truth = Truth((SQUARE,) * 3, ("ground truth missing for frames [1]: scored as empty masks",))
    assert grade_masks(3, reply([WIRE] * 3), truth).detail["notes"] == list(truth.notes)


def test_broken_ground_truth_is_not_the_models_fault():
    with pytest.raises(MaskError, match="ground truth of frame 0"):
        grade_masks(3, reply([WIRE]), Truth((rle.Rle(40, 40, "0"),)))


@pytest.mark.parametrize(
    "objects", [["x"], [None], [{}], [{"rles": None}], [{"rles": "abc"}], [[WIRE]], [{"rles": {}}], [7]]
)
def test_objects_that_are_none_are_named(objects):
    grade = grade_masks(3, objects, TRUTH)
    assert (grade.value, grade.status, grade.rule) == (0.0, "unparsed", "invalid mask")
    assert "rles" in grade.detail["error"]


@pytest.mark.parametrize("masks", [{"0": WIRE}, "abc", 7, True])
def test_masks_that_are_no_list_are_named(masks):
    grade = grade_masks(3, masks, TRUTH)
    assert (grade.value, grade.rule) == (0.0, "invalid mask")
    assert "masks must be a list" in grade.detail["error"]


def as_json(wire: object) -> bytes:
    def plain(value: object) -> object:
        return value.decode("latin-1") if isinstance(value, bytes) else value

    if isinstance(wire, dict):
        wire = {key: plain(value) for key, value in wire.items()}
    return json.dumps(
        {"choices": [{"message": {"content": "[SEG]", "masks": reply([WIRE, wire, WIRE])}}]}
    ).encode()


@pytest.fixture(scope="module")
def hostile_server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = as_json(list(REFUSED.values())[int(self.path[1:])][0])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


# what Python's own JSON refuses to read (10**5000) never reaches a scorer
OVER_HTTP = [name for name in REFUSED if "5000 digits" not in name]


@pytest.mark.parametrize("core", boundary.cores())
def test_hostile_masks_over_http_are_a_clear_error(core, hostile_server, monkeypatch):
    monkeypatch.setenv(boundary.CORE_VARIABLE, core)
    for place, name in enumerate(REFUSED):
        if name not in OVER_HTTP:
            continue
        with urllib.request.urlopen(f"{hostile_server}/{place}", timeout=30) as answer:
            message = json.load(answer)["choices"][0]["message"]
        grade = grade_masks(3, message["masks"], TRUTH)
        assert (grade.value, grade.status, grade.rule) == (0.0, "unparsed", "invalid mask"), name
        assert grade.detail["frame"] == 1, name
        assert REFUSED[name][1] in grade.detail["error"], name


@given(mutated(orjson.dumps(reply([WIRE, None, {"size": [40, 40], "counts": [1600]}], [WIRE] * 3))))
@generator()
def test_whatever_is_sent_as_masks_gets_a_grade_or_a_reason(raw: bytes) -> None:
    try:
        masks = MaskText(raw).objects(3)
    except MaskError as error:
        assert str(error)
        return
    for definition in ("dynbench", "mevis", "davis"):
        grade = grade_masks(3, masks, TRUTH, definition)
        assert grade.value is None or 0 <= grade.value <= 1
        orjson.dumps(grade.detail)
