"""MME's release: a folder per category with images, and the questions as tab-separated lines.

The lines are either in <category>.txt (image, question, answer), as in the evaluation tool's Your_Results,
or in a text file beside each image (question, answer). Two lines in a row, about one image, are a pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.readers.files.disk import find, images, user
from sightbench.tasks.readers.files.layout import Source

CATEGORIES = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork"),
    *("OCR", "commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"),
)
LISTS = ("eval_tool/Your_Results", "../Your_Results", "Your_Results", "../../../eval/mme/Your_Results", ".")


def read(source: Source) -> Iterator[Sample]:
    """Samples `<category>/<n>`, the categories in the order of the paper; group `<category>/<pair>`."""
    lists = next(
        (folder for name in LISTS if (folder := source.path / name, folder / "existence.txt")[1].is_file()),
        None,
    )
    for category in CATEGORIES:
        path = find(lists, (f"{category}.txt",)) if lists else None
        rows = _listed(path, source) if path else _beside_images(source.path / category, source)
        count = 0
        for count, row in enumerate(rows, start=1):
            if row is None:
                continue
            where, line, image, question, answer = row
            bases = (source.path / category, source.path / category / "images", source.path)
            media = images((image,), bases, source.problems, where, line)
            if media is None:
                continue
            yield Sample(
                id=f"{category}/{count - 1}",
                benchmark="",
                task=category,
                category=category,
                turns=user(media, prompts.mme(question, source.profile)),
                gold=answer,
                group=f"{category}/{(count - 1) // 2}",
                meta={"question": question, "image": image},
            )
        if not count:
            source.problems.skip("categories without questions", source.path / category)


ListedQuestion = tuple[Path, int, str, str, str] | None
"""A broken line is None: it keeps its place in its pair."""


def _listed(path: Path, source: Source) -> Iterator[ListedQuestion]:
    for line, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = text.strip().split("\t")
        if len(cells) == 3:
            yield path, line, cells[0], cells[1], cells[2]
        elif text.strip():
            source.problems.broke(f"has {len(cells)} cells, expected image, question, answer", path, line)
            yield None


def _beside_images(folder: Path, source: Source) -> Iterator[ListedQuestion]:
    pictures = {path.stem: path.name for path in _pictures(folder)}
    texts = sorted((*folder.glob("*.txt"), *folder.glob("questions_answers_YN/*.txt")))
    for path in texts:
        for line, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            cells = text.strip().split("\t")
            if len(cells) == 2 and path.stem in pictures:
                yield path, line, pictures[path.stem], cells[0], cells[1]
            elif text.strip():
                source.problems.broke("is no question and answer about an image beside it", path, line)
                yield None


def _pictures(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "images"):
        yield from (path for path in place.glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
