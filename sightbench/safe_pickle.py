"""Pickles of plain data, read without running anything that they name.

A pickle is a program; a download of one may do whatever its author liked. Here it may build text, bytes,
numbers, lists, tuples, sets and dicts, and nothing else.
"""

from __future__ import annotations

import codecs
import io
import pickle
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # How protocol 2 writes bytes; it turns text into bytes and does nothing else.
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        raise pickle.UnpicklingError(f"it names {module}.{name}, and plain data name nothing")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data outside of it")


def load(path: Path) -> Any:
    """What is pickled in `path`. DatasetError if it is no pickle, or one of more than plain data."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    try:
        return _Plain(io.BytesIO(content), encoding="utf-8").load()
    except RecursionError:
        raise DatasetError("refused: it is nested too deeply", path) from None
    except Exception as error:
        # A damaged pickle raises nearly anything: EOFError, KeyError, struct.error, MemoryError...
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"not a pickle of plain data: {reason}", path) from None
