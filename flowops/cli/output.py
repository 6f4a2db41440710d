"""The result to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowops.errors import FlowopsError
    from flowops.model import Entry, Place, Problem
    from flowops.report.json import Json
    from flowops.report.lines import Line


def print_lines(lines: Iterable[Line]) -> None:
    """Text, to stdout."""
    from flowops.report.lines import emit

    emit(lines, sys.stdout)


def tell_lines(lines: Iterable[Line]) -> None:
    """Text that is not the result, to stderr."""
    from flowops.report.lines import emit

    emit(lines, sys.stderr)


def tell(text: str) -> None:
    """One plain line that is not the result, to stderr; characters that a terminal obeys are escaped."""
    from flowops.report.escape import safe

    sys.stderr.write(f"{safe(text)}\n")


def print_json(value: Json | Iterable[Json]) -> None:
    """A JSON document, to stdout, as it is made."""
    from flowops.report.json import dumps

    sys.stdout.writelines(dumps(value))


def print_problems(problems: Iterable[Problem], excerpt: Callable[[Place], str | None]) -> None:
    """Every problem with its source line, to stderr."""
    from flowops.report.text.problems import problems_text

    tell_lines(problems_text(problems, excerpt))


def print_error(error: FlowopsError) -> None:
    """A message and its hint, to stderr."""
    from flowops.report.text.problems import error_text

    tell_lines(error_text(error))


def print_entries(entries: Iterable[Entry], format_: str) -> None:
    """Rows of the ledger, to stdout, as ``text``, ``json`` or ``markdown``."""
    if format_ == "json":
        from flowops.report.json import ledger_list_json

        print_json(ledger_list_json(entries))
    elif format_ == "markdown":
        from flowops.report.ledger_markdown import entries_markdown

        sys.stdout.writelines(entries_markdown(entries))
    else:
        from flowops.report.text.ledger import entries_text

        print_lines(entries_text(list(entries)))
