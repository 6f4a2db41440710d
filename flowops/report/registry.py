"""The formats by name: each module of `flowops.report.writers` is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Protocol

from flowops.errors import UsageError
from flowops.report import writers

if TYPE_CHECKING:
    from flowops.report.formats import Format, Target
    from flowops.report.layout import Output


class Writer(Protocol):
    """A module of `flowops.report.writers`."""

    FORMAT: Format

    def write(self, output: Output, target: Target) -> None:
        """Write a result."""


@cache
def _files() -> frozenset[str]:
    return frozenset(module.name for module in iter_modules(writers.__path__))


def writer(name: str) -> Writer:
    """Return the module that writes a format: only that one is imported."""
    module: Any = import_module(f"{writers.__name__}.{name}")
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
