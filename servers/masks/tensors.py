"""Copying tensors between safetensors files byte for byte: no torch, constant memory, any dtype."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor's bytes are."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class _Tensor(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_header(file: Path) -> list[Entry]:
    """The tensors of one safetensors file, in file order; ValueError if it is not one."""
    with file.open("rb") as stream:
        size = stream.read(8)
        length = struct.unpack("<Q", size)[0] if len(size) == 8 else 0
        if not 2 <= length <= 100_000_000:
            raise ValueError(f"{file} is not a safetensors file")
        text = stream.read(length)
        whole = stream.seek(0, 2)
    try:
        header = msgspec.json.decode(text, type=dict[str, Any])
        header.pop("__metadata__", None)
        tensors = msgspec.convert(header, dict[str, _Tensor])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{file} has a damaged header: {error}") from None
    base, entries = 8 + length, []
    for name, tensor in tensors.items():
        start, end = (base + offset for offset in tensor.data_offsets)
        if not base <= start <= end:
            raise ValueError(f"{file} has a damaged header: {name} ends before it begins")
        if end > whole:
            raise ValueError(f"{file} ends before its header says it does: download it again")
        entries.append(Entry(file, name, tensor.dtype, tensor.shape, start, end))
    return sorted(entries, key=lambda e: e.start)


def read_folder(folder: Path) -> list[Entry]:
    """The tensors of every safetensors file in a checkpoint folder; ValueError if there is none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{folder} holds no *.safetensors files")
    return [entry for file in files for entry in read_header(file)]


def write(file: Path, entries: Sequence[Entry], rename: Callable[[str], str] = str) -> None:
    """One safetensors file with these tensors under `rename(name)`, in the given order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for entry in entries:
        size = entry.end - entry.start
        header[rename(entry.name)] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for entry in entries:
            with entry.file.open("rb") as source:
                source.seek(entry.start)
                _copy(source, out, entry.end - entry.start)


def _copy(source: BinaryIO, out: BinaryIO, size: int) -> None:
    while size:
        chunk = source.read(min(size, 1 << 24))
        if not chunk:
            raise ValueError(f"{source.name} ends before its header says it does")
        out.write(chunk)
        size -= len(chunk)


def write_folder(folder: Path, entries: Sequence[Entry], rename: Callable[[str], str] = str) -> None:
    """A checkpoint folder with one file per source file and, if there are several, their index."""
    files: dict[Path, list[Entry]] = {}
    for entry in entries:
        files.setdefault(entry.file, []).append(entry)
    if len(files) == 1:
        write(folder / "model.safetensors", entries, rename)
        return
    index: dict[str, str] = {}
    for number, members in enumerate(files.values(), start=1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        write(folder / name, members, rename)
        index |= {rename(entry.name): name for entry in members}
    total = sum(entry.end - entry.start for entry in entries)
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=1)
    (folder / "model.safetensors.index.json").write_text(text)


def copy_sidecars(source: Path, target: Path) -> None:
    """Tokenizer, processor and template files, and the remote code a tokenizer may need; not the config."""
    for file in sorted(source.iterdir()):
        wanted = file.suffix in (".json", ".jinja", ".txt", ".model") or file.name.startswith("tokenization_")
        if file.is_file() and wanted and file.name not in ("config.json", "model.safetensors.index.json"):
            shutil.copyfile(file, target / file.name)
