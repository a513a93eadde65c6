"""The flags of an evaluation, made from the fields of Options: one `click.option` each."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal

import click
import orjson

from sightbench.errors import UsageError
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.options import Options
from sightbench.flags import FlagInfo, spelled

Command = Callable[..., Any]


def json_object(_ctx: click.Context, param: click.Parameter, value: Any) -> Mapping[str, Any]:
    """A JSON object, from text or (in a config file) as it is. Raises UsageError for anything else."""
    flag = param.opts[0]
    if value is None:
        return {}
    try:
        read = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{flag} is not JSON: {error}") from None
    if not isinstance(read, Mapping):
        raise UsageError(f"{flag} is a JSON object, for example '{{\"min_p\": 0.05}}'")
    return read


def number_or_word(value: Any) -> int | str:
    """A number where the text is one; which words mean something is known to Options."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


def evaluation_flags(command: Command) -> Command:
    """Gives a command the flags of Options, as keyword arguments under the fields' names."""
    return _with_flags(command, Options)


def judge_flags(command: Command) -> Command:
    """Gives a command the flags of JudgeOptions."""
    return _with_flags(command, JudgeOptions)


def _with_flags(command: Command, options: type[Options] | type[JudgeOptions]) -> Command:
    types_ = typing.get_type_hints(options)
    for entry in reversed(fields(options)):
        if "flag" in entry.metadata:
            command = _option(entry, types_[entry.name])(command)
    return command


def _option(entry: Field[Any], type_: Any) -> Callable[[Command], Command]:
    flag: FlagInfo = entry.metadata["flag"]
    default = None if entry.default is MISSING else entry.default
    arms = _arms(type_)
    shown: dict[str, Any] = {"cls": EvaluationFlag, "flag": flag, "help": flag.help}
    if flag.shown:
        shown["help"] += f"  [default: {flag.shown}]"
    elif default is not None and default is not False and default != ():
        shown["show_default"] = True
    if flag.metavar:
        shown["metavar"] = flag.metavar
    if typing.get_origin(arms[0]) is Mapping:
        shown["callback"] = json_object
    if bool in arms:
        return click.option(spelled(entry.name), is_flag=True, **shown)
    if typing.get_origin(arms[-1]) is Sequence:
        return click.option(spelled(entry.name), multiple=True, **shown)
    return click.option(spelled(entry.name), type=_click_type(arms), default=default, **shown)


def _arms(type_: Any) -> list[Any]:
    """The members of a union but None; of anything else, itself."""
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        return [arm for arm in typing.get_args(type_) if arm is not type(None)]
    return [type_]


def _click_type(arms: list[Any]) -> Any:
    if arms[0] is int and len(arms) > 1:
        return number_or_word
    if typing.get_origin(arms[0]) is Literal:
        return click.Choice(typing.get_args(arms[0]))
    if typing.get_origin(arms[0]) is Mapping:
        return click.UNPROCESSED
    known = {int: click.INT, float: click.FLOAT, str: click.STRING, Path: click.Path(path_type=Path)}
    return known[arms[0]]


class EvaluationFlag(click.Option):
    """An option that knows where it stands in `--help`."""

    def __init__(self, *args: Any, flag: FlagInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flag = flag
