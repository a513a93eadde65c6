"""Frames of a video where a mask benchmark has them: all that are listed, their names in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sightbench.errors import DatasetError
from sightbench.files import opened_image
from sightbench.sample import LabelTruth, Video
from sightbench.terminal import plain

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(slots=True)
class Frames:
    """The frames below the first of `bases` that has a folder for a video; each folder is listed once."""

    bases: Sequence[Path]
    _listed: dict[str, dict[str, Path]] = field(default_factory=dict)

    def video(self, name: str, frames: Sequence[str], id: str) -> Video:
        """The video of these frames (names without suffix). DatasetError names what is not there."""
        found = self.files(name)
        if not frames:
            raise DatasetError(f"video {plain(name, 80)} lists no frames")
        if list(frames) != sorted(frames):
            raise DatasetError(
                f"video {plain(name, 80)} lists its frames out of order: masks would belong to other frames"
            )
        missing = [frame for frame in frames if frame not in found]
        if missing:
            raise DatasetError(
                f"video {plain(name, 80)}: {len(missing)} of {len(frames)} frames are not in "
                f"{self.folder(name)}, for example {plain(missing[0], 80)}"
            )
        return Video(id, tuple(found[frame] for frame in frames))

    def files(self, name: str) -> dict[str, Path]:
        """Frame name -> file of a video, in order of name."""
        if name not in self._listed:
            folder = self.folder(name)
            paths = sorted(folder.iterdir()) if folder.is_dir() else ()
            self._listed[name] = {path.stem: path for path in paths if path.suffix.lower() in SUFFIXES}
        return self._listed[name]

    def truth(
        self, name: str, labels: tuple[int, ...] = (), *, voids: bool = False, indexed: bool = False
    ) -> LabelTruth:
        """The label maps of a video, all that are there; its first frame's size. DatasetError."""
        files = self.files(name)
        names = tuple(path.name for path in files.values())
        size = size_of(next(iter(files.values())))
        return LabelTruth(str(self.folder(name)), names, size, labels, voids=voids, indexed=indexed)

    def folder(self, name: str) -> Path:
        """Where the video's frames are, or should be. DatasetError for a name that leads elsewhere."""
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            raise DatasetError(f"{plain(name, 80)} cannot be a video's name")
        return next((base / name for base in self.bases if (base / name).is_dir()), self.bases[0] / name)


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) in the header of an image. DatasetError if it has none."""
    try:
        with opened_image(path) as image:
            return image.height, image.width
    except (OSError, ValueError) as error:
        raise DatasetError(f"not a readable image ({plain(error, 100)})", path) from None
