"""``flowops reconcile``: settle calls from Call Detail Records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.app.reconcile import reconcile, reconcile_file
from flowops.cli import options
from flowops.cli.output import TERMINAL, echo_status
from flowops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from datetime import timedelta


@click.command("reconcile", short_help="Settle calls from Call Detail Records.")
@options.env
@click.option(
    "--since",
    callback=options.span,
    metavar="AGE",
    help="Ask for so long back: 36h, 7d, 2w. As a rule, since the oldest open call.",
)
@click.option("--no-wait", is_flag=True, help="Stop instead of waiting when the API's throttle says so.")
@click.option(
    "--from-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Take records exported by hand (JSON, JSONL, CSV) instead of asking the API.",
)
def command(environment: str, since: timedelta | None, no_wait: bool, from_file: Path | None) -> int:
    """Ask for the Call Detail Records of the calls that are placed or in doubt, and settle those that have one.

    A record proves that a call was placed. No record proves nothing: the records hold successful calls only,
    so what is still in doubt afterwards stays in doubt. The API takes one request in five minutes for the
    same records; the ledger remembers when, across runs.
    """
    if from_file is None:
        done = reconcile(environment, since, wait=not no_wait, observer=TERMINAL)
    elif since is not None or no_wait:
        raise UsageError("--since and --no-wait have no meaning with --from-file")
    else:
        done = reconcile_file(environment, from_file)
    click.echo(f"{done.settled:,} settled, {done.in_doubt:,} in doubt")
    if not done.in_doubt:
        return 0
    echo_status(
        "No record proves nothing: the records hold successful calls only. Ask the vendor, then "
        f"`flowops ledger resolve REF --env {environment} --placed` or `--not-placed --reason …`."
    )
    return ExitCode.IN_DOUBT
