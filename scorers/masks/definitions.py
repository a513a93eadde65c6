"""Whose J and F: the published definitions, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sightbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Definition:
    """How one benchmark scores an object.

    `boundary`: "inner" is Dyn-Bench's boundary (mask minus its erosion), "edge" is DAVIS's.
    `drop_ends`: the first frame (given to the model) and the last one do not count.
    `from_first_sight`: frames before the object is in either mask do not count.
    `short`: frames a reply lacks are left out of the mean ("ignored") or are empty masks ("empty").
    `long`: frames beyond the ground truth are left out ("ignored") or make the reply invalid ("error").
    `other_size`: a mask of another size is resized (NEAREST) or makes the reply invalid.
    """

    name: str
    boundary: Literal["inner", "edge"]
    reference: str
    drop_ends: bool = False
    from_first_sight: bool = False
    smoothed: bool = False
    short: Literal["ignored", "empty"] = "empty"
    long: Literal["ignored", "error"] = "error"
    other_size: Literal["resize", "error"] = "error"


DEFINITIONS: Mapping[str, Definition] = {
    definition.name: definition
    for definition in (
        Definition(
            "dynbench",
            "inner",
            "LilyYang0504/Bench utils/cal_metrics.py: compute_jf_score",
            short="ignored",
            long="ignored",
            other_size="resize",
        ),
        Definition("davis", "edge", "davis2017-evaluation, task semi-supervised", drop_ends=True),
        Definition("davis-unsupervised", "edge", "davis2017-evaluation, task unsupervised"),
        Definition("mevis", "edge", "MeViS tools/metrics.py; Ref-DAVIS as Sa2VA and VISA score it"),
        Definition("revos", "edge", "VISA tools/eval_revos.py"),
        Definition(
            "vos-benchmark", "edge", "hkchengrex/vos-benchmark", drop_ends=True, from_first_sight=True
        ),
        Definition(
            "sa-v", "edge", "sam2 sav_dataset/sav_evaluator.py", drop_ends=True, from_first_sight=True
        ),
        Definition(
            "mosev2", "edge", "MOSE-api MOSEv2/sam2_rcms/tools/score.py", drop_ends=True, smoothed=True
        ),
    )
}

DYNBENCH_TOLERANCE = 2
MAX_TOLERANCE = 255


def definition_named(name: str) -> Definition:
    """The definition called `name`; UsageError that lists them for another."""
    if name not in DEFINITIONS:
        raise UsageError(f"unknown mask definition {name!r} (have: {', '.join(DEFINITIONS)})")
    return DEFINITIONS[name]


def check_tolerance(tolerance: int) -> None:
    """UsageError for a boundary tolerance that is no whole number of pixels from 1 to 255."""
    if type(tolerance) is not int or not 1 <= tolerance <= MAX_TOLERANCE:
        raise UsageError(f"the boundary threshold must be an integer from 1 to {MAX_TOLERANCE} pixels")
