"""What has to hold whatever was killed: by the log of the server, and by the ledger as the next command reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.ledger import State
from support.repository import PLACE, PLAN

if TYPE_CHECKING:
    from support.forks import Forks
    from support.repository import Repository
    from support.server import ApiServer

#: What the ledger may say of a call that the server has received.
KNOWN = (State.IN_FLIGHT, State.PLACED, State.FINISHED, State.IN_DOUBT)


def nothing_is_lost(here: Repository, api: ApiServer) -> set[str]:
    """Every reference was posted once at most and is in the ledger; those whose outcome the ledger does not know."""
    api.settle()
    here.settle()
    entries = here.entries()
    assert max(api.received.values(), default=0) <= 1, f"posted twice: {api.received}"
    lost = [name for name in api.received if name not in entries or entries[name].state not in KNOWN]
    assert not lost, f"posted, and the ledger does not know: {lost}"
    return {name for name, entry in entries.items() if entry.state in (State.IN_FLIGHT, State.IN_DOUBT)}


def hold_after_a_kill(here: Repository, api: ApiServer, forks: Forks) -> None:
    """Hold a ledger whose run was killed against the server's log, run again, and plan what a third run would do.

    The second run places what is safe to place and reports the rest as in doubt, the third has nothing to place.
    """
    unclear = nothing_is_lost(here, api)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert ran.code == (7 if unclear else 0), ran.err
    outcomes = {call["reference_id"]: call["outcome"] for call in ran.json["calls"]}
    assert {name for name, outcome in outcomes.items() if outcome == "in-doubt"} == unclear
    assert set(outcomes.values()) <= {"in-doubt", "placed", "unchanged"}
    assert nothing_is_lost(here, api) == unclear
    assert set(here.references) - unclear <= set(api.received)
    planned = forks.run(*PLAN, "--fail-on", "in-doubt", cwd=here.root, env=here.env)
    assert planned.code == ran.code, planned.err
    rest = len(here.references) - len(unclear)
    assert {key: count for key, count in planned.json["summary"].items() if count} == {
        key: count for key, count in (("unchanged", rest), ("in_doubt", len(unclear))) if count
    }
    assert not list(here.root.glob("*.run-*")), "a dead run's lease is still there"
