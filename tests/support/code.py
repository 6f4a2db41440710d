"""What stands in the code of flowops itself."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import click

from flowops.cli.main import root

if TYPE_CHECKING:
    from collections.abc import Iterator


def texts(tree: ast.Module) -> Iterator[str]:
    """The texts of a module, but its docstrings; what is filled in is X."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{X}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose | within:
            yield node.value


class UnknownCommand(Exception):
    """A command that there is not."""


def parsed(words: list[str]) -> click.Context:
    """The context of a command line that is parsed, and not run."""
    # Asking for help is right everywhere, and would print it.
    words = [word for word in words if word != "--help"]
    command: click.Command = root
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            raise UnknownCommand(words)
        command, words = found, words[1:]
    return command.make_context("flowops", words)
