"""The index of the page: a column per property, a place in it per sample, the runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sightbench.reports.entry import Entry
from sightbench.sample import NO_USAGE, Reply, Sample, Text
from sightbench.scorers.score import Score

OUTCOMES = ("absent", "right", "partly", "wrong", "unparsed", "ungraded", "error", "unasked")
FLAGS = ("refused", "truncated", "empty")
PARSED_CHARACTERS = 60
QUESTION_CHARACTERS = 120

Column = list[Any]


@dataclass(slots=True)
class Names:
    """Texts that repeat: each is kept once, columns hold its position."""

    texts: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.texts)
            self.texts.append(text)
        return self._places[text]


@dataclass(slots=True)
class Index:
    """Every sample any run has. `to_json` gives what page/data.js reads."""

    names: Names = field(default_factory=Names)
    shared: dict[str, Column] = field(
        default_factory=lambda: {
            name: [] for name in ("id", "benchmark", "task", "category", "video", "masks")
        }
    )
    runs: list[dict[str, Column]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def start_run(self) -> None:
        """What is added from here on belongs to one more run."""
        self.runs.append({name: [] for name in _OF_RUN})

    def add(self, entry: Entry, frames: int, pixels: str, at: int, masks_at: int | None) -> None:
        """One sample of the current run: what was sent, and the places of its record and of its masks."""
        place = self._place(entry.sample)
        columns = self.runs[-1]
        for name, column in columns.items():
            column.extend([_ABSENT.get(name)] * (place - len(column)))
        values = self._values(entry, frames, pixels)
        values |= {"at": at, "masks": masks_at}
        for name, column in columns.items():
            if place < len(column):
                column[place] = values[name]
            else:
                column.append(values[name])

    def to_json(self) -> dict[str, Any]:
        count = len(self.shared["id"])
        for columns in self.runs:
            for name, column in columns.items():
                column.extend([_ABSENT.get(name)] * (count - len(column)))
        return {
            "names": self.names.texts,
            "outcomes": OUTCOMES,
            "flags": FLAGS,
            "shared": self.shared,
            "runs": self.runs,
        }

    def _place(self, sample: Sample) -> int:
        if sample.id not in self._places:
            self._places[sample.id] = len(self.shared["id"])
            for name in ("benchmark", "task", "category"):
                self.shared[name].append(self.names.place(getattr(sample, name)))
            self.shared["id"].append(sample.id)
            self.questions.append(_question(sample))
            self.shared["video"].append(self.names.place(sample.affinity))
            self.shared["masks"].append(int(sample.wants == "masks"))
        return self._places[sample.id]

    def _values(self, entry: Entry, frames: int, pixels: str) -> dict[str, Any]:
        reply, score = entry.reply, entry.score
        usage = NO_USAGE if reply is None else reply.usage
        return {
            "outcome": OUTCOMES.index(outcome(score, entry.full_marks)),
            "flags": sum(1 << i for i, flag in enumerate(FLAGS) if score.detail.get(flag)),
            "value": None if score.value is None else round(score.value / entry.full_marks, 5),
            "parsed": _short(score.parsed),
            "prompt_tokens": usage.prompt_tokens,
            "tokens": usage.completion_tokens,
            "latency": None if reply is None or not reply.latency_s else round(reply.latency_s, 3),
            "finish": self.names.place(_finish(reply, score)),
            "frames": frames,
            "pixels": self.names.place(pixels),
        }


_OF_RUN = (
    "outcome",
    "flags",
    "value",
    "parsed",
    "prompt_tokens",
    "tokens",
    "latency",
    "finish",
    "frames",
    "pixels",
    "at",
    "masks",
)
_ABSENT = {"outcome": 0, "flags": 0}


def outcome(score: Score, full_marks: float) -> str:
    """One of OUTCOMES; a value between 0 and full marks is `partly` right."""
    if score.status == "error" and score.detail.get("error") == "unasked":
        return "unasked"
    if score.status != "scored":
        return score.status
    if score.value is None:
        return "ungraded"
    return "right" if score.value >= full_marks else "wrong" if score.value <= 0 else "partly"


def _question(sample: Sample) -> str:
    """The beginning of the last user turn's text, for a line of the list."""
    texts = [
        part.text
        for turn in sample.turns
        if turn.role == "user"
        for part in turn.parts
        if isinstance(part, Text)
    ]
    return " ".join("\n".join(texts)[:400].split())[:QUESTION_CHARACTERS]


def _finish(reply: Reply | None, score: Score) -> str:
    if reply is None or reply.status == "error":
        return str(score.detail.get("error", "error"))
    return reply.finish_reason or ""


def _short(parsed: Any) -> str | None:
    if parsed is None or isinstance(parsed, Mapping):
        return None
    return str(parsed)[:PARSED_CHARACTERS]


def _count(value: Any) -> int | None:
    return value if type(value) is int else None
