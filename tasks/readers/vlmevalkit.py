"""VLMEvalKit's tables, row by row: what each kind of data set asks and what its scorer needs.

Sample ids are the `index` column; `meta` keeps the other columns under their own names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from string import ascii_uppercase
from typing import Any

from sightbench.sample import Image, Part, Sample, Text, Turn
from sightbench.tasks import prompts
from sightbench.tasks.readers import cmmmu, mmmu, mmsi
from sightbench.tasks.readers.files import tsv
from sightbench.tasks.readers.files.disk import numbered, user
from sightbench.tasks.readers.files.layout import LayoutReader, Source
from sightbench.tasks.readers.files.options import written
from sightbench.tasks.readers.files.tsv import TableRow

Build = Callable[[TableRow, str], Sample]
"""(row, profile) -> sample; ValueError says what is wrong with the row."""

CIRCLE = 1_000_000


def table(build: Build, *image_folders: str, group_of: int = 0, hidden: bool = False) -> LayoutReader:
    """Reads a TSV with `build`; `image_path` is looked for below images/<folder>.

    `group_of` rows in a row make a group (MMVP's pairs, CRPE's fours). A row without gold is broken,
    unless the split's gold is `hidden`.
    """

    def read(source: Source) -> Iterator[Sample]:
        folder = source.path.parent
        bases = (folder, folder.parent, source.data)
        roots = (
            *(base / "images" / name for base in bases for name in image_folders),
            folder / "images",
            folder,
            source.data,
        )
        for row in tsv.rows(source.path, source.problems, roots):
            try:
                sample = build(row, source.profile)
            except ValueError as error:
                source.problems.broke(str(error), source.path, row.line)
                continue
            if sample.gold is None and not hidden:
                source.problems.broke("has no answer", source.path, row.line)
                continue
            yield replace(sample, group=str(row.place // group_of)) if group_of else sample

    return read


def options_of(row: TableRow) -> dict[str, str]:
    """The columns A, B, C, ... that have a value."""
    return {letter: text for letter in ascii_uppercase if (text := row.cells.get(letter)) is not None}


def meta_of(row: TableRow, **more: Any) -> dict[str, Any]:
    left_out = {"image", "image_path", "answer", *ascii_uppercase}
    kept = {key: value for key, value in row.cells.items() if key not in left_out and value is not None}
    return {**kept, **more}


def _sample(
    row: TableRow, turns: tuple[Turn, ...], gold: Any, meta: Mapping[str, Any], **more: Any
) -> Sample:
    return Sample(
        id=row.text("index"),
        benchmark="",
        task=more.pop("task", ""),
        category=row.text("category"),
        turns=turns,
        gold=gold,
        meta=meta,
        **more,
    )


def choice(row: TableRow, profile: str) -> Sample:
    """A question with options in columns, or written in its text ("Options: A: ..., B: ...")."""
    options = options_of(row)
    if options:
        wording = prompts.choice(_question(row), options, row.cells.get("hint"), profile)
    else:
        wording, options = f"{_question(row)}\n{prompts.LETTER}", written(_question(row))
    meta = meta_of(row, choices=options, **prompts.cot(profile, "boxed"))
    return _sample(row, user(row.images, wording), row.cells.get("answer"), meta)


def circular(row: TableRow, profile: str) -> Sample:
    """Like `choice`; rows whose index is equal modulo a million are rotations of one question."""
    sample = choice(row, profile)
    try:
        group = int(float(sample.id)) % CIRCLE
    except ValueError:
        raise ValueError(f"the index {sample.id} is no number, so its rotations cannot be told") from None
    return replace(sample, group=str(group))


def circular_internvl(instruction: str) -> Build:
    """InternVL's MMBench prompt, its instruction fixed by the file's language."""

    def build(row: TableRow, profile: str) -> Sample:
        sample = circular(row, profile)
        if profile != "internvl":
            return sample
        options = options_of(row)
        wording = prompts.options_then(_question(row), options, row.cells.get("hint"), instruction)
        return replace(sample, turns=user(row.images, wording))

    return build


def short(prompt: Callable[[str, str], str], *, listed: bool = True, reasoned: bool = False) -> Build:
    """An open question; a gold that is written as a list becomes one if `listed`.

    `reasoned`: the prompt asks for reasoning under the profiles that do, and the answer is then marked.
    """

    def build(row: TableRow, profile: str) -> Sample:
        question = _question(row)
        gold: Any = row.cells.get("answer")
        if listed and gold is not None and gold.startswith("[") and gold.endswith("]"):
            gold = literal(gold, "answer")
        meta = meta_of(row, **(prompts.cot(profile, "boxed") if reasoned else {}))
        split = row.text("split")
        return _sample(row, user(row.images, prompt(question, profile)), gold, meta, task=split)

    return build


def mme(row: TableRow, profile: str) -> Sample:
    return _sample(
        row, user(row.images, prompts.mme(_question(row), profile)), row.cells.get("answer"), meta_of(row)
    )


def yes_no(row: TableRow, profile: str) -> Sample:
    meta = meta_of(row, **prompts.cot(profile, "boxed"))
    return _sample(
        row, user(row.images, prompts.yes_no(_question(row), profile)), row.cells.get("answer"), meta
    )


def mmmu_row(row: TableRow, profile: str) -> Sample:
    """MMMU: images at their "<image n>" (`vlmevalkit`), or before the text, numbered if several."""
    options = options_of(row)
    turns: tuple[Turn, ...]
    if profile == "official":
        turns = (Turn("user", mmmu.parts(_question(row), list(options.values()), row.images, profile)),)
    else:
        wording = prompts.choice(_question(row), options, row.cells.get("hint"), profile)
        turns = at_their_place(wording, row) if profile == "vlmevalkit" else numbered(row.images, wording)
    kind = "multiple-choice" if options else "open"
    meta = {"question_type": kind, **meta_of(row, choices=options, **prompts.cot(profile, "boxed"))}
    gold = row.cells.get("answer")
    return _sample(row, turns, None if gold == mmmu.HIDDEN else gold, meta, task=row.text("split"))


def at_their_place(wording: str, row: TableRow) -> tuple[Turn, ...]:
    """`wording` with each "<image n>" replaced by the n-th image; without any, images first."""
    pieces = re.split(r"<image (\d)>", wording)
    if len(pieces) == 1:
        return user(row.images, wording)
    parts: list[Part] = []
    for position, piece in enumerate(pieces):
        if position % 2 == 0:
            if piece:
                parts.append(Text(piece))
        elif int(piece) > len(row.images):
            raise ValueError(f"asks for <image {piece}> and has {len(row.images)} images")
        else:
            parts.append(Image(row.images[int(piece) - 1]))
    return (Turn("user", tuple(parts)),)


def math_vista(row: TableRow, profile: str) -> Sample:
    """MathVista as VLMEvalKit's table has it: the hint is part of the question column."""
    cells = row.cells
    # The reference reads no "Final answer:" out of MathVista's answers; its judge does.
    meta = meta_of(row, **({"cot": "boxed"} if profile == "internvl_cot" else {}))
    for key in ("choices", "skills"):
        if meta.get(key):
            meta[key] = literal(meta[key], key)
    wording = prompts.reasoned(_question(row), profile)
    return _sample(
        row, user(row.images, wording), row.cells.get("answer"), meta, task=cells.get("task") or ""
    )


