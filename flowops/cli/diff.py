"""``flowops diff``: what two Git revisions render differently."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from flowops.cli import options, selecting
from flowops.cli.output import TERMINAL, echo_status, is_asked_for, print_problems, print_result, report_problems_as
from flowops.common.exit_codes import ExitCode, worst
from flowops.errors import Invalid
from flowops.model.result import failures
from flowops.project import Project
from flowops.report.difference import DifferenceOutput
from flowops.report.formats import DIFFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.plan import Difference, DifferentCall
    from flowops.model.selection import Selection

#: What two revisions of files can say.
WORDS = ("invalid", "none")


@click.command("diff", short_help="Show what two Git revisions render differently.")
@click.argument("revisions", metavar="BASE[..HEAD]")
@selecting.selection
@options.full
@options.detailed_exitcode("Exit with 2 when there are differences.")
@options.fail_on(WORDS)
@options.formats(DIFFERENCE)
def command(
    revisions: str,
    selection: Selection,
    full: bool,
    detailed_exitcode: bool,
    fail_on: frozenset[str],
    format_: str,
) -> int:
    """Show what two Git revisions render differently, in PATH or in the whole project; without HEAD, the files as
    they are. BASE...HEAD compares with what both have in common, as Git does.

    Both are read straight from Git: no checkout is touched, and no ledger, network or secret is needed. Calls are
    joined by reference-id, so a file that was moved or renamed is no change. Variables are the same on both sides.
    """

    with closing(DifferenceOutput(selection.environment, full=full, line=_line(format_))) as output:
        with report_problems_as(selection, format_):
            found = output.found = _compare(revisions, selection, output.take)
        print_result(DIFFERENCE, output, format_, paths=selection.paths)
    calls = sum(found.counts.values())
    there_is = {ExitCode.SOMETHING_TO_DO} if detailed_exitcode and (calls or found.attempts) else set()
    return worst(failures(fail_on, {"invalid": found.base_problems, "none": int(not calls)}) | there_is)


def _line(format_: str) -> Callable[[DifferentCall], str] | None:
    """Return how a call is written where all of them are asked for; None where nobody does."""
    if not is_asked_for("json", format_):
        return None
    from flowops.report.json.plan import difference_line

    return difference_line


def _compare(spec: str, selection: Selection, take: Callable[[DifferentCall], None]) -> Difference:
    """Compare two revisions. Raise Invalid when the head is; what is wrong in the base is reported."""

    found = Project.of(selection, TERMINAL).diff(spec, take)
    base, head = found.base, found.head
    if base.nothing is not None:
        echo_status(f"nothing of {found.names[0]} is compared: {base.nothing}")
    if base.problems:
        echo_status(f"{found.names[0]} is not valid; it is compared as far as it renders:")
        print_problems(base.problems, base.excerpt)
    if found.difference is None:
        error = Invalid(head.problems)
        error.excerpt = head.excerpt
        raise error
    return found.difference
