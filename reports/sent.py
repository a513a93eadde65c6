"""What went out otherwise than it lies on disk: frames left out, pictures made smaller."""

from __future__ import annotations

from dataclasses import dataclass, field

from sightbench.sample import Sent


@dataclass(slots=True)
class SentTally:
    """Counts requests as they pass; `lines` says what a reader must know of them."""

    requests: int = 0
    some_frames: int = 0
    taken: set[int] = field(default_factory=set)
    of: set[int] = field(default_factory=set)
    whole_files: int = 0
    resized: int = 0
    largest: int = 0

    def add(self, sent: Sent | None) -> None:
        if sent is None:
            return
        self.requests += 1
        chosen = [one for one in sent.media if one.indices is not None and one.of]
        fewer = [one for one in chosen if len(one.indices or ()) < (one.of or 0)]
        if fewer:
            self.some_frames += 1
            self.taken.update(len(one.indices or ()) for one in fewer)
            self.of.update(one.of or 0 for one in fewer)
        self.whole_files += any(one.kind == "file" for one in sent.media)
        sizes = [width * height for one in sent.media for width, height in one.resized]
        if sizes:
            self.resized += 1
            self.largest = max(self.largest, *sizes)

    def lines(self) -> list[str]:
        """One line for each way in which requests differed from the benchmark's files."""
        found = []
        if self.some_frames:
            found.append(
                f"{self.some_frames:,} of {self.requests:,} requests showed a part of a video's frames: "
                f"{_range(self.taken)} of {_range(self.of)}."
            )
        if self.whole_files:
            found.append(
                f"{self.whole_files:,} of {self.requests:,} requests showed video files whole: which frames "
                "the model sees is the server's choice."
            )
        if self.resized:
            found.append(
                f"{self.resized:,} of {self.requests:,} requests showed pictures in another size, of "
                f"{self.largest:,} pixels at the most."
            )
        return found


def _range(values: set[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
