"""The conventions in which models write a box: what its numbers count, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class BoxMode:
    """`full` is the coordinate that stands for the whole side; None: pixels; "resized": resized pixels."""

    full: float | str | None
    order: str = "xyxy"


BOX_MODES = {
    "0-1": BoxMode(1.0),
    "0-999": BoxMode(999.0),
    "0-1000": BoxMode(1000.0),
    "pixels": BoxMode(None),
    "resized": BoxMode("resized"),
    "xywh": BoxMode(None, "xywh"),
    "y-first": BoxMode(1000.0, "yxyx"),
    "paligemma": BoxMode(1024.0, "yxyx"),
}
"""What `box_mode` may say, beside `auto`. A scale takes an order after a colon: `0-1:xywh`, `0-999:yxyx`."""

_ORDERS = ("xyxy", "xywh", "yxyx")


def box_mode(name: str) -> BoxMode:
    """The mode of this name; ValueError lists the names."""
    base, _, order = name.partition(":")
    mode = BOX_MODES.get(base)
    if mode is None or (order and order not in _ORDERS):
        known = ", ".join((*BOX_MODES, "auto"))
        raise ValueError(
            f"unknown box mode {name!r}; use one of {known}, or a scale with an order such as '0-1:xywh'"
        )
    return replace(mode, order=order) if order else mode
