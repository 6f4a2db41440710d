"""What the calls with attempts wait for: told by the files and a ledger, as a plan has it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from flowops.app.load import load, variables
from flowops.app.policy_run import clock
from flowops.errors import Invalid, UsageError
from flowops.ledger.database import iso
from flowops.model.plan import NOBODY_WAITS, Action, Waiting
from flowops.model.status import Chains
from flowops.plan.chains import standing_of

if TYPE_CHECKING:
    from flowops.app.selection import Selection
    from flowops.ledger.store import Store
    from flowops.model.document import Document

ATTEMPTS = "attempts"


def chains_of(ledger: Store, asked: Selection) -> Chains | None:
    """Return what the calls with attempts wait for that are asked for, as a plan of them says.

    Where the files are not valid, or a variable of theirs is not given, the ledger alone says it. None where no
    document has attempts, or the ledger's key is lost. No database is asked for rows.
    """
    if not ledger.has_key:
        return None
    try:
        workspace = load(asked)
    except (Invalid, UsageError):
        return _by_ledger(ledger)
    default = workspace.project.defaults.get(ATTEMPTS) is not None
    documents = tuple(each for each in workspace.calls if _has_attempts(each, default=default))
    if not documents:
        return None
    # What renders takes long to be imported, and most ledgers are looked at without.
    from flowops.app.plan import plan_calls
    from flowops.app.render import checked
    from flowops.app.walk import Walk

    walk = Walk(workspace._replace(calls=documents, others=()), variables(workspace, asked.var, asked.var_files))
    try:
        plan = plan_calls(checked(walk), walk, None, ledger, clock()).plan
    except (Invalid, UsageError):
        return _by_ledger(ledger)
    further = [each for each in plan.references(Action.PLACE, Action.DEFERRED) if each.attempt > 1]
    due = sum(each.action is Action.PLACE for each in further)
    first = min((each.until for each in further if each.until is not None), default=None)
    return Chains(plan.waiting, due, len(further) - due, None if first is None else iso(first))


def _by_ledger(ledger: Store) -> Chains | None:
    """Return what calls of a ledger wait for that were claimed with attempts, whatever the files say of them now."""
    chains, now = ledger.chains(), clock()
    if not chains:
        return None
    waiting, due = NOBODY_WAITS, list[datetime]()
    for tried in chains:
        standing, since = standing_of(tried[0].attempts, tried), tried[-1].claimed_at
        if standing.waits:
            waiting = Waiting(waiting.calls + 1, min(waiting.since or since, since))
        due += [standing.due] if standing.due is not None else []
    later = [at for at in due if at > now]
    return Chains(waiting, len(due) - len(later), len(later), iso(min(later)) if later else None)


def _has_attempts(document: Document, *, default: bool) -> bool:
    return document.value[ATTEMPTS] is not None if ATTEMPTS in document.value else default
