"""CRPE: objects and relations, each question four times."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import BY_VLMEVALKIT, TABLE, VLMEVALKIT, WRAPPER, table_file
from sightbench.tasks.readers import vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of


def _crpe(name: str) -> Benchmark:
    build = vlmevalkit.short(prompts.reasoned, listed=False, reasoned=True)
    layouts = (Layout(TABLE, table_file(name), vlmevalkit.table(build, name, "CRPE", group_of=4)),)
    return Benchmark(
        name=name,
        title=name.replace("_", " "),
        family="circular choice",
        scorers={"text": "crpe"},
        read=reader_of(name, layouts),
        prompt="{question}",
        headline="total",
        metric="four rows in a row are one item, right if all four are; the reference's letter rule",
        reference=VLMEVALKIT + "utils/crpe.py",
        files=needed(layouts, f"images/{name}"),
        profiles=WRAPPER,
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
    )


CRPE = (_crpe("CRPE_EXIST"), _crpe("CRPE_RELATION"))
