"""`models`: the model families, what they can do, and which engines serve them."""

from __future__ import annotations

from typing import Any

import click

from sightbench.commands.listing import Column, has_word, json_option, show, show_json
from sightbench.errors import UsageError
from sightbench.families import Family, families


@click.command()
@click.argument("word", required=False)
@json_option
def models(word: str | None, as_json: bool) -> None:
    """List the model families (with WORD: those with it in a name): what they can do, which engines serve
    them. A pipe gets tab-separated lines."""
    asked = [family for family in families() if word is None or has_word(word, family.name, *family.models)]
    if not asked:
        raise UsageError(f"no family or model has {word!r} in its name; without a word all are listed")
    if as_json:
        show_json([_record(family) for family in asked])
        return
    columns = (Column("family"), Column("can"), Column("models"), Column("engines"))
    show(
        columns,
        [
            ([family.name], [", ".join(family.can)], family.models, [", ".join(family.serving.engines)])
            for family in asked
        ],
    )


def _record(family: Family) -> dict[str, Any]:
    return {
        "family": family.name,
        "can": family.can,
        "engines": list(family.serving.engines),
        "models": family.models,
    }
