# SPDX-License-Identifier: Apache-2.0
"""Changed copies of the engine's modules: one number, sign, comparison or operator at a time."""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["MODULES", "ROOT", "Mutant", "in_place", "mutants"]

ROOT = Path(__file__).parents[1]
NETWORK = ("config", "blocks", "encoders", "decoder", "xmem", "trunks", "inference", "precision")
MEMORY = ("memory", "reading", "readout", "stores", "tokens")
MODULES = (
    *(f"engine_server.memory.{name}" for name in MEMORY),
    "engine_server.session.tracker",
    *(f"engine_server.network.{name}" for name in NETWORK),
)
BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
}
COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        module: dotted name.
        line, column: where, in the source.
        what: from what to what.
        source: the line, stripped.
        number: of the mutant within its module.
    """

    module: str
    line: int
    column: int
    what: str
    source: str
    number: int

    @property
    def path(self) -> str:
        """The module's file in the repository, from `engine_server` on."""
        return self.module.removeprefix("engine_server.").replace(".", "/") + ".py"


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module, in the order of its source.

    ``inplace=`` and ``strict=`` are left out: they change memory use and checks, no number.
    """
    lines = _source(module).splitlines()
    return [
        Mutant(module, node.lineno, node.col_offset, what, lines[node.lineno - 1].strip(), number)
        for number, (node, what, _) in enumerate(_sites(ast.parse(_source(module))))
        if not lines[node.lineno - 1][: node.col_offset].endswith(("inplace=", "strict="))
    ]


def mutated(mutant: Mutant) -> ast.Module:
    """The syntax tree of the mutant's module."""
    tree = ast.parse(_source(mutant.module))
    node, _, change = list(_sites(tree))[mutant.number]
    fresh = change(node)
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, name, fresh)
            elif isinstance(value, list):
                value[:] = [fresh if item is node else item for item in value]
    return ast.fix_missing_locations(tree)


@contextlib.contextmanager
def in_place(mutant: Mutant | None) -> Iterator[None]:
    """Within, imports of the engine give fresh modules, one of them changed."""
    kept = {name: module for name, module in sys.modules.items() if _is_fresh(name)}
    finder = [] if mutant is None else [_Changed(mutant)]
    for name in kept:
        del sys.modules[name]
    sys.meta_path[:0] = finder
    try:
        yield
    finally:
        for one in finder:
            sys.meta_path.remove(one)
        for name in [name for name in sys.modules if _is_fresh(name)]:
            del sys.modules[name]
        sys.modules.update(kept)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a changed syntax tree; nothing of it is written to a cache."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, name: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.mutant.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=self.mutant.path)

    def exec_module(self, module: ModuleType) -> None:
        code = compile(mutated(self.mutant), f"<mutant of {self.mutant.path}>", "exec")
        exec(code, module.__dict__)  # noqa: S102


def _is_fresh(name: str) -> bool:
    """Whether a module is imported anew: the engine, and the tests that import it."""
    return name == "engine_server" or name.startswith(("engine_server.", "tests.unit."))


def _source(module: str) -> str:
    return (ROOT / (module.replace(".", "/") + ".py")).read_text()


def _sites(tree: ast.AST) -> Iterator[tuple[Any, str, Change]]:
    """Nodes that can be changed, in a fixed order: the node, in words, and the change."""
    for node in _computing(tree):
        for what, change in _changes(node):
            yield node, what, change


def _computing(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of annotations, docstrings, error messages and `__all__`."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_words(child):
                yield child
                yield from _computing(child)


def _is_words(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        aliased = isinstance(node.value, ast.Subscript) and node.targets[0].id.istitle()
        return node.targets[0].id == "__all__" or aliased  # `Pad = tuple[...]` is a type
    return isinstance(node, ast.Raise)


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Constant):
        for value in _other_values(node.value):
            yield f"{node.value} -> {value}", _to_constant(value)
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in BINARY:
        yield _operator(node, "op", BINARY[type(node.op)])
    elif isinstance(node, ast.Compare):
        other = COMPARED[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} -> {other.__name__}", _with("ops", [other()])
    elif isinstance(node, ast.BoolOp):
        yield _operator(node, "op", ast.Or if isinstance(node.op, ast.And) else ast.And)
    elif isinstance(node, ast.UnaryOp):
        yield f"{type(node.op).__name__} left out", lambda node: node.operand  # type: ignore[attr-defined]


def _other_values(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [value * 1.01 if value >= 0.01 else value * 10]
    return []


def _to_constant(value: object) -> Change:
    return lambda node: ast.copy_location(ast.Constant(value), node)  # type: ignore[arg-type]


def _operator(node: Any, name: str, other: type[ast.AST]) -> tuple[str, Change]:
    return f"{type(getattr(node, name)).__name__} -> {other.__name__}", _with(name, other())


def _with(name: str, value: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        fresh = copy.copy(node)
        setattr(fresh, name, value)
        return fresh

    return change
