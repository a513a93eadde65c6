"""The gateway's flags, declared once: `servers.masks serve` and the launcher both take them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--image-size": {"type": int, "help": "SAM 2's input side (default: the checkpoint's)"},
    "--dtype": {"choices": ("float32", "bfloat16"), "help": "SAM 2's (default: bfloat16 on a GPU)"},
    "--decoders": {"type": int, "default": 1, "help": "SAM 2 processes, one per GPU"},
    "--compile": {"action": "store_true", "help": "compile SAM 2's image encoder (minutes at first)"},
    "--cache-gb": {
        "type": float,
        "default": 4.0,
        "help": "encoded frames that each decoder keeps",
    },
    "--max-queue": {"type": int, "default": 64, "help": "requests with frames in hand before 503"},
    "--max-frames": {"type": int, "default": 256, "help": "of one request"},
    "--max-body-mb": {"type": int, "default": 512, "help": "of one request"},
    "--max-bodies-mb": {"type": int, "default": 1024, "help": "of all requests in hand"},
    "--allowed-media-path": {"type": Path, "help": "folder that file:// frames may come from"},
    "--engine-timeout": {"type": float, "default": 600.0, "help": "seconds the engine has for an answer"},
    "--engine-dtype": {
        "choices": ("float32", "bfloat16", "float16"),
        "help": "the engine's, for the self-test's tolerance",
    },
    "--skip-self-test": {"action": "store_true", "help": "serve without knowing that masks are right"},
}


def declare(parser: argparse._ActionsContainer, *, optional: bool = False) -> None:
    """Adds the flags; `optional`: one that is not given is absent from the result."""
    for name, spec in FLAGS.items():
        absent = {"default": argparse.SUPPRESS} if optional else {}
        parser.add_argument(name, **{**spec, **absent})


def given(options: argparse.Namespace) -> list[str]:
    """The flags that were given (declared as `optional`), as words of a command line."""
    words: list[str] = []
    for name, spec in FLAGS.items():
        value = getattr(options, name[2:].replace("-", "_"), None)
        if value is not None and value is not False:
            words += [name] if spec.get("action") else [name, str(value)]
    return words
