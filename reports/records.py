"""One sample as the page's chunks hold it: what was asked, what came back, how it was judged, its masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sightbench import rle
from sightbench.reports import pictures
from sightbench.reports.chunks import to_json
from sightbench.reports.entry import Entry, Masks
from sightbench.reports.pictures import Place, Small
from sightbench.rle import MaskError, Rle
from sightbench.sample import Image, Media, Slice, Text, Turn, Video


@dataclass(slots=True)
class Recorder:
    """Turns entries into records. `small` is None where no images go into the page."""

    place: Place
    small: Small | None = None
    _sizes: dict[Media, str] = field(default_factory=dict)

    def record(self, entry: Entry) -> bytes:
        """The JSON text of one sample."""
        sample, reply, score = entry.sample, entry.reply, entry.score
        record: dict[str, Any] = {
            "turns": [self._turn(turn) for turn in entry.turns],
            "gold": None if sample.wants == "masks" else sample.gold,
            "choices": sample.choices or sample.meta.get("options"),
            "group": sample.group,
            "follows": sample.follows,
            "score": {
                "value": score.value,
                "of": entry.full_marks,
                "status": score.status,
                "parsed": score.parsed,
                "detail": {key: value for key, value in score.detail.items() if value not in (None, [], {})},
            },
        }
        if reply is not None:
            record["reply"] = {
                "text": reply.text,
                "reasoning": reply.reasoning,
                "refusal": reply.refusal,
                "finish": reply.finish_reason,
                "usage": {name: count for name, count in asdict(reply.usage).items() if count is not None},
                "latency": reply.latency_s,
                "attempts": reply.attempts,
                "endpoint": reply.endpoint,
                "at": reply.at,
                "reused": reply.reused,
                "sent": None if reply.sent is None else asdict(reply.sent),
                "error": None if reply.error is None else asdict(reply.error),
            }
        if entry.verdict is not None:
            said = entry.verdict
            record["verdict"] = {
                **{name: getattr(said, name) for name in ("judge", "form", "outcome", "tries", "text")},
                "prompt": [
                    {"role": turn.role, "text": "\n".join(_words(part) for part in turn.parts)}
                    for turn in said.prompt
                ],
            }
        return to_json(record)

    def ledger(self, entry: Entry) -> tuple[int, str]:
        """(frames and images sent, their size as `854x480`): what the reply says of it, else the prompt."""
        sent = entry.reply.sent if entry.reply is not None else None
        media = _media(entry.turns)
        frames, size = len(media), ""
        if sent is not None and sent.media:
            frames = sum(medium.count for medium in sent.media)
            resized = next((medium.resized[0] for medium in sent.media if medium.resized), None)
            size = "" if resized is None else f"{resized[0]}x{resized[1]}"
        if not size and media:
            size = self._size(entry.sample.affinity, media[0])
        return frames, size

    def _turn(self, turn: Turn) -> dict[str, Any]:
        return {"role": turn.role, "parts": [self._part(part) for part in turn.parts]}

    def _part(self, part: Text | Image | Video) -> dict[str, Any]:
        if isinstance(part, Text):
            return {"text": part.text}
        if isinstance(part, Image):
            return {"image": "", **self._pictures([part.media])}
        if part.file is not None:
            return {"video": part.id, "file": self.place(part.file), "span": part.span, "frames": []}
        return {"video": part.id, "fps": part.fps, **self._pictures(part.frames)}

    def _pictures(self, media: Sequence[Media]) -> dict[str, Any]:
        found: dict[str, Any] = {"frames": [self.place(one) for one in media]}
        if self.small is not None:
            found["small"] = self.small.of(media)
        if None in found["frames"]:
            inside = next((one.path.name for one in media if isinstance(one, Slice)), None)
            found["inside"] = inside or "the benchmark's files"
        return found

    def _size(self, key: str, media: Media) -> str:
        # One header a video: frames of one video are of one size, and a stat a frame adds up.
        name = key.encode()
        if name not in self._sizes:
            size = pictures.size(media)
            self._sizes[name] = "" if size is None else f"{size[0]}x{size[1]}"
        return self._sizes[name]


def _words(part: Text | Image | Video) -> str:
    return part.text if isinstance(part, Text) else "[image]"


def _media(turns: Sequence[Turn]) -> list[Media]:
    found: list[Media] = []
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, Image):
                found.append(part.media)
            elif isinstance(part, Video):
                found += part.frames
    return found


def masks_record(masks: Masks, *, truth: bool) -> bytes:
    """The JSON text of one object's masks: [height, width, counts] a frame, null for none.

    A predicted mask that cannot be read is null and named in `broken`; the browser decodes what passed
    here without checking it again. `truth` is False where another run of the page brings the same ground
    truth.
    """
    predicted, broken = [], {}
    for frame, mask in enumerate(masks.predicted):
        try:
            predicted.append(None if mask is None else _mask(mask))
        except MaskError as error:
            predicted.append(None)
            broken[frame] = error.reason
    record: dict[str, Any] = {
        "predicted": predicted,
        "broken": broken,
        "j": [round(value, 4) for value in masks.j],
        "f": [round(value, 4) for value in masks.f],
        "first": masks.first,
    }
    if truth:
        record["truth"] = [_mask(mask) for mask in masks.truth]
    return to_json(record)


def _mask(mask: Rle) -> tuple[int, int, str]:
    rle.lengths(mask)
    return mask.h, mask.w, mask.counts if isinstance(mask.counts, str) else mask.counts.decode("ascii")
