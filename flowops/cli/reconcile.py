"""``flowops reconcile``: settle calls from Call Detail Records."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.cli import options
from flowops.cli.output import TERMINAL, echo_status, print_result
from flowops.common.exit_codes import ExitCode
from flowops.errors import UsageError
from flowops.model.ledger import Adopt
from flowops.project import Project
from flowops.report.formats import DONE
from flowops.report.views.ledger import Done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from flowops.app.reconcile import Reconciled


@click.command("reconcile", short_help="Settle calls from Call Detail Records.")
@options.env
@click.option(
    "--since",
    callback=options.span,
    metavar="AGE",
    help="How far back to look: 36h, 7d, 2w. Default: since the oldest open call.",
)
@click.option("--if-configured", is_flag=True, help="Do nothing, and say so, where the environment names no account.")
@click.option("--no-wait", is_flag=True, help="Stop instead of waiting when the API's throttle says so.")
@click.option(
    "--from-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Take records exported by hand (JSON, JSONL, CSV) instead of asking the API.",
)
@click.option(
    "--adopt",
    is_flag=False,
    flag_value=str(Adopt.NAMED),
    type=click.Choice([str(Adopt.NAMED), str(Adopt.ALL)]),
    help="Take calls that the ledger does not know for its own: those that the files name, or `all`.",
)
@options.formats(DONE)
def command(
    environment: str,
    since: timedelta | None,
    if_configured: bool,
    no_wait: bool,
    from_file: Path | None,
    adopt: str,
    format_: str,
) -> int:
    """Ask for the Call Detail Records of the calls that are placed or in doubt, and settle those that have one.

    A record proves that a call was placed. No record proves nothing: the records hold successful calls only,
    so what is still in doubt afterwards stays in doubt. The API takes one request in five minutes for the
    same records; the ledger remembers when, across runs.

    An account may serve other environments and programs. A record of a call that the ledger does not know and the
    files name makes it in doubt, as the ledger may have lost it; --adopt takes it for placed.
    """
    adopted = Adopt(adopt or Adopt.NONE)
    project = Project(environment=environment, observer=TERMINAL)
    if if_configured and from_file is None and project.settings.account is None:
        echo_status(f"environment '{environment}' has no account: there are no records to ask for")
        return 0
    if from_file is None:
        done = project.reconcile(since, adopt=adopted, wait=not no_wait)
    elif since is not None or no_wait:
        raise UsageError("--since and --no-wait have no meaning with --from-file")
    else:
        done = project.reconcile_file(from_file, adopt=adopted)
    env = shlex.quote(environment)
    print_result(DONE, Done(environment, "reconcile", done._asdict(), list(_said(done))), format_)
    if done.doubtful:
        echo_status(
            "The ledger may have lost them, such as by an older copy put back: take them for placed with "
            f"`flowops reconcile --env {env} --adopt`. If others on this account use the same references, say "
            f"`flowops ledger resolve REF --env {env} --reason … --not-placed`."
        )
    if not done.in_doubt:
        return 0
    echo_status(
        "No record proves nothing: the records hold successful calls only. Ask the vendor, then "
        f"`flowops ledger resolve REF --env {env} --reason … --placed`, or `--not-placed`."
    )
    return ExitCode.IN_DOUBT


def _said(done: Reconciled) -> Iterator[str]:
    """Yield what the records came to, and what they had of calls that the ledger did not know."""
    yield f"{done.settled:,} settled, {done.in_doubt:,} in doubt"
    if done.adopted:
        yield f"{done.adopted:,} adopted: the ledger did not know them"
    if done.doubtful:
        yield f"{done.doubtful:,} in doubt now: the files name them, and the ledger did not know them"
    if done.foreign:
        yield f"{done.foreign:,} of other calls on the account: neither the ledger nor the files name them"
    if done.namesakes:
        yield f"{done.namesakes:,} of other calls with the references of placed ones: the call-ids differ"
