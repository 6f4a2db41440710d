"""Lay out calls of a ledger, runs, and what operators did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.common.text import count, minute, second
from flowops.model.campaign import CampaignState
from flowops.model.ledger import State
from flowops.report import phrases
from flowops.report.blocks import (
    Cell,
    Code,
    Column,
    Entry,
    Lazy,
    Listing,
    Report,
    Row,
    Section,
    Table,
    Tone,
    Total,
    Totals,
    Where,
    Word,
    cell,
    named,
    strong,
)
from flowops.report.json.text import yaml_lines
from flowops.report.layouts.marks import tone_of
from flowops.report.views.ledger import (
    BlockedView,
    CampaignsView,
    Done,
    Entries,
    EntryView,
    OperationView,
    Runs,
    of_entry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.campaign import Campaign, CampaignProgress
    from flowops.model.ledger import Entry as LedgerEntry
    from flowops.model.ledger import LedgerRun, NumberBlock, OperatorStep


def entries_report(listed: Entries) -> Report:
    """Lay out rows of the ledger as one table."""
    names = ("reference-id", "state", "callee", "outcome", "attempts", "updated", "error")
    table = Table(tuple(map(Column, names)), Lazy(lambda: map(_entry_row, listed.entries)), total="call", indent=0)
    return Report([Section((), [table])])


def _attempt_table(chain: Sequence[LedgerEntry]) -> Table:
    columns = (Column("reference-id"), Column("state"), Column("claimed"), Column("outcome"))
    return Table(columns, Lazy(lambda: map(_attempt_row, chain)), len(chain))


def _attempt_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    outcomes = cell(phrases.outcomes_of(entry.legs))
    return Row((cell(named(entry.reference_id)), cell(phrases.state(entry)), cell(minute(entry.claimed_at)), outcomes))


def entry_report(view: EntryView) -> Report:
    """Lay out one call of the ledger: its row, what was sent, and what happened to it, a line an event."""
    entry = of_entry(view.entry)
    body = Code(yaml_lines(dict(sorted(entry.body.items()))))
    fields = [Row((cell(field), value)) for field, value in _entry_fields(entry)]
    if view.chain:
        fields.insert(1, Row((cell("attempt"), cell(f"{entry.attempt} of {entry.max_attempts}, of {entry.root}"))))
    history = Listing([Entry(((phrases.event(event),),)) for event in view.history])
    return Report(
        [
            Section((), [Table((Column("field"), Column("value")), fields)]),
            *([Section((strong("Attempts"),), [_attempt_table(view.chain)])] if view.chain else []),
            *([Section((strong("Body"),), [body])] if entry.body else []),
            *([Section((strong("History"),), [history])] if view.history else []),
        ],
        title=(named(entry.reference_id, strong=True), "  ", Word(phrases.state(entry), tone_of(entry.state))),
        environment=entry.environment,
    )


def runs_report(view: Runs) -> Report:
    """Lay out the runs of a ledger as one table."""
    names = ("run", "state", "who", "where", "commit", "started", "ended", "posts", "did")
    table = Table(tuple(map(Column, names)), [_run_row(run) for run in view.runs], total="run", indent=0)
    return Report([Section((), [table])], environment=view.environment)


def _run_row(run: LedgerRun) -> Row:
    did = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in run.done.items() if number)
    where = (run.host, run.job and f"in {run.job}")
    return Row(
        (
            cell(named(run.run)),
            cell(run.state),
            cell(run.who or "not known"),
            cell(" ".join(filter(None, where)) or "not known"),
            cell(run.commit or ""),
            cell(minute(run.started_at)),
            cell(minute(run.ended_at) if run.ended_at else ""),
            cell(f"{run.posts:,}"),
            cell(did or "nothing"),
        ),
        urgent=run.state == "lost",
    )


def campaigns_report(view: CampaignsView) -> Report:
    """Lay out campaigns as one table: where each stands, and what became of its calls."""
    names = ("campaign", "state", "handed over", "calls", "waiting", "came to", "next", "id")
    table = Table(
        tuple(map(Column, names)),
        list(map(_campaign_row, *zip(*view.campaigns, strict=True))) if view.campaigns else [],
        total="campaign",
        indent=0,
    )
    return Report([Section((), [table])], environment=view.environment)


def _campaign_row(campaign: Campaign, progress: CampaignProgress) -> Row:
    came_to = [(phrases.state_word(state), progress.counts.get(state, 0)) for state in State]
    why = f": {mask_text(campaign.why)}" if campaign.why else ""
    return Row(
        (
            cell(named(campaign.name)),
            cell(f"{campaign.state}{why}"),
            cell(f"{minute(campaign.created_at)} by {campaign.who}"),
            cell(f"{campaign.calls:,}"),
            cell(f"{progress.counts.get(None, 0):,}"),
            cell(", ".join(f"{number:,} {name}" for name, number in came_to if number) or "nothing yet"),
            cell(minute(progress.next_at) if progress.next_at and campaign.state is CampaignState.RUNNING else ""),
            cell(campaign.id),
        ),
        urgent=campaign.state is CampaignState.PAUSED,
    )


def operation_report(view: OperationView) -> Report:
    """Lay out what an operator does to calls: all of them before it is done; then the totals, and what was refused."""
    refused = [step for step in view.steps if step.refused is not None]
    others = [step for step in view.steps if step.refused is None]
    tone = Tone.BAD if refused else Tone.PLAIN
    totals = [Total(name, view.counts[name], tone if name == "refused" else Tone.PLAIN) for name in view.counts]
    did = view.done.capitalize() if view.is_done else f"To {view.name}"
    return Report(
        [
            *([Section((strong(f"{did}:"),), [_step_table(others)], detail=view.is_done)] if others else []),
            *([Section((strong("Refused", Tone.BAD), ": nothing is done to these"), [_step_table(refused)])])
            * bool(refused),
        ],
        title=(view.name.capitalize(), " in ", named(view.environment)),
        context=("reason: ", mask_text(view.reason)),
        totals=Totals((strong(f"{did} in {view.environment}: "),), tuple(totals), len(totals)),
        environment=view.environment,
        headed=not view.is_done,
    )


def blocked_report(view: BlockedView) -> Report:
    """Lay out the numbers that are blocked, and those that were."""
    totals = (Total("blocked", len(view.blocked), Tone.PLAIN), Total("lifted", len(view.lifted), Tone.MUTED))
    return Report(
        [
            *([Section((strong("Blocked:"),), [_block_table(view.blocked)])] if view.blocked else []),
            *([Section((strong("Lifted:"),), [_block_table(view.lifted)], detail=True)] if view.lifted else []),
        ],
        title=("Blocked numbers of ", named(view.environment)),
        totals=Totals((strong(f"Numbers in {view.environment}: "),), totals, len(totals)),
        environment=view.environment,
        headed=False,
    )


def _block_table(blocks: Sequence[NumberBlock]) -> Table:
    names = (Column("number"), Column("pseudonym"), Column("why", Where.AFTER))
    return Table(names, Lazy(lambda: map(_block_row, blocks)), len(blocks))


def _block_row(block: NumberBlock) -> Row:
    lifted = f"; lifted by {block.lifted_by} at {minute(block.lifted_at or '')}: {mask_text(block.lifted_reason or '')}"
    why = f"by {block.who} on {block.host} at {minute(block.at)}: {mask_text(block.reason)}"
    return Row((cell(block.shown), cell(block.pseudonym), cell(why + lifted * (block.lifted_at is not None))))


def _step_table(steps: Sequence[OperatorStep]) -> Table:
    names = (Column("reference-id"), Column("state"), Column("why", Where.AFTER))
    return Table(names, Lazy(lambda: map(_step_row, steps)), len(steps))


def _step_row(step: OperatorStep) -> Row:
    before, after = (phrases.state_word(state) for state in (step.before, step.after))
    said = f"stays {after}" if step.before is step.after else f"{before} → {after}"
    why = mask_text(step.refused or step.note or ("" if step.changed else "it is so already"))
    cells = (cell(named(step.reference_id)), cell(said), cell(why) if why else cell())
    return Row(cells, urgent=step.refused is not None)


def _entry_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    return Row(
        (
            cell(named(entry.reference_id)),
            cell(phrases.state(entry)),
            cell(phrases.phones([leg.shown or "not known" for leg in entry.legs])),
            cell(phrases.outcomes_of(entry.legs)),
            cell(str(entry.attempts)),
            cell(minute(entry.updated_at)),
            cell(f"it is {entry.became} now" if entry.became else entry.error or ""),
        )
    )


def _entry_fields(entry: LedgerEntry) -> Iterator[tuple[str, Cell]]:
    yield "environment", cell(named(entry.environment))
    yield "attempts", cell(f"{entry.attempts:,}")
    yield "claimed", cell(second(entry.claimed_at))
    yield "updated", cell(second(entry.updated_at))
    yield "fingerprint", cell(named(entry.fingerprint) if entry.fingerprint else "not known")
    if entry.labels:
        yield "labels", cell(named(", ".join(f"{name}={text}" for name, text in entry.labels.items())))
    if entry.error:
        yield "error", cell(entry.error)
    if entry.became:
        yield "became", cell(named(entry.became))
    elif entry.renamed:
        yield "posted as", cell(named(entry.renamed))
    for leg in entry.legs:
        outcome = phrases.leg_outcome(leg)
        yield "callee", cell(leg.shown or "not known", f"  {outcome}" if outcome else "")
        if leg.call_id:
            yield "  call-id", cell(named(leg.call_id))
    if entry.state is State.CANCELLED:
        doubt = "; it may have rung" if entry.may_have_rung else ""
        yield "before", cell(f"{phrases.state_word(entry.cancelled_from)}{doubt}")
    if entry.refused:
        yield "refused", cell(f"{count(entry.refused, 'callee')} among others, not accepted yet")
    if entry.purged:
        yield "body", cell("purged from the ledger")


def done_report(done: Done) -> Report:
    """Lay out what a command has done."""
    return Report([], remarks=tuple((mask_text(line),) for line in done.said), environment=done.environment)
