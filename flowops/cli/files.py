"""``flowops validate``, ``render`` and ``test``: what needs the files only, and no ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowops.cli import options, selecting
from flowops.cli.output import TERMINAL, echo_status, print_problems, print_result, report_problems_as, write_reports
from flowops.common.exit_codes import ExitCode
from flowops.documents.discovery import TESTS
from flowops.project import Project
from flowops.report.formats import BODIES, CASES, PROBLEMS
from flowops.report.views.problems import CasesView, ProblemsView

if TYPE_CHECKING:
    from flowops.app.validate import Validation
    from flowops.model.selection import Selection


@click.command("validate", short_help="Check everything that needs no ledger, no network and no secret.")
@selecting.selection
@options.formats(PROBLEMS)
def validate(selection: Selection, format_: str) -> int:
    """Check the documents of PATH, or of the whole project: their shape, their templates with every row of their
    data, the flows' variables, and the resulting bodies.

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


@click.command("test", short_help="Run the project's tests of its calls.")
@options.paths
@options.formats(CASES)
def test(paths: tuple[str, ...], format_: str) -> int:
    """Run the tests in PATH, or all of the project: documents of kind Test in tests/*.yaml.

    A test gives a document, rows, variables, a time and what the ledger holds, and expects an action, a body, a text
    or a problem. It runs what plan runs, with no ledger, network or secret. Exit with 3 when one fails.
    """
    project = Project(*paths)
    with report_problems_as(project.selection, format_):
        tested = project.test()
    view = CasesView(tested.results, excerpt=tested.excerpt)
    print_result(CASES, view, format_, paths=paths)
    if not tested.results:
        echo_status(f"there are no tests: no document of kind Test in {TESTS}")
    return ExitCode.INVALID if view.failed else 0


@click.command("render", short_help="Print the request bodies, exactly as they would be sent.")
@selecting.selection
@options.formats(BODIES)
def render(selection: Selection, format_: str) -> None:
    """Print the request bodies of the calls of PATH, or of the whole project, exactly as they would be sent.

    Nothing is masked here: mind where the output goes. A callback address that flowops makes itself
    is added when a call is sent, and is not shown.
    """
    from flowops.report.views.plan import Bodies  # `validate` needs no plan

    print_result(BODIES, Bodies(Project.of(selection, TERMINAL).render(), selection.environment), format_)
