"""``flowops ledger purge``: personal data goes, the fact of the call stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from flowops.cli import options
from flowops.cli.output import echo_status


@click.command("purge", short_help="Remove personal data older than an age.")
@options.env
@click.option("--older-than", required=True, callback=options.span, metavar="AGE", help="Such as 90d, 12w or 36h.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def command(environment: str, older_than: timedelta, auto_approve: bool) -> None:
    """Forget the bodies, callees and errors of settled calls to which nothing has happened for AGE.

    What stays is that the call was placed: a purged call is never placed again, and the chain still verifies.
    """
    from flowops.app.access import open_for
    from flowops.app.load import project_of
    from flowops.cli.asking import agree

    before = datetime.now(UTC) - older_than
    project, settings = project_of(environment)
    if not auto_approve and not settings.sandboxed:
        agree(f"Forget the personal data of calls in {environment} from before {before:%Y-%m-%d %H:%M} UTC?")
    with open_for(project, settings) as ledger:
        count = ledger.purge(before)
    echo_status(f"{count:,} call{'' if count == 1 else 's'} purged")
