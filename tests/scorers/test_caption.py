"""Caption metrics: published corpus numbers, and what a single image can have."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.caption import CAPTION, bleu, caption_scores, cider_d, rouge_l
from tests.scorers.rows import part, rows, shared


@pytest.mark.parametrize(("system", "cider", "bleu_4"), [("B", 0.7092, 0.4565), ("C", 0.5525, 0.4159)])
def test_abstract_scenes_give_the_published_numbers(system: str, cider: float, bleu_4: float) -> None:
    folder = shared("cider")
    references: dict[str, list[str]] = defaultdict(list)
    for line in json.loads((folder / "abstract48S.json").read_text()):
        references[line["image_id"]].append(line["caption"])
    answers: dict[str, str] = {}
    for line in json.loads((folder / f"abstract_cands{system}.json").read_text()):
        answers.setdefault(line["image_id"], line["caption"])
    scores = caption_scores(list(answers.values()), [references[image] for image in answers])
    assert round(scores["CIDEr"], 4) == cider
    assert round(scores["Bleu_4"], 4) == bleu_4


def test_eighty_coco_images_left_one_out() -> None:
    file = shared("coco_caption") / "caps_boxes_coco2014_val_80.jsonl"
    captions = [json.loads(line)["captions"] for line in file.read_text().splitlines()]
    items = [{"prediction": first, "gold": others} for first, *others in captions]
    fields = {"rows": items}
    grade = CAPTION.grade("", None, fields, "official")
    assert grade.value is not None
    assert round(grade.value, 4) == 0.9532
    assert round(grade.detail["Bleu_4"], 4) == 0.1655
    assert round(grade.detail["ROUGE_L"], 4) == 0.4415

    report = CAPTION.aggregate(rows(CAPTION, "official", items), "official")
    assert (report.name, report.n) == ("CIDEr", 80)
    assert report.value == pytest.approx(100 * grade.value)
    assert report.interval is not None and report.interval[0] < report.value < report.interval[1]
    assert part(report, "Bleu_4").value == pytest.approx(100 * grade.detail["Bleu_4"])
    assert part(report, "caption length").value == pytest.approx(
        np.mean([len(first.split()) for first, *_ in captions])
    )
    assert part(report, "METEOR").value is not None or part(report, "METEOR").note.startswith("n/a")


def test_vlmevalkit_takes_captions_as_they_are() -> None:
    """vlmeval/dataset/image_caption.py calls Bleu, Rouge and Cider without a tokenizer."""
    items = [
        {"prediction": "A Cat sits.", "gold": ["a cat sits"]},
        {"prediction": "two dogs run", "gold": ["two dogs run"]},
        {"prediction": "a", "gold": ["a dog"]},
    ]
    official, vlmevalkit = (
        CAPTION.aggregate(rows(CAPTION, profile, items), profile) for profile in ("official", "vlmevalkit")
    )
    assert part(official, "Bleu_1").value == pytest.approx(100 * np.exp(1 - 8 / 7))
    assert part(vlmevalkit, "Bleu_1").value == pytest.approx(100 * 4 / 7 * np.exp(1 - 8 / 7))
    assert official.value is not None and vlmevalkit.value is not None and official.value > vlmevalkit.value
    line = CAPTION.grade("", None, {"rows": items}, "vlmevalkit")
    assert line.value == pytest.approx(vlmevalkit.value / 100)
    assert not [each for each in vlmevalkit.parts if each.name in ("METEOR", "SPICE")]


def test_without_java_meteor_and_spice_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    report = CAPTION.aggregate(rows(CAPTION, "official", [{"prediction": "a", "gold": ["a"]}]), "official")
    for name in ("METEOR", "SPICE"):
        assert part(report, name).value is None
        assert "Java" in part(report, name).note and part(report, name).note.startswith("n/a: ")


def test_one_image_has_no_cider() -> None:
    grade = CAPTION.grade("A cat sits.", ["a cat sits", "a dog"], {}, "official")
    assert grade.detail["CIDEr"] == 0.0
    assert grade.value == grade.detail["ROUGE_L"] == 1.0


def test_cider_of_a_small_corpus_worked_out_by_hand() -> None:
    # Two images, all words in one image only: idf log 2. "a b" against "a b": 1- and 2-grams match fully,
    # there are no longer ones, so (1 + 1 + 0 + 0) / 4 * 10; against "c d" nothing matches.
    assert cider_d(["a b", "x y"], [["a b"], ["c d"]]).tolist() == pytest.approx([5.0, 0.0])


def test_a_word_in_every_image_weighs_nothing() -> None:
    assert cider_d(["a", "a"], [["a"], ["a"]]).tolist() == [0.0, 0.0]


def test_bleu_takes_the_reference_nearest_in_length_and_the_shorter_on_ties() -> None:
    one = bleu(["a b c d"], [["a b", "a b c d e f"]])
    assert one[0] == pytest.approx(1.0)
    assert bleu(["a b c"], [["a b c d e f g h"]])[0] == pytest.approx(np.exp(1 - 8 / 3))


def test_rouge_takes_best_precision_and_best_recall_from_different_references() -> None:
    # precision 2/2 with the long reference, recall 1/1 with the short one
    assert rouge_l("a b", ["a x b y", "a"]) == pytest.approx(1.0)
    assert rouge_l("", ["a"]) == 0.0
    assert rouge_l("", [""]) == 1.0


def test_categories_have_their_own_corpus() -> None:
    items = [
        {"prediction": "a red cat", "gold": ["a red cat"], "category": "near"},
        {"prediction": "a blue dog", "gold": ["one blue dog"], "category": "near"},
        {"prediction": "a tall tree", "gold": ["a tall tree"], "category": "out"},
        {"prediction": None, "gold": ["nothing"], "category": "out"},
    ]
    report = CAPTION.aggregate(rows(CAPTION, "official", items), "official")
    assert report.n == 3
    assert part(report, "near").n == 2
    assert part(report, "out").value == 0.0


@pytest.mark.parametrize(
    ("gold", "fields"),
    [
        ({}, {}),
        ([], {}),
        (None, {"rows": "x"}),
        (None, {"rows": []}),
        (None, {"rows": [{"gold": ["a"]}]}),
        (None, {"rows": [{"prediction": "a"}]}),
    ],
)
def test_bad_input_is_named(gold: object, fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="gold" if "rows" not in fields else "rows|gold"):
        CAPTION.grade("a cat", gold, fields, "official")


@given(st.text(max_size=50), st.lists(st.text(max_size=50), min_size=1, max_size=3))
def test_any_caption_gets_scores(prediction: str, references: list[str]) -> None:
    detail = CAPTION.grade(prediction, references, {}, "official").detail
    assert all(0 <= value <= 10 for value in detail.values())
