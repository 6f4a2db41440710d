"""Ways out that several errors point to."""

from __future__ import annotations

#: Of a ledger that cannot be used as it is.
RESTORE = (
    "restore the newest copy, then run `flowops reconcile`: calls placed since that copy are only known to the API"
)


def no_ledger(environment: str) -> str:
    """Of a ledger that is not there, with the warning that it deserves."""
    return (
        f"`flowops ledger init --env {environment}` makes it, once. If calls were placed from here before, restore "
        "a copy of their ledger instead: a new one knows of no call and would ring everyone again"
    )