def cmmmu_row(row: TableRow, profile: str) -> Sample:
    return _sample(
        row,
        user(row.images, cmmmu.prompt(row.cells, row.text("question"))),
        row.cells.get("answer"),
        meta_of(row, choices=cmmmu.options_of(row.cells)),
    )


def mm_vet(row: TableRow, profile: str) -> Sample:
    capability = [name for name in row.text("capability").split(",") if name]
    wording = prompts.reasoned(_question(row), profile)
    meta = meta_of(row, capability=capability or [row.text("category")])
    return _sample(row, user(row.images, wording), row.cells.get("answer"), meta)


def llava_bench(row: TableRow, profile: str) -> Sample:
    tail = prompts.DETAIL_VLMEVALKIT if profile == "vlmevalkit" else prompts.DETAIL
    meta = meta_of(row, context=row.text("caption"))
    return _sample(row, user(row.images, _question(row) + tail), row.cells.get("gpt4_ans"), meta)


def mmsi_row(row: TableRow, profile: str) -> Sample:
    return mmsi.sample(
        row.text("index"), _question(row), row.text("answer") or None, row.images, meta_of(row), profile
    )


def literal(text: str, column: str) -> Any:
    """The Python or JSON literal in a cell; ValueError names the column."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise ValueError(f"the {column} {text:.60} is no list") from None


def _question(row: TableRow) -> str:
    question = row.cells.get("question")
    if question is None:
        raise ValueError("has no question")
    return question
