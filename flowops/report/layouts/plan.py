"""Lay out a plan, or the difference of two revisions: what would be sent, when, where, and what people would hear."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowops.common.text import listed
from flowops.model.plan import Action, Shift
from flowops.model.project import SANDBOX
from flowops.report import phrases
from flowops.report.blocks import (
    Code,
    Column,
    Edit,
    Entry,
    Lazy,
    Listing,
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
from flowops.report.worddiff import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowops.report.difference import ChangedField, DifferenceOutput
    from flowops.report.views.plan import Bodies, CallView, Group, HookView, PlanOutput, PlanView
    from flowops.report.worddiff import Piece

_URGENT = (Action.CONFLICT, Action.IN_DOUBT, Action.GIVEN_UP, Action.BLOCKED)
#: Said where nothing is to be done, and nothing was.
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
    """Yield where calls go and who hears of them, which a reviewer agrees to; the sandbox goes nowhere."""
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
        yield "What is given up was refused again and again: it is not placed until it is edited, or asked for."
    if view.counts[Action.BLOCKED]:
        yield "What the policy blocks is not placed; apply places the others."
    if view.counts[Action.CANCELLED]:
        yield f"What an operator has cancelled is not placed; `{undo}` takes that back."
    if view.next_run:
        yield phrases.next_run(view.next_run)
    if view.unnamed:
        verbs = ("is", "stays") if view.unnamed == 1 else ("are", "stay")
        calls = phrases.count(view.unnamed, "call")
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
    view = output.view()
    counts = [Total(shift.value, number, tone_of(shift)) for shift, number in view.counts.items()]
    counts.append(Total("unchanged", view.unchanged, Tone.MUTED))
    remarks: list[Phrase] = []
    if view.people:
        remarks.append((strong(phrases.people(view.people)), " affected by what was added or changed."))
    if view.base_problems:
        number = phrases.count(view.base_problems, "problem")
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
    others = phrases.count(each.hidden, "other way")
    hidden = f"in {others} in {phrases.count(each.hidden_calls, 'call')}" if each.hidden else ""
    title = (*place_of(each.place), named(each.path), f"  {phrases.count(each.count, 'call')}")
    return Section(title, [Listing(entries, hidden)])
