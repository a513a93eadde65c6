"""Models that a service will switch off: who repeats a run needs them before that."""

from __future__ import annotations

from datetime import date

NEAR_DAYS = 90


def switched_off(what: str, day: str | None, today: date) -> str | None:
    """A line about what (`the model gpt-4o`) is switched off on a day (ISO 8601) that is near or past; None
    for one that stays."""
    if day is None:
        return None
    try:
        left = (date.fromisoformat(day[:10]) - today).days
    except ValueError:
        left = 0
    if left > NEAR_DAYS:
        return None
    if left < 0:
        return f"{what} was to be switched off on {day}"
    return f"{what} is switched off on {day}: what it says cannot be repeated after that"
