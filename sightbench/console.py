"""The console of tables and progress: no text is markup, and no letter of it steers the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from sightbench.terminal import printable


class Console(RichConsole):
    """rich's, for text from outside; what is bold or coloured is said by styles."""

    def __init__(self, file: IO[str] | None = None, **options: Any) -> None:
        super().__init__(file=file, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            sound = segment.control or segment.text.isprintable() or segment.text == "\n"
            yield segment if sound else Segment(printable(segment.text), segment.style)
