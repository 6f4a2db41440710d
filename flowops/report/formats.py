"""The formats in which flowops prints results, by name: a new one is a module with `write`, and a line here.

A module is imported when its format is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TextIO

from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.report.layout import Output

#: The kinds of result, by the commands that print them.
PROBLEMS, PLAN, RESULT, DIFFERENCE = "validate", "plan", "apply", "diff"
STATUS, ENTRIES, ENTRY, BODIES = "status", "ledger list", "ledger show", "render"
EXPORT, IMPORT = "ledger export", "ledger import"
_ALL = (PROBLEMS, PLAN, RESULT, DIFFERENCE, STATUS, ENTRIES, ENTRY, BODIES)
_REVIEWED = (PROBLEMS, PLAN, RESULT, DIFFERENCE)


class Target(NamedTuple):
    """Where a format writes: a stream, and how it names files for services that know only the repository's names."""

    stream: TextIO
    located: Callable[[str], str] = str


class Format(NamedTuple):
    """One format: what it is for, the kinds of result for which it exists, and the module that writes it.

    Where `instead` is set, a command whose files are wrong prints the problems where its result would stand. In the
    other formats whoever reads the result would take one kind of document for another.
    """

    module: str
    about: str
    kinds: tuple[str, ...]
    instead: bool = False


FORMATS = {
    "text": Format("flowops.report.writers.text", "for people at a terminal", (*_ALL, IMPORT)),
    "json": Format(
        "flowops.report.writers.json",
        "for programs: one document, whose schema `flowops schema show` prints",
        (*_ALL, IMPORT),
    ),
    "markdown": Format(
        "flowops.report.writers.markdown",
        "for a comment on a pull request: at most 65,536 characters; a bot finds it by its hidden first line",
        _ALL,
        instead=True,
    ),
    "github": Format(
        "flowops.report.writers.github",
        "in GitHub Actions: annotations, the Markdown in the step's summary, the totals as outputs",
        _REVIEWED,
        instead=True,
    ),
    "gitlab": Format(
        "flowops.report.writers.gitlab",
        "for a merge request: code quality of what is wrong, the plan widget's counts of all else",
        _REVIEWED,
    ),
    "sarif": Format("flowops.report.writers.sarif", "SARIF 2.1.0, for code scanning", (PROBLEMS, PLAN), instead=True),
    "junit": Format(
        "flowops.report.writers.junit", "JUnit XML, which every CI system shows", (PROBLEMS, PLAN, RESULT), instead=True
    ),
    "html": Format(
        "flowops.report.writers.html",
        "one page that needs nothing beside it, to be kept with a job or mailed",
        _REVIEWED,
        instead=True,
    ),
    "jsonl": Format("flowops.report.writers.jsonl", "for other programs: one object a line", (EXPORT,)),
    "csv": Format("flowops.report.writers.csv", "for spreadsheets, in which no cell is a formula", (EXPORT,)),
}


def names(kind: str) -> tuple[str, ...]:
    """Return the formats that exist for a kind of result."""
    return tuple(name for name, each in FORMATS.items() if kind in each.kinds)


def write(kind: str, output: Output, name: str, target: Target) -> None:
    """Write a result of a kind in a format. Raises UsageError where there is no such format for it."""
    if kind not in FORMATS[name].kinds:
        raise UsageError(f"a result cannot be printed as {name}", hint=f"it can be as {', '.join(names(kind))}")
    import_module(FORMATS[name].module).write(output, target)
