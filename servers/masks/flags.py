"""The gateway's flags, declared once: `servers.masks serve` and the launcher both take them."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _count(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on")
    return int(text)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: a number from 0 on")
    return amount


FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--image-size": {"type": _count, "help": "SAM 2's input side (default: the checkpoint's)"},
    "--dtype": {"choices": ("float32", "bfloat16"), "help": "SAM 2's (default: bfloat16 on a GPU)"},
    "--decoders": {"type": _count, "default": 1, "help": "SAM 2 processes, one per GPU"},
    "--compile": {"action": "store_true", "help": "compile SAM 2's image encoder (minutes at first)"},
    "--cache-gb": {
        "type": _amount,
        "default": 4.0,
        "help": "encoded frames that each decoder keeps",
    },
    "--max-queue": {"type": _count, "default": 64, "help": "requests with frames in hand before 503"},
    "--max-frames": {"type": _count, "default": 256, "help": "of one request"},
    "--max-body-mb": {"type": _count, "default": 512, "help": "of one request"},
    "--max-bodies-mb": {"type": _count, "default": 1024, "help": "of all requests in hand"},
    "--allowed-media-path": {"type": Path, "help": "folder that file:// frames may come from"},
    "--engine-timeout": {"type": _amount, "default": 600.0, "help": "seconds the engine has for an answer"},
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
