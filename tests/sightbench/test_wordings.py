"""The words of a request for masks, to the character."""

from __future__ import annotations

import pytest

from sightbench.families import family, load
from sightbench.wordings import wording

DOG, CAT = "a dog to the left.", "what is this? the cat"


@pytest.mark.parametrize(
    ("profile", "kind", "expression", "words"),
    [
        ("sa2va", "rvos", DOG, "\nPlease segment a dog to the left.."),
        ("sa2va", "revos", DOG, "\nPlease segment a dog to the left.."),
        ("sa2va", "revos", CAT, "\n what is this? the cat Please respond with a segmentation mask."),
        ("sa2va", "res", "man in red", "\n Please segment man in red in this image."),
        ("sa2va-paper", "revos", CAT, CAT),
        ("unipixel", "rvos", DOG, "Please segment the dog to the left in this video."),
        ("unipixel", "revos", CAT, "Please segment the what is this? the cat in this video."),
        ("unipixel", "revos", " Who? ", "Who? Please provide the segmentation mask."),
        ("unipixel", "rvos", "the a dog", "Please segment the dog in this video."),
        ("unipixel", "rvos", "The Cat", "Please segment the Cat in this video."),
        ("lisa", "res", "Man", "\n What is man in this image? Please output segmentation mask."),
        (
            *("unipixel", "groundmore", "Who hit it"),
            "Who hit it? Please answer the question and provide the segmentation mask.",
        ),
    ],
)
def test_each_reference_asks_in_its_own_words(profile: str, kind: str, expression: str, words: str) -> None:
    assert wording(load().wordings, profile, kind).text(expression) == words


def test_a_mark_of_the_benchmark_or_one_frame_changes_the_words() -> None:
    asked = wording(load().wordings, "lisa", "reasonseg")
    assert asked.text(" the lens ", sentence=False).startswith("\n What is the lens in")
    assert asked.text(" Where? ", sentence=True) == "\n Where? Please output segmentation mask."
    still = wording(load().wordings, "unipixel", "rvos").text("a cat", medium="image")
    assert still == "Please segment the cat in this image."


def test_an_expression_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        wording(load().wordings, "unipixel", "rvos").text("...")


def test_families_that_draw_masks_say_whose_words_they_know() -> None:
    for row in load().families:
        assert (row.wording in load().wordings) == row.masks, row.name
    assert family("PolyU-ChenLab/UniPixel-3B").wording == "unipixel"
