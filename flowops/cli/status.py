"""``flowops status``: the ledger at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowops.app.access import open_for
from flowops.app.gate import failures
from flowops.app.ledger import is_doubtful, status_of
from flowops.app.load import project_of
from flowops.cli import options
from flowops.cli.output import echo_status, print_result
from flowops.errors import ExitCode, worst
from flowops.report.formats import ENTRIES, STATUS
from flowops.report.views import Entries

if TYPE_CHECKING:
    from flowops.ledger.store import Store

#: What the ledger alone can say.
WORDS = ("guard", "given-up", "in-doubt", "none")


@click.command("status", short_help="Show the ledger at a glance.")
@click.argument("references", nargs=-1, type=options.NAME, metavar="[REF]...")
@options.env
@options.fail_on(WORDS)
@options.formats(STATUS)
def command(references: tuple[str, ...], environment: str, fail_on: frozenset[str], format_: str) -> int:
    """Show how many calls are in each state, how they ended, and what is in doubt; or the rows of some REFs."""
    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        if references:
            return _of_calls(ledger, references, fail_on, format_)
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


def _of_calls(ledger: Store, references: tuple[str, ...], fail_on: frozenset[str], format_: str) -> int:
    """Print the rows of some calls; return 1 when the ledger does not know one of them."""
    entries = ledger.entries_of(references)
    print_result(ENTRIES, Entries(entries), format_)
    known = {entry.reference_id for entry in entries}
    unknown = [reference for reference in references if reference not in known]
    for reference in unknown:
        echo_status(f"{reference}: not in the ledger of {ledger.environment}")
    happened = any(entry.state.is_placed for entry in entries)
    found = {"in-doubt": sum(map(is_doubtful, entries)), "none": int(not happened)}
    return worst(failures(fail_on, found) | ({ExitCode.FAILED} if unknown else set()))
