"""A report names what went out otherwise than it lies on disk."""

from __future__ import annotations

from sightbench.reports.sent import SentTally
from sightbench.sample import Sent, SentMedia


def test_frames_that_were_left_out_and_pictures_of_another_size_are_counted() -> None:
    tally = SentTally()
    whole = SentMedia("video", 30, "a")
    some = SentMedia("video", 8, "b", indices=tuple(range(0, 40, 5)), of=40)
    small = SentMedia("video", 8, "c", indices=tuple(range(8)), of=25, resized=((400, 300), (400, 300)))
    every = SentMedia("video", 3, "d", indices=(0, 1, 2), of=3, decoded=True)
    file = SentMedia("file", 1, "e")
    for media in ((whole,), (some,), (small, whole), (every, file)):
        tally.add(Sent(1, media))
    tally.add(None)
    assert tally.lines() == [
        "2 of 4 requests showed a part of a video's frames: 8 of 25 to 40.",
        "1 of 4 requests showed video files whole: which frames the model sees is the server's choice.",
        "1 of 4 requests showed pictures in another size, of 120,000 pixels at the most.",
    ]
    assert SentTally().lines() == []
