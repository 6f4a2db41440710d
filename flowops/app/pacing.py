"""How the calls of a run are spread over its rounds: what a plan shows of it, and `apply` keeps to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from flowops.errors import UsageError

if TYPE_CHECKING:
    from flowops.app.plan import Planned


class Pacing(NamedTuple):
    """How the calls of a run are spread: how many go first, and how many at all.

    `canary` counts phones. `failures` is the share of them that may fail, `patience` how long their outcomes
    are waited for. `limit` is how many phones the run rings at most.
    """

    canary: int | None = None
    failures: float = 0.0
    patience: timedelta = timedelta(minutes=10)
    limit: int | None = None


def check_pacing(found: Planned, pacing: Pacing) -> None:
    """Raise UsageError for a canary of which nobody would hear."""
    environment = found.environment
    if pacing.canary is not None and environment.callbacks is None and not environment.sandboxed:
        raise UsageError(
            f"--canary waits for the outcomes of calls, and environment '{environment.name}' has no callbacks",
            hint="say where they arrive: callbacks: {url: https://…, secret: {env: NAME}}, and run `flowops listen`",
        )
