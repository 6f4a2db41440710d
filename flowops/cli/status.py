"""``flowops status``: the ledger at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowops.app.access import open_for
from flowops.app.gate import failures
from flowops.app.ledger import entries_asked, is_doubtful, status_of
from flowops.app.load import project_of
from flowops.cli import options
from flowops.cli.output import TERMINAL, echo_status, print_result
from flowops.errors import ExitCode, worst
from flowops.report.formats import ENTRIES, STATUS
from flowops.report.views import Entries

if TYPE_CHECKING:
    from flowops.app.selection import Selection
    from flowops.ledger.store import Store

#: What the ledger alone can say.
WORDS = ("guard", "given-up", "in-doubt", "none")


@click.command("status", short_help="Show the ledger at a glance.")
@options.ledger_selection
@options.fail_on(WORDS)
@options.formats(STATUS)
def command(selection: Selection, fail_on: frozenset[str], format_: str) -> int:
    """Show how many calls are in each state, how they ended, and what is in doubt; or the rows of those that are
    selected: by reference-ids, by globs (`*` and `?`), or by the files or labels that they have in the project."""
    project, settings = project_of(selection.environment)
    with open_for(project, settings, readonly=True, observer=TERMINAL) as ledger:
        if selection.paths or selection.calls.narrows:
            return _of_calls(ledger, selection, fail_on, format_)
        status = status_of(ledger)
    print_result(STATUS, status, format_)
    happened = sum(number for state, number in status.counts.items() if state.is_placed)
    found = {
        "guard": len(status.guards),
        "given-up": len(status.given_up),
        "in-doubt": len(status.in_doubt),
        "none": int(not happened),
    }
    return worst(failures(fail_on, found))


def _of_calls(ledger: Store, selection: Selection, fail_on: frozenset[str], format_: str) -> int:
    """Print the rows of some calls; return 1 when the ledger does not know one that was named."""
    entries = list(entries_asked(ledger, selection))
    print_result(ENTRIES, Entries(entries), format_)
    unknown = selection.calls.exact_names.difference(entry.reference_id for entry in entries)
    for reference in sorted(unknown):
        echo_status(f"{reference}: not in the ledger of {ledger.environment}")
    happened = any(entry.state.is_placed for entry in entries)
    found = {"in-doubt": sum(map(is_doubtful, entries)), "none": int(not happened)}
    return worst(failures(fail_on, found) | ({ExitCode.FAILED} if unknown else set()))
