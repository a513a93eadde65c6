"""What a person, or a model family's row, may choose about scoring: one record, validated in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeVar, get_args

from sightbench.errors import UsageError
from sightbench.sample import Json
from sightbench.scorers.masks.definitions import check_tolerance, definition_named
from sightbench.scorers.text.box_modes import BOX_MODES, box_mode

T = TypeVar("T")
OnError = Literal["leave-out", "zero"]
Unparsed = Literal["wrong", "random"]
AnswerMark = Literal["after_think", "boxed", "answer_tag"]


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How a run's replies are scored, beside each benchmark's profile. Raises UsageError for nonsense.

    `on_error`: a failed request is left out of every number, or counts 0.
    `unparsed`: an answer in which nothing is found counts 0 ("wrong"), or an option is drawn from `seed`.
    `box_mode`: how the model writes boxes (box_modes.py, or "auto"); None: as the profile's reference reads.
    `answer`: how the model family marks its answer after its reasons (servers/models.yaml).
    `masks_as`: whose J and F judge the masks (masks/definitions.py); None: the benchmark's own.
    `tolerance`: how far apart boundaries may lie in Dyn-Bench's F, in pixels; None: 2.
    """

    on_error: OnError = "leave-out"
    unparsed: Unparsed = "wrong"
    seed: int = 42
    box_mode: str | None = None
    answer: AnswerMark | None = None
    masks_as: str | None = None
    tolerance: int | None = None

    def __post_init__(self) -> None:
        for flag, known, word in (
            ("--on-error", get_args(OnError), self.on_error),
            ("--unparsed", get_args(Unparsed), self.unparsed),
            ("answer", (*get_args(AnswerMark), None), self.answer),
        ):
            if word not in known:
                raise UsageError(f"{flag} {word!r}: choose {', '.join(filter(None, known))}")
        if type(self.seed) is not int:
            raise UsageError(f"--seed {self.seed!r}: a whole number")
        _check("--box-mode", self.box_mode, _check_box_mode)
        _check("--masks-as", self.masks_as, definition_named)
        _check("--tolerance", self.tolerance, check_tolerance)

    def to_json(self) -> dict[str, Json]:
        """What run.json keeps under `scoring`: `on_error`, and whatever is not as it is without a word."""
        kept: dict[str, Json] = {"on_error": self.on_error}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default or (field.name == "seed" and self.unparsed == "random"):
                kept[field.name] = value
        return kept


def _check(flag: str, value: T | None, check: Callable[[T], object]) -> None:
    if value is not None:
        try:
            check(value)
        except (UsageError, ValueError) as error:
            raise UsageError(f"{flag} {value}: {error}") from None


def _check_box_mode(name: str) -> None:
    if name != "auto":
        box_mode(name)


OPTION_HELP: Mapping[str, str] = {
    "unparsed": '"random" draws an answer where none is found, instead of counting 0',
    "seed": "of that draw",
    "box_mode": f"how the model writes boxes: {', '.join(BOX_MODES)}, auto; a scale takes an order, as in "
    "0-1:xywh; absent: as the profile's reference reads them",
    "tolerance": "how far apart boundaries may lie in Dyn-Bench's F, in pixels; absent: 2",
}
"""What the options mean on a line of `bench.py grade`, which may bring them as fields."""


def scoring_options(record: Mapping[str, Json]) -> ScoringOptions:
    """The options in run.json's `scoring`; entries of other names are left alone. Raises UsageError."""
    known = {field.name for field in fields(ScoringOptions)}
    return ScoringOptions(**{name: value for name, value in record.items() if name in known})  # type: ignore[arg-type]
