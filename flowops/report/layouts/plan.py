"""Lay out a plan, what a run of it came to, and what two revisions render differently."""

from __future__ import annotations

import shlex
from itertools import chain
from typing import TYPE_CHECKING

from flowops.common.text import count, listed
from flowops.model.plan import Action, Shift
from flowops.model.project import SANDBOX
from flowops.model.result import CallResult, Outcome
from flowops.report import phrases
from flowops.report.blocks import (
    Code,
    Column,
    Edit,
    Entry,
    Lazy,
    Listing,
    Mark,
    Phrase,
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
from flowops.report.layouts.marks import (
    chart_section,
    countries_chart,
    guard_alert,
    heard_section,
    hours_chart,
    labels_of,
    mark_of,
    place_of,
    tone_of,
    warnings_of,
)
from flowops.report.views.plan import iso
from flowops.report.worddiff import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowops.model.call import LeftOut
    from flowops.report.difference import ChangedField, DifferenceOutput
    from flowops.report.views.plan import Bodies, CallView, Group, HookView, PlanOutput, PlanView
    from flowops.report.views.result import Cause, ResultView
    from flowops.report.worddiff import Piece

_URGENT = (Action.CONFLICT, Action.IN_DOUBT, Action.GIVEN_UP, Action.BLOCKED)
#: Shown when there is nothing to do, and nothing was done.
NO_CHANGES = "No changes. Every call of these files was placed before."
_SHORT_ID, _SHORT_REVISION = 8, 12


def output_report(output: PlanOutput, *, whole: bool) -> Report:
    """Lay out a plan with all that is asked for; with `whole` every call of it."""
    return plan_report(output.view(whole or output.full))


def plan_report(view: PlanView) -> Report:
    """Lay out a plan: its calls by document, then when and where phones would ring, and what people would hear."""
    return Report(
        title=("Plan for ", named(view.environment)),
        subtitle=(phrases.NO_PHONE_RINGS,) if view.sandboxed else (),
        context=_made_from(view),
        alerts=tuple(map(guard_alert, view.guards)),
        totals=Totals(
            (strong("Plan: "),),
            tuple(
                Total(name, view.counts[each], tone_of(each), view.phones[each])
                for each, name in phrases.PLANNED.items()
            ),
            phrases.ALWAYS_TOLD,
        ),
        remarks=tuple((remark,) for remark in _plan_remarks(view)),
        notices=(*warnings_of(view.warnings), *((note,) for note in view.notes)),
        sections=[
            chart_section(lambda: countries_chart("Phones that would ring, by country", view.countries)),
            chart_section(lambda: hours_chart(view.hours)),
            heard_section("What people will hear", view.groups),
            *map(group_section, view.groups),
            *map(_hook_section, view.hooks),
        ],
        digest=view.digest,
        kind="plan",
        environment=view.environment,
        spaced=True,
    )


def render_report(bodies: Bodies) -> Report:
    """Lay out the bodies exactly as they would be sent. Nothing is masked."""
    return Report(
        Section((), [Code(yaml_lines(call.body), f"{call.origin.place()}{f' ({call.row})' if call.row else ''}")])
        for call in bodies.calls
    )


def _made_from(view: PlanView) -> Phrase:
    known: Phrase = ("no ledger yet",)
    if view.ledger_id is not None:
        known = ("ledger ", named(view.ledger_id, view.ledger_id[:_SHORT_ID]), f" at event {view.ledger_serial}")
    return (*known, ", commit ", commit(view.revision)) if view.revision else known


def commit(revision: str) -> Word:
    """Return a commit as people write it; what else it says (``-dirty``) stays."""
    commit, dash, rest = revision.partition("-")
    return named(revision, f"{commit[:_SHORT_REVISION]}{dash}{rest}")


def _where_to(settings: Mapping[str, str]) -> Iterator[str]:
    """Yield where calls go and who is notified of them, which a reviewer approves; the sandbox goes nowhere."""
    if settings.get("api", SANDBOX) != SANDBOX:
        callbacks = f"; callbacks go to {settings['callbacks']}" if "callbacks" in settings else ""
        yield f"Calls are posted to {settings['api']}, with the token in {settings.get('token')}{callbacks}."
        if not callbacks:
            yield "No callbacks are configured: how calls end will not be known."


def _plan_remarks(view: PlanView) -> Iterator[str]:
    undo = f"flowops ledger cancel --undo REF --env {shlex.quote(view.environment)} --reason …"
    yield from _where_to(view.settings)
    if 0 < sum(view.counts.values()) == view.counts[Action.UNCHANGED] and not view.guards:
        yield NO_CHANGES
    if view.counts[Action.CONFLICT]:
        yield "What is in conflict was placed before, and is not placed again; apply places the others."
    if view.counts[Action.IN_DOUBT]:
        yield "What is in doubt may have rung: it stays as it is until it is settled; apply places the others."
    if view.counts[Action.GIVEN_UP]:
        yield "Calls that are given up were refused too often: they are not placed until they are edited, or asked for."
    if view.counts[Action.BLOCKED]:
        yield "Blocked calls are skipped; apply places the others."
    if view.counts[Action.CANCELLED]:
        yield f"Cancelled calls are skipped; `{undo}` takes that back."
    if view.next_run:
        yield phrases.next_run(view.next_run)
    if view.unnamed:
        verbs = ("is", "stays") if view.unnamed == 1 else ("are", "stay")
        calls = count(view.unnamed, "call")
        yield f"{calls} in the ledger {verbs[0]} not in these files, and {verbs[1]} untouched."


def group_section(group: Group) -> Section:
    """Return the calls of one document; the title says what became of all of them, where it is one thing."""
    shift = f" {group.shift}" if group.shift else ""
    calls = group.counts.total() - group.counts[Action.INVALID]
    heading = phrases.heading(group.flows, calls, len(group.scripts))
    needs = [f"{group.counts[action]:,} {phrases.PLANNED[action]}" for action in _URGENT if group.counts[action]]
    columns = [Column("reference-id"), Column("callee"), Column("row")]
    columns += [] if shift else [Column("why", Where.BELOW)]
    table = Table(
        tuple(columns), Lazy(lambda: map(_call_row, group.shown)), len(group.shown), hidden=phrases.left_out(group)
    )
    where = (*place_of(group.place), *labels_of(group.labels))
    urgent: Phrase = (*where, ", ".join(needs)) if needs else ()
    return Section((*where, f"{heading}{shift}") if where else (), [table], urgent, folded=True)


def _hook_section(hook: HookView) -> Section:
    """Return the calls that requests to a hook may place: whom they ring, and what they say around what is open."""
    gives = f"; a request gives {listed(hook.variables)}" if hook.variables else ""
    where = place_of(hook.calls[0].place)
    columns = (Column("reference-id"), Column("callee"), Column("says", Where.BELOW))
    rows = Lazy(lambda: map(_open_row, hook.calls))
    title: Phrase = (*where, f"hook {hook.name}: not placed here; limit {hook.limit}{gives}")
    return Section(title, [Table(columns, rows, len(hook.calls))], folded=True)


def _open_row(call: CallView) -> Row:
    says = tuple((named(each.name), " ", each.text) for each in call.texts)
    return Row((cell(named(call.reference_id)), cell(phrases.phones(call.callees)), says))


def _call_row(call: CallView) -> Row:
    changes: Iterator[Phrase] = (
        (named(phrases.path(each.path)), ": ", Edit(pieces(each.before, each.after))) for each in call.changes
    )
    why = (*changes, *((reason,) for reason in call.reasons))
    row = cell(str(call.row)) if call.row else ()
    name = cell(named(call.reference_id)) if call.reference_id else cell()
    cells = (name, cell(phrases.phones(call.callees)), row)
    return Row(cells if isinstance(call.action, Shift) else (*cells, why), call.action in _URGENT, mark_of(call.action))


def difference_report(output: DifferenceOutput) -> Report:
    """Lay out a difference: each change once, then what came and went, and how many people it reaches."""
    view = output.view
    counts = [Total(shift.value, number, tone_of(shift)) for shift, number in view.counts.items()]
    counts.append(Total("unchanged", view.unchanged, Tone.MUTED))
    remarks: list[Phrase] = []
    if view.people:
        remarks.append((strong(phrases.people(view.people)), " affected by what was added or changed."))
    if view.base_problems:
        number = count(view.base_problems, "problem")
        remarks.append((f"The base has {number}: calls that it could not render look like added ones.",))
    return Report(
        title=("Difference for ", named(view.environment)),
        subtitle=(named(view.head) if view.head else "the files as they are", " against ", named(view.base)),
        totals=Totals((strong("Diff: "),), tuple(counts), len(counts)),
        remarks=tuple(remarks),
        sections=[
            *_around_section(view.around),
            *map(_changed_section, view.fields),
            chart_section(lambda: countries_chart("Phones that are reached, by country", view.countries)),
            heard_section("New texts", view.added),
            *map(group_section, (*view.added, *view.removed)),
        ],
        kind="diff",
        environment=view.environment,
        things="changes",
        spaced=True,
    )


def _around_section(around: Sequence[tuple[str, tuple[Piece, ...]]]) -> Iterator[Section]:
    """Yield what changed of where calls go, with whose token, and of the policy: nobody else would say so."""
    if around:
        mark = mark_of(Shift.CHANGED)
        entries = [Entry(((Edit(edited),),), (path,), mark) for path, edited in around]
        yield Section((named("environment"),), [Listing(entries)])


def _changed_section(each: ChangedField) -> Section:
    mark = mark_of(Shift.CHANGED)
    entries = [
        Entry(((Edit(variant.pieces),),), (phrases.samples(variant.samples, variant.count),), mark)
        for variant in each.variants
    ]
    others = count(each.hidden, "other way")
    hidden = f"in {others} in {count(each.hidden_calls, 'call')}" if each.hidden else ""
    title = (*place_of(each.place), named(each.path), f"  {count(each.count, 'call')}")
    return Section(title, [Listing(entries, hidden)])


#: What a run says of each outcome, in the order in which people have to act; True for those placed only in part.
_OUTCOMES = (
    (Outcome.REJECTED, None, "Rejected", ": not placed. Fix what was refused, then apply again."),
    (Outcome.PLACED, True, "Placed in part", ": some numbers were refused. Create a new call for them."),
    (Outcome.UNCHANGED, True, "Placed in part before", ": some numbers were refused, and nobody has accepted that."),
    (Outcome.IN_DOUBT, None, "In doubt", ": may have rung, and is not placed again until it is settled:"),
    (Outcome.CONFLICT, None, "In conflict", ": edited after they were placed, and not placed again."),
    (Outcome.NOT_ATTEMPTED, None, "Not attempted", ": not placed in this run."),
    (Outcome.IN_FLIGHT, None, "In flight", ": another run has sent them, and waits for the answer."),
    (Outcome.GIVEN_UP, None, "Given up", ": refused too often, and not tried again until they are edited."),
    (Outcome.BLOCKED, None, "Blocked", " by the policy: not placed."),
    (Outcome.DEFERRED, None, "Deferred", ": not placed yet. Run apply again after the time shown."),
    (Outcome.CANCELLED, None, "Cancelled", " by an operator: not placed."),
    (Outcome.PLACED, False, "Placed", ""),
    (Outcome.MOVED, None, "Moved", ": placed before, and known by a new reference-id from now on."),
    (Outcome.UNCHANGED, False, "Unchanged", ": placed before."),
)
#: How many causes of failed calls are shown first; each call has its own besides.
CAUSES = 3
#: How many calls of one outcome a terminal shows where not all are asked for.
A_FEW = 20


def result_report(view: ResultView) -> Report:
    """Lay out a run: what needs doing, how it ended, the totals; then what was placed."""
    result = view.result
    found, phones, causes = result.counts(), result.phones(), view.causes()
    # What is wrong with all of them is said once, at the head.
    told = causes[0].reason if len(causes) == 1 and _is_told(causes[0]) else None
    notices: list[Phrase] = []
    if view.failure is not None:
        notices.append((strong("Ended early", Tone.BAD), ": ", view.failure))
    if view.interrupted is not None:
        notices.append((strong("Interrupted", Tone.BAD), f" by {view.interrupted}; what had been sent is recorded."))
    if result.next_run is not None:
        notices.append((phrases.next_run(iso(result.next_run)),))
    partly = any(view.having(Outcome.UNCHANGED, partly=True))
    done = (
        sum(found.values()) == found[Outcome.UNCHANGED] and view.failure is None and not partly and not result.invalid
    )
    return Report(
        title=("Applied to ", named(result.environment)),
        context=("commit ", commit(result.revision)) if result.revision else (),
        totals=Totals(
            (strong(f"Applied to {result.environment}: "),),
            (
                *(Total(name, found[each], tone_of(each), phones[each]) for each, name in phrases.DONE.items()),
                Total(phrases.PLANNED[Action.INVALID], len(result.invalid), tone_of(Action.INVALID)),
            ),
            phrases.ALWAYS_TOLD,
        ),
        alerts=(
            *((strong("No more calls are placed", Tone.BAD), ": ", guard.reason) for guard in view.guards),
            *chain.from_iterable(map(_cause, causes[:CAUSES])),
        ),
        remarks=((NO_CHANGES,),) if done else (),
        notices=tuple(notices),
        sections=[*(section for each in _OUTCOMES for section in _outcome(view, told, *each)), *_invalid(view)],
        digest=result.digest,
        kind="result",
        environment=result.environment,
        headed=False,
    )


def _is_told(cause: Cause) -> bool:
    """Return whether a cause is said at the head; that of one call alone, for which nothing helps, is in its line."""
    return cause.calls > 1 or cause.hint is not None


def _cause(cause: Cause) -> Iterator[Phrase]:
    """Yield why calls were not placed, and what helps."""
    if not _is_told(cause):
        return
    yield strong(count(cause.calls, "call"), Tone.BAD), ": ", cause.reason
    if cause.hint is not None:
        yield strong("hint"), ": ", cause.hint


def _outcome(
    view: ResultView, told: str | None, outcome: Outcome, partly: bool | None, title: str, says: str
) -> Iterator[Section]:
    """Yield a section for the calls of an outcome, if there are any; what is well is for where there is room.

    The error that is `told` already is not repeated.
    """
    number = sum(1 for _ in view.having(outcome, partly=partly))
    if not number:
        return
    mark = Mark("!", "placed in part", Tone.WARN) if partly else mark_of(outcome)
    settle = f"flowops ledger resolve REF --env {shlex.quote(view.result.environment)} --reason … --placed"
    rows = Lazy(lambda: (_result_row(call, mark, told) for call in view.having(outcome, partly=partly)))
    columns = (Column("reference-id"), Column("call-id", Where.PAGE), Column("error", Where.AFTER))
    yield Section(
        (strong(title, mark.tone), says),
        [Table(columns, rows, number, few=None if view.full else A_FEW)],
        detail=outcome in (Outcome.PLACED, Outcome.UNCHANGED) and not partly,
        commands=(f"{settle}, or --not-placed",) if outcome is Outcome.IN_DOUBT else (),
    )


def _invalid(view: ResultView) -> Iterator[Section]:
    """Yield a section for the rows that are wrong and were left out, if there are any."""
    number = len(view.result.invalid)
    if number:
        rows = Lazy(lambda: map(_left_out_row, view.invalid()))
        yield Section(
            (strong("Invalid", Tone.WARN), ": rows that are wrong, and were left out."),
            [Table((Column("row"), Column("error", Where.AFTER)), rows, number, few=None if view.full else A_FEW)],
        )


def _left_out_row(row: LeftOut) -> Row:
    return Row((cell(str(row.row)), cell("; ".join(row.reasons))), mark=mark_of(Action.INVALID))


def _result_row(call: CallResult, mark: Mark, told: str | None) -> Row:
    ids = tuple((named(call_id),) for call_id in call.call_ids)
    error = cell(call.error) if call.error and call.error != told else ()
    return Row((cell(named(call.reference_id)), ids, error), mark=mark)
