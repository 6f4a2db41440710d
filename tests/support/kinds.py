"""The kinds of problems that the code of flowops can report: the stable names in `Problem.code`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from support.commands import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What makes a problem, and which of its arguments is the kind; those by name are called `code`.
_MAKERS = {"Problem": 3, "_note": 2, "problem": None, "SchemaError": None, "_replace": None}


def kinds() -> set[str]:
    """Every kind of problem that is written in the code."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in (ROOT / "flowops").rglob("*.py")}
    everywhere = {name: value for tree in trees.values() for name, value in _constants(tree)}
    found = {"schema", "invalid"}  # where nothing is said
    for tree in trees.values():
        found |= set(_kinds(tree, everywhere | dict(_constants(tree))))
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((target.id, node.value.value) for target in node.targets if isinstance(target, ast.Name))


def _kinds(tree: ast.Module, constants: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in _MAKERS:
            continue
        at = _MAKERS[name]
        given = [each.value for each in node.keywords if each.arg == "code"]
        given += [] if at is None else node.args[at : at + 1]
        for each in given:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value
            elif isinstance(each, ast.Name) and each.id in constants:
                yield constants[each.id]
