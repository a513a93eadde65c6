"""How many tiles the server made of images, read from the prompt's tokens, beside the reference's number."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice

from sightbench.client.journal import Journal
from sightbench.client.media import MediaError, read
from sightbench.evaluation.selection import Dataset
from sightbench.sample import Image, Media, Sample, Text
from sightbench.tasks.practice import TILE_TOKENS, TILES_IN_ALL, tiles

LOOKED_AT = 50
CLOSE = 0.15


def tile_note(dataset: Dataset, journal: Journal) -> str | None:
    """A line if the answered questions show another number of tiles than the reference; else None.

    A tile is 256 tokens of the prompt and a token of text about three characters, so that a question's
    tiles are known to the unit unless its text is longer than a tile.
    """
    if dataset.tiles is None:
        return None
    seen = wanted = images = 0
    for media, characters, tokens in islice(_asked(dataset, journal), LOOKED_AT):
        most = max(1, min(dataset.tiles, TILES_IN_ALL // len(media)))
        try:
            wanted += sum(tiles(*_size(each), most) for each in media)
        except (OSError, ValueError, MediaError):
            continue
        seen += round((tokens - characters / 3) / TILE_TOKENS)
        images += len(media)
    if not images or abs(seen - wanted) <= CLOSE * wanted:
        return None
    return (
        f"WRONG NUMBER OF TILES: the prompts' tokens show {seen / images:.1f} tiles an image, the reference "
        f"makes {wanted / images:.1f} (up to {dataset.tiles} and a thumbnail); this is not the reference's "
        f"number. Start the server with `launch_server.sh MODEL --tiles {dataset.tiles}` and ask again."
    )


def _asked(dataset: Dataset, journal: Journal) -> Iterator[tuple[list[Media], int, int]]:
    """(images, characters of text, prompt tokens) of every question that was answered and has images only."""
    for sample in dataset.samples():
        reply = journal.read(sample.id)
        tokens = reply.usage.prompt_tokens if reply is not None else None
        media = _images(sample)
        if media and tokens is not None and not sample.follows:
            parts = (part for turn in sample.turns for part in turn.parts)
            yield media, sum(len(part.text) for part in parts if isinstance(part, Text)), tokens


def _images(sample: Sample) -> list[Media]:
    parts = [part for turn in sample.turns for part in turn.parts if not isinstance(part, Text)]
    media = [part.media for part in parts if isinstance(part, Image)]
    return media if len(media) == len(parts) else []


def _size(media: Media) -> tuple[int, int]:
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(read(media))) as picture:
        return picture.size
