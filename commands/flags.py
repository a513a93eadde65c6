"""The flags of an evaluation, one `click.option` per field of Options."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sightbench.errors import UsageError

Command = Callable[..., Any]


def _config(ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        from sightbench.commands.config_file import defaults

        ctx.default_map = {
            **(ctx.default_map or {}),
            **defaults(
                path,
                {p.name for p in ctx.command.params if p.name},
                {p.name for p in ctx.command.params if p.name and getattr(p, "multiple", False)},
            ),
        }
    return path


def _finite(_ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{param.opts[0]} {value}: a finite number is needed")
    return value


def _box_mode(_ctx: click.Context, _param: click.Parameter, name: str | None) -> str | None:
    if name is not None and name != "auto":
        from sightbench.scorers.text.box_modes import box_mode

        try:
            box_mode(name)
        except ValueError as error:
            raise UsageError(f"--box-mode {name}: {error}") from None
    return name


EVALUATION = (
    click.option(
        "--config",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=_config,
        help="YAML file with any of these flags by name.",
    ),
    click.option(
        "--endpoint",
        multiple=True,
        metavar="URL",
        help="OpenAI-compatible base URL; repeat for several, URL*2 has weight 2. None: embedded baseline.",
    ),
    click.option("--model", help="Model name the endpoint serves; may be left out if it serves one."),
    click.option("--alias", help="Name to show in reports instead of the model's."),
    click.option(
        "--task",
        multiple=True,
        metavar="NAME",
        help="Benchmark, group or task (repeat or separate by commas): see `bench.py tasks`.  [default: all]",
    ),
    click.option("--data", type=click.Path(path_type=Path), help="Folder of the benchmark's files."),
    click.option(
        "--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/<model>-<task>]"
    ),
    click.option("--profile", help="Whose prompt and scoring: official, internvl, vlmevalkit, lmms_eval."),
    click.option("--limit", type=click.IntRange(1), help="Only the first N samples of each benchmark."),
    click.option(
        "--shard", metavar="I/N", help="Only part I of N, split by video (from 0). Slurm's is used by itself."
    ),
    click.option("--dry-run", is_flag=True, help="Print the plan and an example request; send nothing."),
    click.option(
        "--api-key-env",
        default="OPENAI_API_KEY",
        show_default=True,
        help="Environment variable that holds the key; never the key itself.",
    ),
    click.option(
        "--header", multiple=True, metavar="NAME:VALUE", help="Extra request header; VALUE may be $VARIABLE."
    ),
    click.option("--insecure", is_flag=True, help="Do not verify TLS certificates."),
    click.option(
        "--concurrency", default="auto", show_default=True, help="Requests in flight: a number or auto."
    ),
    click.option(
        "--rpm",
        type=click.FloatRange(0, min_open=True),
        callback=_finite,
        help="Requests per minute at most.",
    ),
    click.option(
        "--tpm", type=click.FloatRange(0, min_open=True), callback=_finite, help="Tokens per minute at most."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        callback=_finite,
        default=600.0,
        show_default=True,
        help="Seconds one request may take.",
    ),
    click.option(
        "--attempts",
        type=click.IntRange(1),
        default=6,
        show_default=True,
        help="Times one request is tried at most.",
    ),
    click.option(
        "--deadline",
        type=click.FloatRange(0, min_open=True),
        callback=_finite,
        help="Stop asking after this many seconds.",
    ),
    click.option(
        "--max-tokens-total", type=click.IntRange(1), help="Stop asking once this many tokens are used."
    ),
    click.option(
        "--max-tokens", type=click.IntRange(1), help="Tokens per answer.  [default: the benchmark's]"
    ),
    click.option("--temperature", type=click.FloatRange(0), callback=_finite, default=0.0, show_default=True),
    click.option("--top-p", type=click.FloatRange(0, 1), callback=_finite),
    click.option("--top-k", type=int),
    click.option("--repetition-penalty", type=float, callback=_finite),
    click.option("--seed", type=int),
    click.option("--extra-body", metavar="JSON", help="Further fields of the request body."),
    click.option("--frames", type=click.IntRange(1), help="Send only N evenly spaced frames of a video."),
    click.option(
        "--fps",
        type=click.FloatRange(0, min_open=True),
        callback=_finite,
        help="Sample video files at this rate.",
    ),
    click.option("--max-pixels", type=click.IntRange(1), help="Shrink larger images to this many pixels."),
    click.option(
        "--media",
        type=click.Choice(["images", "video", "file"]),
        help="How frames go out: images, one video part, or file:// paths.  [default: the model family's]",
    ),
    click.option("--family", help="Model family of sightbench/models.yaml, if the name does not tell."),
    click.option(
        "--box-mode",
        callback=_box_mode,
        help="Convention of the model's boxes (grounding).  [default: the model family's]",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["leave-out", "zero"]),
        default="leave-out",
        show_default=True,
        help="Failed requests: outside every number, or 0 as some references count them.",
    ),
    click.option(
        "--unparsed",
        type=click.Choice(["wrong", "random"]),
        default="wrong",
        show_default=True,
        help="Answers no rule can read: wrong, or the reference's random draw.",
    ),
    click.option("--unparsed-seed", type=int, default=42, show_default=True),
    click.option(
        "--scenes",
        type=click.IntRange(1),
        default=40,
        show_default=True,
        help="Scenes to render when there is no --data.",
    ),
    click.option("--quiet", is_flag=True, help="No progress display."),
)


def evaluation(command: Command) -> Command:
    for option in reversed(EVALUATION):
        command = option(command)
    return command
