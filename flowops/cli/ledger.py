"""``flowops ledger``: work on the ledger."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.app.asked import entries_asked, references_asked
from flowops.app.ledger import copy as copy_to
from flowops.app.ledger import init as make_ledger
from flowops.app.ledger import names_spool, take_back
from flowops.app.operators import check_pair, edits, read_pairs
from flowops.cli import completing, options, selecting
from flowops.cli.group import Group
from flowops.cli.operators import operate
from flowops.cli.output import TERMINAL, confirm, echo_status, print_result
from flowops.common.safe_files import new_file
from flowops.common.text import count
from flowops.errors import FlowopsError, LedgerError, UsageError
from flowops.ledger.operators import Accept, Cancel, Rename, Resolve, UndoCancel
from flowops.ledger.records import go_on
from flowops.model.call import OUTCOME_CODES, read_call_id
from flowops.model.ledger import EventType, State
from flowops.model.selection import Selection
from flowops.project import Project
from flowops.report import phrases
from flowops.report.escape import safe
from flowops.report.formats import DONE, ENTRIES, ENTRY, EXPORT, RUNS
from flowops.report.views.ledger import AuditTrail, Done, Entries, EntryView, Exported, Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.cli.selecting import Asked
    from flowops.ledger.history import LoggedEvent

STATES = tuple(state.value for state in State)


@click.group("ledger", cls=Group, short_help="Manage the ledger.")
def command() -> None:
    """Manage the ledger: what is known of every call that was ever placed."""


@command.command("init", short_help="Make the ledger of an environment, once.")
@options.env
@click.option(
    "--continue",
    "goes_on",
    metavar="ID",
    help="Continue with the ledger ID under this name of project, environment or API.",
)
@options.formats(DONE)
def init(environment: str, goes_on: str | None, format_: str) -> None:
    """Make the ledger of an environment, once, and print its id.

    It belongs to the project, the environment, and the API's host. Where one of these was renamed, continue with the
    existing ledger: --continue ID. A lost ledger would ring everyone again: if there was one, restore it
    instead. An older ledger is brought up to date.
    """

    made = make_ledger(environment, goes_on, TERMINAL)
    checkpoint = made.checkpoint
    facts = {"id": checkpoint.id, "serial": checkpoint.serial, "others": [other.id for other in made.others]}
    print_result(DONE, Done(environment, "ledger init", facts, [checkpoint.id]), format_)
    if goes_on is not None:
        echo_status(f"ledger {goes_on} goes on as that of {environment}, with {count(made.checkpoint.serial, 'event')}")
        return
    if made.others:
        echo_status(go_on(environment, made.others))
    echo_status(
        f"the ledger of {environment} is ready; pin it with `ledger: {{url: …, id: {made.checkpoint.id}}}` in "
        "flowops.yaml"
    )


@command.command("list", short_help="List calls.")
@selecting.ledger_selection
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; may be repeated.")
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice(tuple(OUTCOME_CODES)),
    help="Only calls of which a callee ended so; may be repeated.",
)
@click.option(
    "--since", callback=options.since, metavar="TIME", help="Only calls claimed since today, 24h ago, or a DATE."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="List at most N.")
@options.formats(ENTRIES)
def list_(
    selection: Selection,
    states: tuple[str, ...],
    outcomes: tuple[str, ...],
    since: datetime | None,
    limit: int | None,
    format_: str,
) -> None:
    """List the calls of the ledger, or those that are selected: by their reference-ids, by globs (`*` and `?`), or by
    the files or labels that they have in the project."""

    with Project(environment=selection.environment, observer=TERMINAL).ledger() as ledger:
        wanted = [State(state) for state in states] or None
        codes = [OUTCOME_CODES[outcome] for outcome in outcomes] or None
        rows = entries_asked(ledger, selection, states=wanted, since=since, codes=codes, limit=limit)
        print_result(ENTRIES, Entries(rows, ledger.environment), format_)


@command.command("show", short_help="Show one call and everything that happened to it.")
@click.argument("reference", type=options.NAME, metavar="REF", shell_complete=completing.references)
@options.env
@options.formats(ENTRY)
def show(reference: str, environment: str, format_: str) -> None:
    """Show the call REF, what was sent (sensitive values are masked), and everything that happened to it.

    Of a rehearsal (`rehearsal-…`), which is no call, show what happened.
    """

    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        found = ledger.look_up([reference]).get(reference)
        entry = None if found is None else ledger.entries_of([found.reference_id])[0]  # with its labels
        history = list(ledger.events(entry.reference_id if entry else reference))
        chain = ledger.chain_of(entry.reference_id) if entry else []
    if entry is None and history and all(event.event_type is EventType.REHEARSED for event in history):
        _show_rehearsal(reference, history, format_)
        return
    if entry is None:
        trail = f"flowops ledger export --events --env {shlex.quote(environment)}"
        where = f" any more; its history is in `{trail}`" if history else ""
        raise FlowopsError(f"{reference}: not in the ledger of {environment}{where}")
    if entry.reference_id != reference:
        echo_status(f"{reference}: it is {entry.reference_id} now")
    print_result(ENTRY, EntryView(entry, history, chain), format_)


def _show_rehearsal(reference: str, history: Sequence[LoggedEvent], format_: str) -> None:
    """Print what happened in a rehearsal, a line an event."""
    if format_ != "text":
        raise UsageError(f"{reference} is a rehearsal, and no call: its events are shown as text")
    for event in history:
        click.echo(safe(phrases.event(event)))


@command.command("runs", short_help="List runs, and what each did.")
@options.env
@click.option(
    "--since", callback=options.since, metavar="TIME", help="Only runs begun since today, 24h ago, or a DATE."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="List at most N.")
@options.formats(RUNS)
def runs(environment: str, since: datetime | None, limit: int | None, format_: str) -> None:
    """List the runs that have claimed calls, the newest first: who, where, when, and how many calls came to what.

    What a run left unanswered is in flight while it runs, and in doubt if it is gone. Results that came later, by
    callbacks, records or an operator's word, are those of the calls (`flowops ledger list`) and not of the run.
    """

    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        print_result(RUNS, Runs(environment, ledger.runs(since, limit)), format_)


@command.command("export", short_help="Write the ledger out as JSONL or CSV.")
@options.env
@click.option("--events", is_flag=True, help="The audit trail: an event a line, and not a call.")
@options.formats(EXPORT, default="jsonl")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
def export(environment: str, events: bool, format_: str, out: Path | None) -> None:
    """Write every call out, callees masked. `ledger import` takes back what any format has.

    With --events write out what has happened to the calls, oldest first: who did what, from where, in which run, at
    which commit and why, with the hash that chains each event to the one before. No bodies and no callees; of a call
    that was purged only what happened, and when. It is for auditors, and cannot be imported.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front, which import takes away.
    """

    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        rows = AuditTrail(ledger.events()) if events else Exported(ledger.export())
        if out is None:
            print_result(EXPORT, rows, format_)
            return
        try:
            with new_file(out, Path.cwd()) as stream:
                print_result(EXPORT, rows, format_, stream)
        except OSError as error:
            raise FlowopsError(f"{out} cannot be written: {error.strerror}") from None


@command.command("import", short_help="Adopt calls that were placed elsewhere.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.env
@options.formats(DONE)
def import_(file: Path, environment: str, format_: str) -> None:
    """Adopt the calls in FILE (.jsonl or .csv), so that none of them is placed again.

    A row has a reference-id, and may have callee or callees, call-id, placed-at, state and fingerprint; what
    `ledger export` writes fits. Without a fingerprint a call is unchanged whatever its spec says. A call that
    the ledger has already stays as it is. Nothing is taken when any row is wrong.

    FILE may be a spool: what a run on another machine could not write into this ledger is recorded.
    """

    project = Project(environment=environment, observer=TERMINAL)
    if names_spool(file):
        with project.ledger(readonly=False) as ledger:
            added, present = ledger.import_spool(file)
        _print_imported(environment, added, present, format_)
        return
    adopted = project.read_import(file)
    with project.ledger(readonly=False) as ledger:
        done = ledger.import_calls(adopted)
    _print_imported(environment, len(done.added), len(done.present), format_)
    new = set(done.added)
    calls = [call for call in adopted if call.reference_id in new]
    if calls and all(call.state.is_placed for call in calls):
        echo_status("they count as placed: apply never places them again")
    unknown = sum(call.rang_nobody_known for call in calls)
    if unknown:
        echo_status(
            f"warning: no number is known of {count(unknown, 'call')} (an export masks it): "
            "per-callee does not count them; `flowops ledger copy` moves a ledger with all that policies count"
        )


def _print_imported(environment: str, added: int, present: int, format_: str) -> None:
    facts = {"added": added, "present": present}
    said = f"{added:,} imported, {present:,} already present"
    print_result(DONE, Done(environment, "ledger import", facts, [said]), format_)


@command.command("resolve", short_help="Settle calls that are in doubt, or say how they ended.")
@click.option("--placed", is_flag=True, help="They were placed: they will not be placed again.")
@click.option("--not-placed", is_flag=True, help="They were not placed: the next apply may place them.")
@click.option("--outcome", type=click.Choice(tuple(OUTCOME_CODES)), help="How placed calls have ended.")
@click.option("--call-id", help="What the API called it; for one call, or one of its callees.")
@selecting.asked
def resolve(asked: Asked, placed: bool, not_placed: bool, outcome: str | None, call_id: str | None) -> int:
    """Settle calls that are in doubt: they were placed, or they were not. Say how placed calls have ended.

    Ask the vendor or the callees first: after --not-placed the next apply rings. A call whose run may still
    be waiting for the answer cannot be settled. An outcome is that of every callee without one, or of the one with
    --call-id.
    """

    if (placed and not_placed) or not (placed or not_placed or outcome):
        raise UsageError("say which it is: --placed, --not-placed, or --outcome")
    if not_placed and (call_id or outcome):
        raise UsageError("--call-id and --outcome go with --placed")
    if call_id and read_call_id(call_id) is None:
        raise UsageError("--call-id has 1 to 128 visible ASCII characters")
    calls = asked.calls
    if call_id and (len(calls.references) != 1 or calls.globs or calls.excluded or calls.from_file):
        raise UsageError("--call-id is that of one call: name it by its REF")
    said = True if placed else False if not_placed else None
    operation = Resolve(placed=said, outcome=OUTCOME_CODES[outcome] if outcome else None, call_id=call_id)
    return operate(asked, lambda _: operation)


@command.command("accept", short_help="Take what the files say now for what was meant.")
@selecting.asked
@options.var
@options.var_file
def accept(asked: Asked, var: tuple[str, ...], var_files: tuple[str, ...]) -> int:
    """Take what the files say now for what was meant by calls that are placed: the next plan finds them unchanged.

    A pattern selects among the calls that were edited since they were placed, and those of which the API has refused
    a callee among others: that it is known of, and no later run reports it again. Nothing is placed by this.
    """
    project = Selection((), asked.environment, var, var_files)
    return operate(asked, lambda ledger: Accept(edits(ledger, project)))


@command.command("cancel", short_help="Say that calls are never to be placed.")
@click.option("--undo", is_flag=True, help="Take that back: each call is exactly what it was before.")
@selecting.asked
@options.var
@options.var_file
def cancel(asked: Asked, undo: bool, var: tuple[str, ...], var_files: tuple[str, ...]) -> int:
    """Say of calls that they are never to be placed: those that the files name, were refused, or are in doubt.

    Of a call with attempts those that were made keep their state, and no other follows.

    A pattern selects among the calls of the files and of the ledger. A call in doubt stays marked as one that may have
    rung. A call that is in flight, or whose run may still hear of it, cannot be cancelled.
    """
    named = partial(references_asked, Selection((), asked.environment, var, var_files))
    return operate(asked, lambda _: UndoCancel() if undo else Cancel(named))


@command.command("rename", short_help="Rename calls: give them other reference-ids.")
@selecting.asked_pairs
def rename(asked: Asked) -> int:
    """Rename the call OLD to NEW, or each call of a file: what was placed is not placed again under its new name.

    The old name stays, and is never placed again; what the API still says of it settles the call under its new name.
    All attempts of a call go with it. A call that is in flight or in doubt cannot be renamed, and no call to a name
    that the ledger has. Patterns and labels select among the old names of the file.
    """
    calls = asked.calls
    if len(calls.references) != (len(("OLD", "NEW")) if calls.from_file is None else 0):
        raise UsageError("say which calls: OLD NEW, or --from-file FILE")
    pairs = read_pairs(calls.from_file) if calls.from_file is not None else check_pair(*calls.references)
    asked = asked._replace(calls=calls._replace(references=tuple(pairs), from_file=None))
    return operate(asked, lambda _: Rename(pairs))


@command.command("copy", short_help="Move the ledger to another database.")
@options.env
@click.option("--to", metavar="URL", help="The database it moves to: sqlite:///… or postgresql://…")
@click.option("--undo", is_flag=True, help="Undo a move that was interrupted: the ledger stays where it is.")
@options.auto_approve
@options.formats(DONE)
def copy(environment: str, to: str | None, undo: bool, approved: bool, format_: str) -> None:
    """Move the ledger whole to another database: calls, events and their chain, what policies count, its id and key.

    Nothing may be running. From the first byte on the old ledger takes no writes, and nothing can be placed from it any
    more; the new one is used once all of it was compared. A move that was interrupted continues with the same command,
    or is taken back with --undo (and --to, once the copy is whole). Then give the environment its new address.
    """
    if undo:
        was_moving = take_back(environment, to)
        said = f"the ledger of {environment} stays where it is" if was_moving else "it was not being moved"
        facts = {"outcome": "taken back" if was_moving else "not moving", "id": None, "serial": None}
        print_result(DONE, Done(environment, "ledger copy", facts, [said]), format_)
        return
    if not to:
        raise UsageError("say where it moves to: --to sqlite:///… or --to postgresql://…")
    if not (Project(environment=environment).settings.sandboxed or approved):
        confirm(f"Move the ledger of {environment}? From then on nothing is placed from the old one.")
    moved = copy_to(environment, to, TERMINAL)
    said = f"{moved.id}: {count(moved.serial, 'event')} moved, audit trail verified"
    found = {"outcome": "moved", "id": moved.id, "serial": moved.serial}
    print_result(DONE, Done(environment, "ledger copy", found, [said]), format_)
    echo_status(
        f"give environments.{environment}.ledger its new address, in flowops.yaml or the variable that it names: the "
        "old ledger takes no writes any more"
    )


@command.command("purge", short_help="Remove personal data older than an age.")
@options.env
@click.option("--older-than", required=True, callback=options.span, metavar="AGE", help="Such as 90d, 12w or 36h.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@options.formats(DONE)
def purge(environment: str, older_than: timedelta, auto_approve: bool, format_: str) -> None:
    """Forget the bodies, callees and errors of settled calls to which nothing has happened for AGE.

    What stays is that the call was placed: a purged call is never placed again, and the chain still verifies.
    """

    before = datetime.now(UTC) - older_than
    project = Project(environment=environment, observer=TERMINAL)
    if not auto_approve and not project.settings.sandboxed:
        confirm(f"Forget the personal data of calls in {environment} from before {before:%Y-%m-%d %H:%M} UTC?")
    with project.ledger(readonly=False) as ledger:
        purged = ledger.purge(before)
    said = f"{count(purged, 'call')} purged"
    print_result(DONE, Done(environment, "ledger purge", {"purged": purged}, [said]), format_)


@command.command("verify", short_help="Check the chain of events.")
@options.env
@click.option("--accept", is_flag=True, help="Accept an older copy of the ledger; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why the newest copy is given up; kept in the ledger.")
@options.formats(DONE)
def verify(environment: str, accept: bool, reason: str | None, format_: str) -> None:
    """Walk the chain of events and compare the calls with it; name the first event that does not fit.

    An older copy that was put back holds, too, but calls that were placed since it would ring again: where a
    spool, a saved plan, this workspace or the server knows better, apply refuses it. First find the newest copy,
    or restore it; then reconcile; then --accept it.
    """

    if accept != bool(reason and reason.strip()):
        raise UsageError("--accept and --reason go together: what is given up is on record, with the reason")
    with Project(environment=environment, observer=TERMINAL).ledger(readonly=not accept) as ledger:
        broken = ledger.verify()
        checkpoint = ledger.checkpoint()
        accepted = ledger.accept(reason) if reason and broken is None else None
    if broken is not None:
        raise LedgerError(
            f"the ledger of {environment} is not what flowops wrote: {broken}",
            hint="do not apply with it; restore the last copy that verifies",
        )
    said = [f"{checkpoint.id}: {count(checkpoint.serial, 'event')}, audit trail verified"]
    if accept:
        said.append("accepted: calls may be claimed again" if accepted else "there is nothing to accept: no witness")
    facts = {"id": checkpoint.id, "serial": checkpoint.serial, "accepted": bool(accepted)}
    print_result(DONE, Done(environment, "ledger verify", facts, said), format_)
