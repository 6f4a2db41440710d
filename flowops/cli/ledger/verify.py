"""``flowops ledger verify``: does the chain of events hold."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.errors import LedgerError


@click.command("verify", short_help="Check the chain of events.")
@options.env
def command(environment: str) -> None:
    """Walk the chain of events and hold the calls against it; name the first event that does not fit."""
    from flowops.app.access import open_for
    from flowops.app.load import project_of

    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        broken = ledger.verify()
        mark = ledger.mark()
    if broken is not None:
        raise LedgerError(
            f"the ledger of {environment} is not what flowops wrote: {broken}",
            hint="do not apply with it; restore the last copy that verifies",
        )
    click.echo(f"{mark.id}: {mark.serial:,} event{'' if mark.serial == 1 else 's'}, the chain holds")
