"""``flowops ledger purge``: personal data goes, the fact of the call stays."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from flowops.cli import options
from flowops.cli.output import tell
from flowops.errors import UsageError

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@click.command("purge", short_help="Remove personal data older than an age.")
@options.env
@click.option("--older-than", required=True, metavar="AGE", help="Such as 90d, 12w or 36h.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def command(environment: str, older_than: str, auto_approve: bool) -> None:
    """Forget the bodies, callees and errors of settled calls to which nothing has happened for AGE.

    What stays is that the call was placed: a purged call is never placed again, and the chain still verifies.
    """
    from flowops.cli.asking import agree
    from flowops.cli.ledger_access import open_for
    from flowops.cli.workspace import project_of

    before = datetime.now(UTC) - age(older_than)
    project, settings = project_of(environment)
    if not auto_approve and not settings.sandboxed:
        agree(f"Forget the personal data of calls in {environment} from before {before:%Y-%m-%d %H:%M} UTC?")
    with open_for(project, settings) as ledger:
        count = ledger.purge(before)
    tell(f"{count:,} call{'' if count == 1 else 's'} purged")


def age(text: str) -> timedelta:
    """``90d``, ``12w`` or ``36h`` as a time span. Raises UsageError."""
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text, re.ASCII)
    if found is None:
        raise UsageError(f"'{text}' is not an age", hint="write a number and a unit: 36h, 90d or 12w")
    try:
        return timedelta(**{UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise UsageError(f"'{text}' is too long an age") from None
