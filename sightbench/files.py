"""Files that are there whole or not at all, lines that are on disk before anything else happens, and images
that may be anything."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sightbench.errors import RunFolderError, SightbenchError

if TYPE_CHECKING:
    from PIL.Image import Image


def refuse_pipe(path: Path) -> None:
    """Raises ValueError for a pipe, a device or a folder, which would be waited for or read without end, and
    OSError for what is not there."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file but a folder, a pipe or a device")


@contextlib.contextmanager
def opened_image(source: Path | bytes, most: int | None = None) -> Iterator[Image]:
    """An image that may be damaged or hostile, for as long as the block lasts that decodes it.

    Raises OSError or ValueError, here or in the block, whatever is wrong with it; more than `most` pixels, or
    more than Pillow takes for safe, are refused by the header.
    """
    # Here, so that what opens no image does not load it.
    from PIL import Image

    if isinstance(source, Path):
        refuse_pipe(source)
    try:
        with Image.open(source if isinstance(source, Path) else io.BytesIO(source)) as image:
            if most is not None and image.width * image.height > most:
                raise ValueError(f"it is {image.width} x {image.height}: at most {most} pixels are read")
            yield image
    except (OSError, ValueError, SightbenchError):
        raise
    except Exception as error:
        # Pillow's decoders raise SyntaxError, TypeError, struct.error, KeyError and more of damaged files.
        raise ValueError(str(error) or type(error).__name__) from error


def sha256_of(path: Path) -> str:
    """The file's sha256 in hexadecimal, without holding the file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_file(path: Path, data: bytes) -> None:
    """Puts `data` in place of the file in one step: readers see the old content or the new.

    Raises RunFolderError when it cannot be written; the old file then stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunFolderError(
            f"{path}: {error.strerror}; the replies are kept, start the same run again"
        ) from error


def append_line(path: Path, line: bytes) -> None:
    """Puts one more line at the file's end, on disk when this returns. Raises RunFolderError if not; nothing
    of the line stays then, since the next one would be written to its end."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        before = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, line + b"\n") <= len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}") from error
