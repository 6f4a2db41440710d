"""``flowops test``: the tests that a project has of its calls."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import echo_status, print_result, report_problems_as
from flowops.common.exit_codes import ExitCode
from flowops.documents.discovery import TESTS
from flowops.project import Project
from flowops.report.formats import CASES
from flowops.report.views.problems import CasesView


@click.command("test", short_help="Run the project's tests of its calls.")
@options.paths
@options.formats(CASES)
def command(paths: tuple[str, ...], format_: str) -> int:
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
