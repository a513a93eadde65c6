"""The scorers, loaded a second time with every step counted.

Their source is rewritten as it is loaded: `re` is `counted_re`, and each call, slice, sum of texts, `in` and
turn of a loop counts what it costs in characters, as CPython does them. What a library does with a text
counts the text's length once.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from typing import Any

from tests.scorers.steps import counted_re
from tests.scorers.steps.counter import count

ROOM = "sightbench.scorers"
_SIZED = (str, bytes, list, tuple, dict, set, frozenset)
_FREE = (len, isinstance, getattr, hasattr, ord, chr, iter, next, range, enumerate, zip, map)
_AT_ONE_END = {"append", "extend", "add", "get", "items", "keys", "values", "setdefault"}


def _size(value: object) -> int:
    return len(value) if isinstance(value, _SIZED) else 0


def _called(function: Any, *args: Any, **named: Any) -> Any:
    count(1)
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    if isinstance(owner, counted_re.Pattern) or getattr(function, "__module__", "") == counted_re.__name__:
        return function(*args, **named)
    if isinstance(function, types.FunctionType | types.MethodType) or function in _FREE:
        return function(*args, **named)
    result = function(*args, **named)
    if isinstance(owner, str | bytes):
        if name in ("startswith", "endswith"):
            count(max(map(len, args[0])) if isinstance(args[0], tuple) else len(args[0]))
        elif name in ("find", "index"):
            begin, end = (args[1:] + (0, len(owner))[len(args) - 1 :])[:2]
            count((result if result >= 0 else end) - begin)
        elif name == "join":
            count(len(result))
        else:
            count(len(owner))
    elif isinstance(owner, _SIZED) or type(owner).__module__ == "collections":
        count(0 if name in _AT_ONE_END or (name == "pop" and not args) else _size(owner))
        count(sum(map(_size, args)) if name in ("extend", "update") else 0)
    else:
        count(sum(map(_size, args)))
    return result


def _in(item: object, holder: Any) -> bool:
    count(len(holder) if isinstance(holder, str | list | tuple) else 1)
    return item in holder


def _result(value: Any) -> Any:
    count(1 + _size(value))
    return value


def _each(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        count(1)
        yield value


def _turn() -> None:
    count(1)


_NAMES = {
    "counted_called_": _called,
    "counted_in_": _in,
    "counted_result_": _result,
    "counted_each_": _each,
    "counted_turn_": _turn,
}


def _use(name: str, *args: ast.expr, **more: Any) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), more.get("keywords", []))


class _Counted(ast.NodeTransformer):
    """Puts the counting in."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = None if node.value is None else self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        if [alias.name for alias in node.names] == ["re"]:
            return ast.ImportFrom("tests.scorers.steps", [ast.alias("counted_re", "re")], 0)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("super", "NamedTuple", "TypeVar", "NewType"):
            return node
        return _use("counted_called_", node.func, *node.args, keywords=node.keywords)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) != 1 or not isinstance(node.ops[0], ast.In | ast.NotIn):
            return node
        found = _use("counted_in_", node.left, node.comparators[0])
        return found if isinstance(node.ops[0], ast.In) else ast.UnaryOp(ast.Not(), found)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        sliced = isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load)
        return _use("counted_result_", node) if sliced else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _use("counted_result_", node) if isinstance(node.op, ast.Add | ast.Mult) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        return _use("counted_result_", node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = _use("counted_each_", node.iter)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_use("counted_turn_")))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = _use("counted_each_", node.iter)
        return node


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the scorers' modules and loads them rewritten."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != ROOM and not name.startswith(ROOM + "."):
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return spec
        spec.loader = self
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        assert module.__spec__ is not None and module.__spec__.origin is not None
        with open(module.__spec__.origin, encoding="utf-8") as file:
            tree = _Counted().visit(ast.parse(file.read()))
        exec(compile(ast.fix_missing_locations(tree), module.__spec__.origin, "exec"), module.__dict__)


@contextlib.contextmanager
def counted_scorers() -> Iterator[Mapping[str, types.ModuleType]]:
    """Modules of the scorers by name (`table`, `answer`, ...) that count; outside, they are as ever."""
    before = {name: sys.modules.pop(name) for name in [*sys.modules] if f"{name}.".startswith(ROOM + ".")}
    parent = importlib.import_module("sightbench")
    room = parent.__dict__.get("scorers")
    loader = _Loader()
    sys.meta_path.insert(0, loader)
    vars(builtins).update(_NAMES)
    try:
        yield _Modules()
    finally:
        sys.meta_path.remove(loader)
        for name in [*sys.modules]:
            if f"{name}.".startswith(ROOM + "."):
                del sys.modules[name]
        sys.modules.update(before)
        if room is not None:
            parent.__dict__["scorers"] = room
        for name in _NAMES:
            delattr(builtins, name)


class _Modules(dict[str, types.ModuleType]):
    def __missing__(self, name: str) -> types.ModuleType:
        return self.setdefault(name, importlib.import_module(f"{ROOM}.{name}"))
