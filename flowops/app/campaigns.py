"""Campaigns: hand a plan over to workers, look at what became of it, pause it, let it go on, and end it."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flowops.app.canary import why_failed
from flowops.app.secrets import value_of
from flowops.campaigns.batch import Seal, open_batch
from flowops.common.exit_codes import ExitCode, worst
from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean
from flowops.common.times import clock
from flowops.errors import UsageError
from flowops.ledger.keys import usable_key
from flowops.model.call import INSTRUCTION_ID, phones_of
from flowops.model.campaign import Campaign, CampaignState, CanarySettings
from flowops.model.ledger import State
from flowops.model.plan import SENDING, Action
from flowops.policy.review import NEVER
from flowops.policy.rule import format_reason

if TYPE_CHECKING:
    from flowops.ledger.store import Store
    from flowops.model.campaign import CampaignProgress
    from flowops.model.project import Environment, Project
    from flowops.policy.policy import Policy

#: What of a plan is handed over: what is sent now, and what is sent once its time has come.
HANDED_OVER: frozenset[Action] = SENDING | {Action.DEFERRED}
#: Seconds between two looks at a campaign that is waited for.
LOOK = 1.0

_log = logging.getLogger(__name__)


def seal_of(project: Project, environment: Environment, ledger: Store) -> Seal:
    """Return what seals an environment's campaigns. Raises UsageError where nobody says with which key."""
    where = f"environments.{environment.name}.workers"
    if environment.workers is None:
        raise UsageError(
            f"environment '{environment.name}' has no workers: nobody says what campaigns are sealed with",
            hint="make a key with `openssl rand -hex 32`, and say where it is kept: "
            f"{where}: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}",
        )
    key = value_of(environment.workers.key, f"{where}.key", UsageError, project)
    return Seal(usable_key(key.encode()), ledger.id)


def find(ledger: Store, campaign: str) -> Campaign:
    """Return the campaign of an id or a name. Raises UsageError where there is none."""
    found = ledger.campaigns.find(campaign)
    if found is None:
        known = [each.name for each in ledger.campaigns.all()]
        raise UsageError(f"no campaign is called {mask_quoted(campaign)}", hint=did_you_mean(campaign, known))
    return found


def set_state(ledger: Store, campaign: Campaign, state: CampaignState, why: str | None = None) -> None:
    """Pause a campaign, let it go on, or end it. Raises UsageError for one that is over."""
    if not ledger.campaigns.set(campaign.id, state, why):
        over = find(ledger, campaign.id)
        raise UsageError(f"campaign {campaign.name} is {over.state}: it is over")
    _log.info("campaign %(campaign)s is %(state)s now", {"campaign": campaign.id, "state": state.value})
    if state is CampaignState.RUNNING:
        ledger.campaigns.end_canary(campaign.id)
        # Whatever its calls waited for may be right now.
        at = max(clock(), datetime.fromisoformat(campaign.starts_at))
        ledger.campaigns.hasten([campaign.id], at, NEVER)


def wait(ledger: Store, campaign: Campaign, timeout: timedelta | None) -> Campaign:
    """Wait until a campaign is over or paused, or for so long; return it as it is then."""
    until = None if timeout is None else time.monotonic() + timeout.total_seconds()
    while campaign.state is CampaignState.RUNNING and (until is None or time.monotonic() < until):
        time.sleep(LOOK)
        campaign = find(ledger, campaign.id)
    return campaign


def exit_code(campaign: Campaign, progress: CampaignProgress) -> ExitCode:
    """Return what `apply` would have ended with that had placed the calls of a campaign."""
    codes = []
    if progress.counts.get(State.IN_DOUBT):
        codes.append(ExitCode.IN_DOUBT)
    if progress.counts.get(State.REJECTED):
        codes.append(ExitCode.API)
    if campaign.state is CampaignState.PAUSED:
        codes.append(ExitCode.GUARD)
    if campaign.state in (CampaignState.RUNNING, CampaignState.CANCELLED):
        codes.append(ExitCode.FAILED)
    return worst(codes)


def judge(ledger: Store, campaign: Campaign, seal: Seal, policy: Policy) -> CampaignState | None:
    """Let the others follow a canary that went well, pause what goes wrong, and finish what has nothing left.

    Return the state that the campaign was given, None where it goes on.
    """
    refused, answered = ledger.campaigns.answered(campaign.id) if policy.stop_on else (0, 0)
    for rule in policy.stop_on:
        why = rule.reached(refused, answered)
        if why is not None:
            ledger.campaigns.set(campaign.id, CampaignState.PAUSED, format_reason(rule, why))
            return CampaignState.PAUSED
    if campaign.canary is not None:
        return _judge_canary(ledger, campaign, campaign.canary, seal)
    return CampaignState.FINISHED if ledger.campaigns.finish(campaign.id) else None


def _judge_canary(ledger: Store, campaign: Campaign, canary: CanarySettings, seal: Seal) -> CampaignState | None:
    """Let the others follow the first calls of a campaign, or pause it, once it is known how these ended."""
    kept = ledger.campaigns.sealed(campaign.id, 0)
    if kept is None:
        return None
    bodies = [body for part in seal.open(campaign.id, 0, kept.sealed) for body in open_batch(part).bodies]
    entries = ledger.look_up([body[INSTRUCTION_ID] for body in bodies])
    known = [(phones_of(body), entries.get(body[INSTRUCTION_ID])) for body in bodies]
    claimed = [datetime.fromisoformat(entry.claimed_at) for _, entry in known if entry is not None]
    is_open = len(claimed) < len(known) or any(entry.state.is_open for _, entry in known if entry is not None)
    is_late = bool(claimed) and clock() - min(claimed) > timedelta(seconds=canary.patience)
    if is_open and not is_late:
        return None
    why = why_failed(known, canary.failures)
    if why is None:
        ledger.campaigns.end_canary(campaign.id)
        return None
    ledger.campaigns.set(campaign.id, CampaignState.PAUSED, why)
    return CampaignState.PAUSED
