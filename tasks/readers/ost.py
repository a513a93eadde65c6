"""OST-Bench: questions on the way through a scanned place, interleaved or as a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sightbench.sample import Image, Part, Sample, Text, Turn
from sightbench.tasks import prompts
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import images
from sightbench.tasks.readers.files.layout import Source
from sightbench.tasks.readers.files.tsv import TableRow
from sightbench.tasks.readers.vlmevalkit import literal, meta_of

MARKER = "<ImageHere>"
MAX_TOKENS = 4096


def interleaved(row: TableRow, profile: str) -> Sample:
    """One row is one question with all that was seen before it; each <ImageHere> is the next image."""
    question = row.text("question")
    option = row.cells.get("option")
    markers = question.count(MARKER)
    return Sample(
        id=row.text("index"),
        benchmark="",
        task="",
        category=row.text("type"),
        turns=(Turn("user", prompts.interleave(question, MARKER, row.images[:markers])),),
        gold=row.cells.get("answer"),
        group=row.cells.get("scan_id") or row.cells.get("scan"),
        max_tokens=MAX_TOKENS,
        meta=meta_of(row, option=literal(option, "option") if option else []),
    )


def multi_round(source: Source) -> Iterator[Sample]:
    """The records of a scan are a conversation, in file order: new images, then the question.

    The system prompt is a system message (`official`, the reference's hosted models) or stands at the
    head of every user turn (`qwen`, its Qwen baseline). Ids are `<scan>/<turn>`, the group is the scan.
    """
    scans: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    ended = set()
    broken = False
    for line, row in jsonl.in_order(source.path, source.problems, shapes.Round):
        if row is None:
            broken = True
            continue
        scan = str(row["scan_id"])
        if broken:
            # Whose turn it was is not known: perhaps this scan's.
            ended.add(scan)
            broken = False
        if scan in ended:
            source.problems.skip("turns of a conversation after a broken one", source.path)
        else:
            scans.setdefault(scan, []).append((line, row))
    folder = source.path.parent
    bases = (folder / "images", folder / "images" / "OST", folder, source.data)
    for scan, records in scans.items():
        before: str | None = None
        for number, (line, record) in enumerate(records):
            media = images(record["new_observations"], bases, source.problems, source.path, line)
            if media is None:
                break
            head: tuple[Part, ...] = (Text(record["system_prompt"]),) if source.profile == "qwen" else ()
            turn = Turn("user", (*head, *map(Image, media), Text(record["user_message"])))
            opening = Turn("system", (Text(record["system_prompt"]),))
            id = f"{scan}/{number}"
            yield Sample(
                id=id,
                benchmark="",
                task="",
                category=record["type"],
                turns=(opening, turn) if before is None and not head else (turn,),
                gold=record["answer"],
                group=scan,
                follows=before,
                max_tokens=MAX_TOKENS,
                meta={
                    "type": record["type"],
                    "option": record.get("option") or [],
                    "question": record["user_message"],
                },
            )
            before = id
