"""Yes or no: MME's points, POPE's F1, and what each reference takes for a yes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.choice.yesno import (
    MME,
    POPE,
    SCORERS,
    YES_NO,
    mme_label,
    pope_word,
    vlmevalkit,
)
from tests.scorers.rows import part, rows, shared


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Yes", "Yes"),
        ("yes, it is", "Yes"),
        ("No.", "No"),
        ("NO!", "No"),
        ("yes/no", "Unknown"),
        ("Yes and no", "Unknown"),
        ("nope", "Unknown"),
        ("not", "Unknown"),
        ("(yes)", "Yes"),
        ("yes-man is not here", "Yes"),
        ("yes - man", "Yes"),
        ("yes:no", "Unknown"),
        ("yes.no", "Unknown"),
        ("1.yes", "Unknown"),
        ("yes,1,000", "Unknown"),
        ("是", "Unknown"),
        ("", "Unknown"),
    ],
)
def test_vlmevalkit_wants_one_of_the_words(text: str, word: str) -> None:
    assert vlmevalkit(text) == word


@pytest.mark.parametrize(
    ("text", "internvl", "official", "lmms_eval"),
    [
        ("Yes", "yes", "yes", "yes"),
        ("Nothing", "no", "no", "no"),
        ("noon", "no", "no", "no"),
        ("I think yes", "other", "other", "other"),
        (" yes", "yes", "yes", "yes"),
        ("  yes", "other", "other", "yes"),
        ("\n\nno", "no", "no", "no"),
        ("N", "other", "other", "no"),
        ("True", "yes", "other", "other"),
        ("false", "no", "other", "other"),
        ("是", "yes", "other", "other"),
        ("不是", "no", "other", "other"),
        ("否", "no", "other", "other"),
        ("答案是", "yes", "other", "other"),
        ("y.e.s", "other", "other", "yes"),
        ("", "other", "other", "other"),
    ],
)
def test_mme_reads_the_first_four_characters(text: str, internvl: str, official: str, lmms_eval: str) -> None:
    assert mme_label(text, "internvl") == internvl
    assert mme_label(text, "official") == official
    assert mme_label(text, "lmms_eval") == lmms_eval


@pytest.mark.parametrize(
    ("text", "internvl", "lmms_eval"),
    [
        ("Yes", "yes", "yes"),
        ("no", "no", "no"),
        ("NO", "yes", "no"),
        ("No, there is not", "no", "no, there is not"),
        ("There is no dog", "no", "there is no dog"),
        ("Yes. It is not a cat", "yes", "yes. it is not a cat"),
        ("nope", "yes", "nope"),
        ("yes no", "no", "yes no"),
        ("No\nreally", "yes", "no\nreally"),
        ("否", "yes", "否"),
        ("", "yes", ""),
        (".no", "yes", ".no"),
    ],
)
def test_pope_takes_everything_else_for_a_yes(text: str, internvl: str, lmms_eval: str) -> None:
    assert pope_word(text, "internvl") == internvl
    assert pope_word(text, "official") == internvl
    assert pope_word(text, "lmms_eval") == lmms_eval


@given(st.text(max_size=100))
def test_no_answer_makes_a_scorer_fail(text: str) -> None:
    for scorer in SCORERS:
        for profile in scorer.profiles:
            values = [scorer.grade(text, gold, {}, profile).value for gold in ("yes", "no")]
            assert sorted(values) in ([0.0, 0.0], [0.0, 1.0])


@pytest.mark.parametrize("gold", ["yes", "Yes", "YES.", "1", 1, True])
def test_golds_in_every_form(gold: Any) -> None:
    assert YES_NO.grade("Yes", gold, {}, "vlmevalkit").value == 1.0


def test_a_malformed_gold_is_named() -> None:
    with pytest.raises(ValueError, match=r"^gold: "):
        YES_NO.grade("Yes", "maybe", {}, "vlmevalkit")
    with pytest.raises(ValueError, match=r"^rows\[1\]: gold: "):
        rows_of_two = [{"prediction": "Yes", "gold": "Yes"}, {"prediction": "Yes", "gold": None}]
        MME.grade("", None, {"rows": rows_of_two}, "internvl")


def mme_lines(folder: str) -> list[dict[str, Any]]:
    items = []
    for path in sorted(shared(folder).glob("*.txt")):
        for line in path.read_text().splitlines():
            _, _, gold, prediction = line.split("\t")
            items.append({"prediction": prediction, "gold": gold, "category": path.stem})
    return items


@pytest.mark.parametrize("profile", ["official", "internvl"])
def test_mme_published_score(profile: str) -> None:
    metric = MME.aggregate(rows(MME, profile, mme_lines("mme_lavin/LaVIN")), profile)
    assert part(metric, "perception").value == 963.6114445778312
    assert part(metric, "cognition").value == 249.64285714285714
    assert (metric.n, metric.unit) == (1187, "points")
    assert part(metric, "existence").value == 185.0


def test_mme_published_score_from_rows_on_one_line() -> None:
    cognition = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
    items = [item for item in mme_lines("mme_lavin/LaVIN") if item["category"] in cognition]
    found = MME.grade("", None, {"rows": items}, "internvl")
    assert found.value == pytest.approx(249.64285714285714, abs=1e-12)
    assert set(found.detail["categories"]) == set(cognition)


def test_mme_pairs_score_up_to_two_hundred() -> None:
    right, wrong = {"prediction": "yes", "gold": "Yes"}, {"prediction": "yes", "gold": "No"}
    assert MME.grade("", None, {"rows": [right, right]}, "internvl").value == 200.0
    assert MME.grade("", None, {"rows": [right, wrong]}, "internvl").value == 50.0
    assert MME.grade("", None, {"rows": [wrong, wrong]}, "internvl").value == 0.0
    with pytest.raises(ValueError, match=r"^rows: "):
        MME.grade("", None, {"rows": [right]}, "internvl")


def test_mme_without_all_categories_has_no_total_but_says_why() -> None:
    items = [{"prediction": "yes", "gold": "Yes", "category": "OCR"}] * 2
    metric = MME.aggregate(rows(MME, "internvl", items), "internvl")
    assert metric.value is None
    assert "existence" in part(metric, "perception").note
    assert part(metric, "OCR").value == 200.0


def test_mme_leaves_a_pair_with_a_failed_request_out() -> None:
    items = [
        {"prediction": text, "gold": "Yes", "category": "OCR", "group": group}
        for text, group in (("yes", "1"), ("yes", "2"), ("yes", "1"), (None, "2"))
    ]
    metric = MME.aggregate(rows(MME, "internvl", items), "internvl")
    assert (part(metric, "OCR").value, part(metric, "OCR").n) == (200.0, 1)


def f1(truth: list[str], said: list[str]) -> float:
    hits = sum(t == s == "yes" for t, s in zip(truth, said, strict=True))
    return 2 * hits / (truth.count("yes") + said.count("yes"))


def test_pope_is_the_mean_f1_of_its_categories() -> None:
    answers = {
        "random": (["yes", "yes", "no", "no"], ["yes", "no", "no", "yes"]),
        "popular": (["yes", "no", "no", "yes"], ["yes", "no", "no", "yes"]),
        "adversarial": (["yes", "no", "no", "yes"], ["yes", "yes", "yes", "no"]),
    }
    items = [
        {"prediction": word, "gold": gold, "category": kind}
        for kind, (golds, words) in answers.items()
        for gold, word in zip(golds, words, strict=True)
    ]
    metric = POPE.aggregate(rows(POPE, "internvl", items), "internvl")
    expected = [100 * f1(*pair) for pair in answers.values()]
    assert metric.value == pytest.approx(sum(expected) / 3)
    assert [p.value for p in metric.parts] == pytest.approx(expected)
    assert (metric.n, metric.note, metric.stderr is not None) == (12, "", True)
    assert part(metric.parts[0], "accuracy").value == 50.0

    pooled = POPE.aggregate(rows(POPE, "vlmevalkit", items), "vlmevalkit")
    golds, words = ([word for pair in answers.values() for word in pair[i]] for i in (0, 1))
    assert pooled.value == pytest.approx(100 * f1(golds, words))
    line = POPE.grade("", None, {"rows": items[:4]}, "internvl")
    assert line.value == pytest.approx(f1(*answers["random"]))
    assert line.detail["yes ratio"] == 0.5


def test_pope_where_nothing_is_answered_yes_is_zero_and_says_so() -> None:
    items = [{"prediction": "no", "gold": "yes", "category": "random"}] * 3
    metric = POPE.aggregate(rows(POPE, "internvl", items), "internvl")
    assert metric.value == 0.0
    assert metric.parts[0].note == "nothing was answered yes"
    assert metric.note == "not there: popular, adversarial"


def test_pope_rows_of_several_categories_count_in_each() -> None:
    items = [{"prediction": "yes", "gold": "yes", "category": "random,popular"}] * 2
    metric = POPE.aggregate(rows(POPE, "vlmevalkit", items), "vlmevalkit")
    assert (metric.n, [p.name for p in metric.parts[4:]]) == (4, ["random", "popular"])


def test_lmms_eval_leaves_other_words_out_of_recall_and_counts_yes_in_the_gold() -> None:
    items = [
        {"prediction": word, "gold": gold, "category": "random"}
        for word, gold in (("yes", "yes"), ("yes!", "yes"), ("no", "no"), ("yes", "no"))
    ]
    metric = POPE.aggregate(rows(POPE, "lmms_eval", items), "lmms_eval")
    assert part(metric, "recall").value == 100.0
    assert part(metric, "precision").value == 50.0
    assert part(metric, "yes ratio").value == 50.0
    assert part(metric, "accuracy").value == 50.0
    assert metric.value == pytest.approx(100 * 2 / 3)


def test_pope_gold_files_score_one_hundred_against_themselves() -> None:
    items = []
    for kind in ("random", "popular", "adversarial"):
        for line in shared(f"pope/coco_pope_{kind}.json").read_bytes().splitlines():
            record = orjson.loads(line)
            word = "Yes, there is." if record["label"] == "yes" else "There is no such thing."
            items.append({"prediction": word, "gold": record["label"], "category": kind})
    assert len(items) == 9000
    assert POPE.aggregate(rows(POPE, "internvl", items), "internvl").value == 100.0


@pytest.mark.parametrize(("profile", "value"), [("internvl", 0.5), ("official", 0.5), ("vlmevalkit", 0.8)])
def test_pope_on_one_line_is_the_mean_over_categories(profile: str, value: float) -> None:
    right = {"prediction": "Yes", "gold": "yes", "category": "random"}
    items = [right, right, {"prediction": "No", "gold": "yes", "category": "popular"}]
    assert POPE.grade("", None, {"rows": items}, profile).value == pytest.approx(value)
    assert POPE.grade("", None, {"rows": items[:2]}, profile).value == 1.0
