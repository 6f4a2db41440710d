"""What a shell offers to complete: environments, references and labels of the project, names of schemas and fields.

It is asked between two keys: whatever is wrong with the files, nothing is printed and nothing is offered, and whoever
runs the command is told then. Reading stops when somebody has waited long enough. No ledger, network or secret is
touched. What a shell would take for more than a name, such as ``$(…)`` in a reference, is not offered: it would stand
in the command line as it is.
"""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import click

    from flowops.app.load import Workspace

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]

#: How long the files are read, in seconds, and how many names a shell is given.
PATIENCE = 1.0
MOST = 200


def _offering(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    """Return what completes from names, as click asks it."""

    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        until = time.monotonic() + PATIENCE
        found: dict[str, None] = {}
        try:
            _go_to(context)
            for name in names(context):
                if name.startswith(incomplete) and shlex.quote(name) == name:
                    found[name] = None
                if len(found) == MOST or time.monotonic() > until:
                    break
        except (FlowopsError, OSError):
            return list(found)
        return list(found)

    return complete


def _go_to(context: click.Context) -> None:
    """Work in the directory of ``-C``: no command has begun yet, so nobody has gone there."""
    directory = context.find_root().params.get("chdir")
    if directory is not None:
        os.chdir(directory)


def _workspace(context: click.Context) -> Workspace:
    """Return the project, in the environment of the command line as far as it is written."""
    from flowops.app.load import load
    from flowops.model.selection import Selection

    return load(Selection((), context.params.get("environment") or "sandbox"))


def _environments(_context: click.Context) -> Iterable[str]:
    from flowops.app.load import project_of

    return project_of("sandbox")[0].environments


def _references(context: click.Context) -> Iterator[str]:
    """Yield the references of the project's calls, with the variables that the project itself has."""
    from flowops.app.load import variables
    from flowops.app.walk import Walk

    workspace = _workspace(context)
    for batch in Walk(workspace, variables(workspace, (), ())):
        yield from batch.references


def _labels(context: click.Context) -> Iterator[str]:
    for document in _workspace(context).calls:
        yield from (f"{name}={value}" for name, value in document.labels.items())


def _schemas(_context: click.Context) -> Iterable[str]:
    from flowops.schema.store import NAMES

    return NAMES


def _fields(_context: click.Context) -> Iterable[str]:
    from flowops.schema.fields import all_paths

    return all_paths()


environments, references, labels = map(_offering, (_environments, _references, _labels))
schemas, fields = map(_offering, (_schemas, _fields))
