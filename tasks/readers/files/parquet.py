"""Parquet files as the Hugging Face hub serves them, read batch by batch with pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError, UsageError

BATCH = 16


def rows(
    paths: Sequence[Path], columns: Sequence[str] | None = None
) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """(file, row number from 1, row) of all files in turn; images are their encoded bytes.

    Only a batch of rows is held at a time. UsageError if pyarrow is not installed, DatasetError if a file
    is no parquet.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise UsageError(
            f"{paths[0]} is a parquet file: install pyarrow to read it (pip install 'sightbench[parquet]')"
        ) from None
    for path in paths:
        number = 0
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=BATCH):
                    for row in batch.to_pylist():
                        number += 1
                        yield path, number, row
        except (ArrowException, OSError) as error:
            raise DatasetError(
                f"is not a readable parquet file: {str(error).splitlines()[0]}", path
            ) from None


def image(value: Any) -> bytes | None:
    """The encoded bytes of an Image feature ({bytes, path}), of plain bytes, or None."""
    if isinstance(value, dict):
        value = value.get("bytes")
    return value if isinstance(value, bytes) and value else None
