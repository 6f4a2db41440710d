"""The formats in which flowops prints results, by name: each module of `flowops.report.writers` is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from flowops.common.tuples import NamedTuple
from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.report.layouts import Output

#: The kinds of result, by the commands that print them.
PROBLEMS, PLAN, RESULT, DIFFERENCE = "validate", "plan", "apply", "diff"
STATUS, ENTRIES, ENTRY, BODIES = "status", "ledger list", "ledger show", "render"
EXPORT, DONE, OPERATION, CASES = "ledger export", "done", "ledger operation", "test"
FIELD, DIAGNOSIS, RUNS, BLOCKED = "explain", "doctor", "ledger runs", "policy blocked"
CAMPAIGNS = "campaign"
ALL = (
    *(PROBLEMS, CASES, PLAN, RESULT, DIFFERENCE, STATUS, ENTRIES, ENTRY, RUNS, BODIES, OPERATION, FIELD, DIAGNOSIS),
    *(BLOCKED, CAMPAIGNS),
)
REVIEWED = (PROBLEMS, CASES, PLAN, RESULT, DIFFERENCE)
#: What a pipeline keeps as a file, in addition to what it prints.
REPORTED = (*REVIEWED, STATUS)


#: The package whose modules are formats. Each imports this one, so that none is imported here.
_WRITERS = "flowops.report.writers"


class Target(NamedTuple):
    """The target of a format: a stream, how it names files for services that know only the repository's names, and what
    gives the name of the project, by which a bot finds the comment that it wrote before."""

    stream: TextIO
    located: Callable[[str], str] = str
    project: Callable[[], str] = str


class Format(NamedTuple):
    """One format: what it is for, the kinds of result for which it exists, and where it is listed.

    Where `instead` is set, a command whose files are wrong
    prints the problems where its result would stand. In the other formats whoever reads the result would take one kind
    of document for another.
    """

    about: str
    kinds: tuple[str, ...]
    order: int
    instead: bool = False


class Writer(Protocol):
    """A module of `flowops.report.writers`."""

    FORMAT: Format

    def write(self, output: Output, target: Target) -> None:
        """Write a result."""


@cache
def _files() -> frozenset[str]:
    from pkgutil import iter_modules  # the help of all commands prints no result

    return frozenset(module.name for module in iter_modules(import_module(_WRITERS).__path__))


def writer(name: str) -> Writer:
    """Return the module that writes a format: only that one is imported."""
    module: Any = import_module(f"{_WRITERS}.{name}")
    return module  # type: ignore[no-any-return]


def listed() -> dict[str, Format]:
    """Return all formats by their names, in the order in which they are listed. Imports them all."""
    found = {name: writer(name).FORMAT for name in _files()}
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def names(kind: str) -> tuple[str, ...]:
    """Return the formats that exist for a kind of result. Imports them all."""
    return tuple(name for name, each in listed().items() if kind in each.kinds)


def is_format(name: str) -> bool:
    """Return whether there is a format of this name, for any kind of result."""
    return name in _files()


def exists(kind: str, name: str) -> bool:
    """Return whether there is a format of this name for a kind of result."""
    return name in _files() and kind in writer(name).FORMAT.kinds


def write(kind: str, output: Output, name: str, target: Target) -> None:
    """Write a result of a kind in a format. Raises UsageError where there is no such format for it."""
    if not exists(kind, name):
        raise UsageError(f"a result cannot be printed as {name}", hint=f"it can be as {', '.join(names(kind))}")
    writer(name).write(output, target)
