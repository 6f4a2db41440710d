"""``flowops validate``: everything that needs no ledger, no network and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowops.cli import options, selecting
from flowops.cli.output import TERMINAL, print_problems, print_result, write_reports
from flowops.common.exit_codes import ExitCode
from flowops.project import Project
from flowops.report.formats import PROBLEMS
from flowops.report.views.problems import ProblemsView

if TYPE_CHECKING:
    from flowops.app.selection import Selection
    from flowops.app.validate import Validation


@click.command("validate", short_help="Check everything that needs no ledger, no network and no secret.")
@selecting.selection
@options.formats(PROBLEMS)
def command(selection: Selection, format_: str) -> int:
    """Check the documents of PATH, or of the whole project: their shape, their templates with every row of their
    data, the flows' variables, and the bodies that come of it.

    Every problem of every file is reported in one run.
    """

    return _print(Project.of(selection, TERMINAL).validate(), selection, format_)


def _print(checked: Validation, selection: Selection, format_: str) -> int:
    files, documents, calls, problems, excerpt, unread, warnings = checked
    view = ProblemsView(problems, selection.environment, files, documents, calls, unread, warnings=warnings)
    if format_ != "text":
        print_result(PROBLEMS, view, format_, paths=selection.paths)
    else:
        write_reports(PROBLEMS, view, selection.paths)
    if problems:
        print_problems(problems, excerpt)
        return ExitCode.INVALID
    if format_ == "text":
        counts = (
            f"{number:,} {word}{'' if number == 1 else 's'}"
            for number, word in ((files, "file"), (documents, "document"), (calls, "call"))
        )
        rest = f"; rows of {len(unread)} not read" if unread else ""
        click.echo(f"valid: {', '.join(counts)}{rest}")
    return 0
