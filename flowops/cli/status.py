"""``flowops status``, ``doctor``, ``stop`` and ``resume``: how an environment is, and whether it may place calls."""

from __future__ import annotations

import shlex
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from flowops.app.asked import entries_asked
from flowops.app.load import project_of
from flowops.app.status import is_doubtful, report_since, whole_report
from flowops.cli import options, selecting
from flowops.cli.output import TERMINAL, echo_status, print_result, warn_of_sandbox
from flowops.common.exit_codes import ExitCode, worst
from flowops.common.masking import mask_text
from flowops.model.result import failures
from flowops.project import Project
from flowops.report.formats import DIAGNOSIS, DONE, ENTRIES, STATUS
from flowops.report.views.ledger import Done, Entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from flowops.ledger.store import Store
    from flowops.model.selection import Selection
    from flowops.model.status import LedgerStatus

#: Seconds between two looks at a ledger.
LOOK = 1.0
#: What the ledger alone can say.
WORDS = ("guard", "given-up", "in-doubt", "none")


@click.command("status", short_help="Show the ledger at a glance.")
@selecting.ledger_selection
@click.option(
    "--since", callback=options.since, metavar="TIME", help="Only calls claimed since today, 24h ago, or a DATE."
)
@click.option(
    "--wait",
    callback=options.span,
    metavar="TIME",
    help="Wait at most this long until no call is in flight or without outcome.",
)
@options.fail_on(WORDS)
@options.formats(STATUS)
def status(
    selection: Selection, since: datetime | None, wait: timedelta | None, fail_on: frozenset[str], format_: str
) -> int:
    """Show how many calls are in each state, how they ended, and what is in doubt: of the whole ledger, or of the day
    (--since). Without --since, calls that are selected are listed one by one: by reference-ids, by globs (`*` and `?`),
    or by the files or labels that they have in the project.

    After --wait the exit code is 7 where a call is in doubt, and 1 where one is still on its way.
    """
    project = Project.of(selection, TERMINAL)
    hears = project.settings.callbacks is not None
    with project.ledger() as ledger:
        report = partial(report_since, ledger, selection, since, hears=hears)
        status = _settled(report, wait) if wait is not None else None
        if since is None and (selection.paths or selection.calls.narrows):
            code = _of_calls(ledger, selection, fail_on, format_)
        else:
            status = whole_report(ledger, selection, since, hears=hears)
            print_result(STATUS, status, format_)
            code = worst(failures(fail_on, _words(status)))
    if wait is None or status is None:
        return code
    waited = {ExitCode.IN_DOUBT} if status.in_doubt else {ExitCode.FAILED} if status.waiting else set()
    return worst({ExitCode(code), *waited})


def _words(status: LedgerStatus) -> dict[str, int]:
    """Count by the words of --fail-on what a ledger holds."""
    happened = sum(number for state, number in status.counts.items() if state.is_placed)
    return {
        "guard": len(status.guards),
        "given-up": len(status.given_up),
        "in-doubt": len(status.in_doubt),
        "none": int(not happened),
    }


def _settled(report: Callable[[], LedgerStatus], wait: timedelta) -> LedgerStatus:
    """Look until no call is in flight or waits for its outcome, or the time is over; return what was seen last."""
    until = time.monotonic() + wait.total_seconds()
    while (status := report()).waiting and (left := until - time.monotonic()) > 0:
        time.sleep(min(LOOK, left))
    return status


def _of_calls(ledger: Store, selection: Selection, fail_on: frozenset[str], format_: str) -> int:
    """Print the rows of some calls; return 1 when the ledger does not know one that was named."""
    entries = list(entries_asked(ledger, selection))
    print_result(ENTRIES, Entries(entries, ledger.environment), format_)
    unknown = selection.calls.exact_names.difference(entry.reference_id for entry in entries)
    for reference in sorted(unknown):
        echo_status(f"{mask_text(reference)}: not in the ledger of {ledger.environment}")
    happened = any(entry.state.is_placed for entry in entries)
    found = {"in-doubt": sum(map(is_doubtful, entries)), "none": int(not happened)}
    return worst(failures(fail_on, found) | ({ExitCode.FAILED} if unknown else set()))


@click.command("doctor", short_help="Check everything that an environment needs; write nothing.")
@options.env
@options.formats(DIAGNOSIS)
def doctor(environment: str, format_: str) -> int:
    """Check that every reference is set, the ledger opens and is the pinned one, the API can be reached and takes the
    token (asked for records: no phone rings), callbacks arrive, libraries are installed, and clocks agree.

    Nothing is written, and no value of a reference is shown. A warning keeps no call from being placed. Exit with 0
    unless a check fails, else with what apply would end with: 3 for files and what they may not name, 4 for a stop or a
    list, 5 for the ledger, 6 for the API and its token, 64 for a secret of callbacks.
    """
    diagnosis = Project(environment=environment).examine()
    print_result(DIAGNOSIS, diagnosis, format_)
    return diagnosis.code


@click.command("stop", short_help="Stop placing calls in an environment.")
@options.env
@click.option("--reason", required=True, help="Why; every run that is stopped reports it.")
@options.formats(DONE)
def stop(environment: str, reason: str, format_: str) -> int:
    """Stop every run of the environment, on whatever machine, before its next claim; what is in flight is recorded.

    It stays stopped until `flowops resume`.
    """

    warn_of_sandbox("this stops", *project_of(environment))
    changed, why = Project(environment=environment, observer=TERMINAL).stop(reason)
    said = f"{environment} was stopped already: {why}"
    if changed:
        again = f"flowops resume --env {shlex.quote(environment)}"
        said = f"{environment} is stopped: no run claims another call until `{again}`"
    print_result(DONE, Done(environment, "stop", {"changed": changed, "reason": why}, [said]), format_)
    return 0


@click.command("resume", short_help="Allow placing calls again.")
@options.env
@options.formats(DONE)
def resume(environment: str, format_: str) -> int:
    """Allow runs of the environment to claim calls again after `flowops stop`. Nothing is placed by this itself."""

    warn_of_sandbox("this resumes", *project_of(environment))
    changed = Project(environment=environment, observer=TERMINAL).resume()
    said = f"{environment} is resumed" if changed else f"{environment} was not stopped"
    print_result(DONE, Done(environment, "resume", {"changed": changed}, [said]), format_)
    return 0
