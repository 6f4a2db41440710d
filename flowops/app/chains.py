"""What the calls with attempts wait for: told by the files and a ledger, as a plan has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.app.load import load, variables
from flowops.app.policy_run import clock
from flowops.errors import Invalid, UsageError
from flowops.ledger.database import iso
from flowops.model.plan import Action
from flowops.model.status import Chains

if TYPE_CHECKING:
    from flowops.app.selection import Selection
    from flowops.ledger.store import Store
    from flowops.model.document import Document

ATTEMPTS = "attempts"


def chains_of(ledger: Store, asked: Selection) -> Chains | None:
    """Return what the calls with attempts wait for that are asked for, as a plan of them says.

    None where no document has attempts, the files are not valid, or the ledger's key is lost. No database is asked for
    rows.
    """
    if not ledger.has_key:
        return None
    try:
        workspace = load(asked)
    except (Invalid, UsageError):
        return None
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
        return None
    further = [each for each in plan.references(Action.PLACE, Action.DEFERRED) if each.attempt > 1]
    due = sum(each.action is Action.PLACE for each in further)
    first = min((each.until for each in further if each.until is not None), default=None)
    return Chains(plan.waiting, due, len(further) - due, None if first is None else iso(first))


def _has_attempts(document: Document, *, default: bool) -> bool:
    return document.value[ATTEMPTS] is not None if ATTEMPTS in document.value else default
