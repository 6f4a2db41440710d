"""``flowops validate``: everything that needs no ledger, no network and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from flowops.cli import options
from flowops.cli.output import print_problems, print_result
from flowops.errors import Invalid
from flowops.report.formats import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowops.model import Document, Place, Problem

INVALID = 3


@click.command("validate", short_help="Check everything that needs no ledger, no network and no secret.")
@options.selection
@options.formats(PROBLEMS)
def command(
    paths: tuple[str, ...], environment: str, var: tuple[str, ...], var_files: tuple[str, ...], format_: str
) -> int:
    """Check the documents of PATH, or of the whole project: their shape, their templates with every row of their
    data, the flows' variables, and the bodies that come of it.

    Every problem of every file is told in one run.
    """
    from flowops.cli.rendering import examine
    from flowops.cli.sources import not_read
    from flowops.cli.workspace import load, variables

    try:
        workspace = load(paths, environment)
        calls, problems = examine(workspace, variables(workspace, var, var_files))
        count, excerpt = sum(map(len, calls)), workspace.reader.excerpt
        checked = Checked(workspace.files, workspace.documents, count, problems, excerpt, not_read(workspace))
    except Invalid as error:
        checked = Checked(0, 0, 0, error.problems, error.excerpt, ())
    return _tell(checked, environment, format_)


class Checked(NamedTuple):
    """How much was checked, and what is wrong with it; `not_read` are call sets whose rows need the network."""

    files: int
    documents: int
    calls: int
    problems: Sequence[Problem]
    excerpt: Callable[[Place], str | None]
    not_read: Sequence[tuple[Document, str]]


def _tell(checked: Checked, environment: str, format_: str) -> int:
    files, documents, calls, problems, excerpt, unread = checked
    if format_ != "text":
        from flowops.report.views import ProblemsView

        print_result(PROBLEMS, ProblemsView(problems, environment, files, documents, calls, unread), format_)
    if problems:
        print_problems(problems, excerpt)
        return INVALID
    if format_ == "text":
        told = (
            f"{number:,} {word}{'' if number == 1 else 's'}"
            for number, word in ((files, "file"), (documents, "document"), (calls, "call"))
        )
        rest = f"; rows of {len(unread)} not read" if unread else ""
        click.echo(f"valid: {', '.join(told)}{rest}")
    return 0
