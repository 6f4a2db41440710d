"""Campaigns: hand a plan over to workers, look at what became of it, pause it, let it go on, and end it."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from flowops.app.apply import look_again, record_moves
from flowops.app.canary import why_failed
from flowops.app.policy_run import clock, said_of
from flowops.app.secrets import value_of
from flowops.campaigns.batch import Seal, keep, open_batch
from flowops.common.exit_codes import ExitCode, worst
from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean, ulid
from flowops.common.tuples import NamedTuple
from flowops.errors import StalePlan, UsageError
from flowops.ledger.campaigns import SealedCalls
from flowops.ledger.database import iso
from flowops.ledger.keys import usable_key
from flowops.model.call import INSTRUCTION_ID, phones_of
from flowops.model.campaign import Campaign, CampaignState, CanarySettings
from flowops.model.ledger import State
from flowops.model.plan import SENDING, Action
from flowops.plan.recheck import MOVED, unchanged
from flowops.policy.review import NEVER
from flowops.policy.rule import format_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.app.observer import Observer
    from flowops.app.plan import Planned
    from flowops.ledger.store import Store
    from flowops.model.call import CallBatch
    from flowops.model.campaign import CampaignProgress
    from flowops.model.document import Value
    from flowops.model.plan import Guard, Pacing
    from flowops.model.project import Environment, Project
    from flowops.policy.policy import Policy

#: How many calls a batch has: few enough that little is looked at twice when a worker is killed, and many enough that
#: handing batches out costs nothing.
BATCH = 250
#: What of a plan is handed over: what is sent now, and what is sent once its time has come.
HANDED_OVER: frozenset[Action] = SENDING | {Action.DEFERRED}
#: Seconds between two looks at a campaign that is waited for.
LOOK = 1.0

_log = logging.getLogger(__name__)


class HandOver(NamedTuple):
    """What a plan became: a campaign, or nothing, as `guards` have tripped or nothing of it can be placed."""

    campaign: Campaign | None
    progress: CampaignProgress | None = None
    guards: tuple[Guard, ...] = ()


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


def hand_over(
    found: Planned, pacing: Pacing, observer: Observer, *, name: str | None = None, start: datetime | None = None
) -> HandOver:
    """Hand a plan that was confirmed over to the workers of its environment, as a campaign.

    Raises StalePlan when a file is not what it was when the plan was made: then nothing is handed over.
    """
    seal = seal_of(found.workspace.project, found.environment, found.ledger)
    guards, _ = look_again(found)
    if guards:
        return HandOver(None, guards=guards)
    changed: list[str] = []
    record_moves(found, changed.append)
    new = _new(found, name, start, _canary(found, pacing))
    total = found.plan.size + found.plan.counts()[Action.DEFERRED]
    with observer.progress("handing over", total) as advance:

        def sealed() -> Iterator[SealedCalls]:
            calls = _limited(_waiting(found, changed.append), pacing.limit)
            for number, some in enumerate(_in_batches(calls, new.canary.phones if new.canary else None)):
                references = [call.batch.references[call.at] for call in some]
                said = [said_of(call.batch, call.at, found.ledger.pseudonymizer) for call in some]
                phones = sum(call.phones for call in some)
                yield SealedCalls(references, said, phones, seal.close(new.id, number, _kept(some)))
                advance(len(some))
            if changed:
                raise StalePlan(
                    "the files changed while they were handed over; nothing was handed over",
                    details=[f"{reference}: is not what it was" for reference in changed[:MOVED]],
                    hint="plan again",
                )

        made = found.ledger.campaigns.hand_over(new, sealed())
    if not made.calls:
        found.ledger.campaigns.delete(new.id)
        _log.info("nothing is handed over: no call of the plan can be placed")
        return HandOver(None)
    about = {"campaign": new.id, "calls": made.calls, "phones": made.phones, "batches": made.batches}
    _log.info("campaign %(campaign)s: %(calls)d calls to %(phones)d phones handed over in %(batches)d batches", about)
    return HandOver(made, found.ledger.campaigns.progress(new.id))


def _new(found: Planned, name: str | None, start: datetime | None, canary: CanarySettings | None) -> Campaign:
    """Return the campaign of a plan, of which nothing is handed over yet."""
    plan, actor = found.plan, found.ledger.actor
    id_ = ulid().lower()
    return Campaign(
        id=id_,
        name=name or id_,
        state=CampaignState.NEW,
        why=None,
        created_at=iso(clock()),
        starts_at=iso(start or clock()),
        ended_at=None,
        who=actor.who,
        host=actor.host,
        commit=actor.commit,
        digest=plan.digest,
        settings=plan.settings,
        calls=0,
        phones=0,
        batches=0,
        canary=canary,
    )


def _canary(found: Planned, pacing: Pacing) -> CanarySettings | None:
    phones = sum(number for action, number in found.plan.phones().items() if action.sends)
    if pacing.canary is None or phones <= pacing.canary:
        return None
    return CanarySettings(pacing.canary, pacing.failures, pacing.patience.total_seconds())


class _Waiting(NamedTuple):
    """A call that is handed over: its place in a batch of first attempts, and whether it would be placed now."""

    batch: CallBatch
    at: int
    phones: int
    is_due: bool


def _waiting(found: Planned, changed: Callable[[str], None]) -> Iterator[_Waiting]:
    """Yield the calls of a plan that are handed over; what waits in a campaign already is left to that."""
    campaigns = found.ledger.campaigns
    others = campaigns.exist()
    for planned, first, same in unchanged(found.walk, found.plan.batches, changed, HANDED_OVER):
        elsewhere = campaigns.of([first.references[index] for index in same]) if others else {}
        due = set(planned.having(SENDING))
        for index in same:
            if first.references[index] not in elsewhere:
                yield _Waiting(first, index, phones_of(first.bodies[index]), index in due)


def _limited(calls: Iterator[_Waiting], phones: int | None) -> Iterator[_Waiting]:
    """Yield the first calls, up to the first that would ring too many phones."""
    for call in calls:
        if phones is not None:
            phones -= call.phones
            if phones < 0:
                return
        yield call


def _in_batches(calls: Iterator[_Waiting], canary: int | None) -> Iterator[list[_Waiting]]:
    """Yield the calls in batches; the first one has those that are a canary of so many phones, and one at least."""
    passed: list[_Waiting] = []
    if canary is not None:
        first: list[_Waiting] = []
        for call in calls:
            left = canary - sum(each.phones for each in first)
            if call.is_due and (call.phones <= left or not first):
                first.append(call)
            else:
                passed.append(call)
            if call.is_due and call.phones >= left:
                break
        yield first
    rest = chain(passed, calls)
    while some := list(islice(rest, BATCH)):
        yield some


def _kept(calls: Sequence[_Waiting]) -> list[Value]:
    """Return calls as a campaign keeps them: those of one document that come together are one part."""
    parts = []
    for _, some in groupby(calls, key=lambda call: id(call.batch)):
        together = list(some)
        parts.append(keep(together[0].batch, [call.at for call in together]))
    return parts


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
