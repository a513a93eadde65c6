"""`--help` in sections, the flags most people need first; `--task A B C` as people type it."""

from __future__ import annotations

import difflib
import typing

import click

from sightbench.commands.flags import EvaluationFlag
from sightbench.flags import Group

SPREAD = ("--task", "--checkpoints")
"""Options that take several values in a row."""

FIRST = [
    "endpoint",
    "model",
    "task",
    "data",
    "limit",
    "max_tokens",
    "concurrency",
    "out",
    "config",
    "dry_run",
]
"""What most people need."""


class Front(click.Group):
    """The command itself: an evaluation if no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args, self.commands.keys()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            raise click.UsageError(f"there is no command {cmd_name!r}; {self._hint(cmd_name)}")
        return command

    def _hint(self, word: str) -> str:
        from sightbench.tasks import catalog

        if word.lower() in {name.lower() for name in catalog.names()}:
            return f"to ask that benchmark write --task {word}"
        if "://" in word:
            return f"to ask that server write --endpoint {word}"
        near = difflib.get_close_matches(word, self.commands, n=1)
        return f"did you mean {near[0]}?" if near else f"there are {', '.join(self.commands)}"

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        first: dict[str, tuple[str, str]] = {}
        sections: dict[str, list[tuple[str, str]]] = {}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.name in FIRST:
                first[parameter.name] = record
            elif not isinstance(parameter, EvaluationFlag):
                others.append(record)
            else:
                sections.setdefault(parameter.flag.group, []).append(record)
        groups = (group for group in typing.get_args(Group) if group in sections)
        for title, records in (
            ("Most used", [first[name] for name in FIRST if name in first]),
            *((group.capitalize(), sections[group]) for group in groups),
            ("Also", others),
        ):
            with formatter.section(title):
                formatter.write_dl(records)
        self.format_commands(ctx, formatter)


class Spread(click.Command):
    """A command whose `--task` and `--checkpoints` take several values in a row."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args, ()))


def spread(args: list[str], commands: typing.Collection[str]) -> list[str]:
    """`--task A B C` as `--task A --task B --task C`, up to the next option or command."""
    out: list[str] = []
    option = None
    for index, arg in enumerate(args):
        if arg == "--" or (arg in commands and option is None):
            return out + args[index:]
        if arg.startswith("-"):
            option = arg if arg in SPREAD else None
        elif option is not None and out[-1] != option:
            if arg in commands:
                return out + args[index:]
            out.append(option)
        out.append(arg)
    return out
