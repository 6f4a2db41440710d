"""Lay out what a view says as blocks: the one place that decides what a plan, a run, a difference, problems and the
ledger say to people, whatever the format.
"""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING, TypeAlias, assert_never

from flowops.model import Action, CallResult, Outcome, Place, Shift, State
from flowops.report import phrases
from flowops.report.blocks import (
    Bar,
    Block,
    Cell,
    Chart,
    Code,
    Column,
    Edit,
    Entry,
    Fields,
    Lazy,
    Listing,
    Mark,
    Name,
    Phrase,
    Report,
    Row,
    Section,
    Strong,
    Table,
    Tone,
    Toned,
    Total,
    Totals,
    Where,
    cell,
)
from flowops.report.difference import DifferenceOutput
from flowops.report.excerpt import excerpt
from flowops.report.views import (
    Bodies,
    Entries,
    EntryView,
    Exported,
    Imported,
    LedgerStatus,
    PlanOutput,
    ProblemsView,
    ResultView,
    findings,
    of_entry,
)
from flowops.report.worddiff import pieces
from flowops.report.yaml import yaml_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.model import Call, Problem, RowPlace
    from flowops.model import Entry as LedgerEntry
    from flowops.report.difference import ChangedField, DifferenceView, DocumentGroup, Sample
    from flowops.report.hours import Hour, Hours
    from flowops.report.views import (
        CallView,
        Finding,
        Group,
        PlanView,
        SpokenText,
    )

#: What can be printed.
Output: TypeAlias = (
    PlanOutput
    | ResultView
    | ProblemsView
    | DifferenceOutput
    | LedgerStatus
    | Entries
    | EntryView
    | Bodies
    | Imported
    | Exported
)

_ACTIONS = {
    Action.PLACE: Tone.GOOD,
    Action.RETRY: Tone.WARN,
    Action.UNCHANGED: Tone.MUTED,
    Action.CONFLICT: Tone.ALARM,
    Action.IN_DOUBT: Tone.DOUBT,
    Action.DEFERRED: Tone.WAIT,
    Action.BLOCKED: Tone.BAD,
}
_URGENT = (Action.CONFLICT, Action.IN_DOUBT, Action.BLOCKED)
_OUTCOMES = {
    Outcome.PLACED: Tone.GOOD,
    Outcome.REJECTED: Tone.BAD,
    Outcome.IN_DOUBT: Tone.DOUBT,
    Outcome.UNCHANGED: Tone.MUTED,
    Outcome.NOT_ATTEMPTED: Tone.WARN,
    Outcome.DEFERRED: Tone.WAIT,
    Outcome.BLOCKED: Tone.BAD,
}
_SHIFTS = {Shift.ADDED: ("+", Tone.GOOD), Shift.CHANGED: ("~", Tone.WARN), Shift.REMOVED: ("-", Tone.BAD)}
_STATES = {
    State.IN_FLIGHT: Tone.WAIT,
    State.PLACED: Tone.GOOD,
    State.FINISHED: Tone.GOOD,
    State.REJECTED: Tone.BAD,
    State.IN_DOUBT: Tone.DOUBT,
}
#: How many calls of one outcome a terminal shows where not all are asked for.
A_FEW = 20
#: Different texts that are read aloud, countries and hours that have a bar of their own: two days of them.
MOST_TEXTS, MOST_COUNTRIES, MOST_HOURS = 500, 12, 48
_SHORT_ID, _SHORT_REVISION = 8, 12
#: Country codes that independent countries share (ITU-T E.164); of all others the first country is the main one.
_SHARED = {"+1": "US, CA, …", "+7": "RU, KZ"}
#: Rows are people: their lines are not repeated in a log.
DATA_FILES = (".csv", ".jsonl")
#: The code of a problem with something that may be a secret: its line is not repeated either.
NEVER_QUOTED = "secret"


def report_of(output: Output, *, whole: bool = False) -> Report:
    """Lay out a result; with `whole` for where there is room for every call of a plan."""
    match output:
        case PlanOutput():
            return plan_report(output.view(whole or output.full))
        case ResultView():
            return result_report(output)
        case ProblemsView():
            return problems_report(output)
        case DifferenceOutput():
            return difference_report(output.view())
        case LedgerStatus():
            return status_report(output)
        case Entries():
            return entries_report(output.entries)
        case EntryView():
            return entry_report(output)
        case Bodies():
            return render_report(output.calls)
        case Imported():
            said = f"{output.added:,} adopted, {output.present:,} known already"
            return Report([], remarks=((said,),))
        case Exported():
            raise TypeError(type(output))
        case _:
            assert_never(output)


def plan_report(view: PlanView) -> Report:
    """Lay out a plan: its calls by document, then when and where phones would ring, and what people would hear."""
    return Report(
        title=("Plan for ", Name(view.environment)),
        subtitle=("the embedded API answers, no phone rings",) if view.sandboxed else (),
        context=_made_from(view),
        totals=Totals(
            (Strong("Plan: "),),
            tuple(Total(name, view.counts[each], _ACTIONS[each]) for each, name in phrases.PLANNED.items()),
            phrases.ALWAYS_TOLD,
        ),
        remarks=tuple((remark,) for remark in _plan_remarks(view)),
        notices=(
            *((Strong("warning", Tone.WARN), ": ", warning) for warning in view.warnings),
            *((note,) for note in view.notes),
        ),
        sections=[
            _chart(lambda: _countries("Phones that would ring, by country", view.countries)),
            _chart(lambda: _hours(view.hours)),
            _heard("What people will hear", lambda: ((call.texts, call.flow) for call in _sent(view))),
            *map(_plan_section, view.groups),
        ],
        digest=view.digest,
        kind="plan",
        environment=view.environment,
        spaced=True,
    )


def result_report(view: ResultView) -> Report:
    """Lay out a run: what needs doing, how it ended, the totals; then what was placed."""
    result = view.result
    found = result.counts()
    notices: list[Phrase] = []
    if view.failure is not None:
        notices.append((Strong("Ended early", Tone.BAD), ": ", view.failure))
    if view.interrupted is not None:
        notices.append((Strong("Interrupted", Tone.BAD), f" by {view.interrupted}; what had been sent is recorded."))
    done = sum(found.values()) == found[Outcome.UNCHANGED] and view.failure is None
    return Report(
        title=("Applied to ", Name(result.environment)),
        context=("commit ", _commit(result.revision)) if result.revision else (),
        totals=Totals(
            (Strong(f"Applied to {result.environment}: "),),
            tuple(Total(name, found[each], _OUTCOMES[each]) for each, name in phrases.DONE.items()),
            phrases.ALWAYS_TOLD,
        ),
        remarks=(("Nothing is left to place: every call of these files was placed before.",),) if done else (),
        notices=tuple(notices),
        sections=list(_result_sections(view)),
        digest=result.digest,
        kind="result",
        environment=result.environment,
        headed=False,
    )


def problems_report(view: ProblemsView) -> Report:
    """Lay out what is wrong in the files."""
    found = findings(view.problems)
    files = len({finding.problem.place.file for finding in found})
    numbers = f"{phrases.count(len(found), 'problem')} in {phrases.count(files, 'file')}"
    rows = Lazy(lambda: (_problem_row(finding, view.excerpt) for finding in found))
    columns = (Column("place"), Column("problem", Where.AFTER))
    return Report(
        title=(numbers if found else "Valid", " for ", Name(view.environment)),
        totals=Totals((Strong(numbers, Tone.BAD if found else Tone.PLAIN),), (), 0),
        remarks=() if found else (("Everything that was checked is valid.",),),
        sections=[Section((), [Table(columns, rows, len(found), indent=0)])] if found else [],
        kind="problems",
        environment=view.environment,
        things="problems",
        headed=False,
    )


def difference_report(view: DifferenceView) -> Report:
    """Lay out a difference: each change once, then what came and went, and how many people it reaches."""
    samples = (sample for group in view.added for sample in group.samples)
    counts = [Total(shift.value, number, _SHIFTS[shift][1]) for shift, number in view.counts.items()]
    counts.append(Total("unchanged", view.unchanged, Tone.MUTED))
    remarks: list[Phrase] = []
    if view.people:
        remarks.append(("What was added or changed reaches ", Strong(phrases.people(view.people)), "."))
    if view.base_problems:
        number = phrases.count(view.base_problems, "problem")
        remarks.append((f"The base has {number}: calls that it could not render look like added ones.",))
    return Report(
        title=("Difference for ", Name(view.environment)),
        subtitle=(Name(view.head) if view.head else "the files as they are", " against ", Name(view.base)),
        totals=Totals((Strong("Diff: "),), tuple(counts), len(counts)),
        remarks=tuple(remarks),
        sections=[
            *map(_changed_section, view.fields),
            _chart(lambda: _countries("Phones that are reached, by country", view.countries)),
            _heard("What people will newly hear", lambda: ((sample.texts, sample.flow) for sample in samples)),
            *(_document_section(group, Shift.ADDED) for group in view.added),
            *(_document_section(group, Shift.REMOVED) for group in view.removed),
        ],
        kind="diff",
        environment=view.environment,
        things="changes",
        spaced=True,
    )


def status_report(status: LedgerStatus) -> Report:
    """Lay out the totals of a ledger, and what is in doubt."""
    title = ("Ledger of ", Name(status.environment))
    if status.ledger is None:
        return Report([], title, context=("not made yet: nothing was placed",))
    states = [Bar(each.value.replace("-", " "), status.counts.get(each, 0), tone=_STATES[each]) for each in State]
    outcomes = [Bar(phrases.code(code), number) for code, number in sorted(status.outcomes.items())]
    charts = [Chart("", states), *([Chart("What the calls came to", outcomes)] if outcomes else [])]
    doubtful = Table(
        (Column("reference-id"), Column("since", Where.LABELLED), Column("error", Where.AFTER)),
        Lazy(lambda: map(_doubtful_row, status.in_doubt)),
        len(status.in_doubt),
    )
    say = (Strong("In doubt", Tone.DOUBT), ": may have rung; settle each with `flowops ledger resolve`")
    return Report(
        [*(Section((), [chart]) for chart in charts), *([Section(say, [doubtful])] if status.in_doubt else [])],
        title,
        context=(Name(status.ledger.id), f", {phrases.count(status.ledger.serial, 'event')}"),
        environment=status.environment,
    )


def entries_report(entries: Iterable[LedgerEntry]) -> Report:
    """Lay out rows of the ledger as one table."""
    names = ("reference-id", "state", "callee", "outcome", "attempts", "updated", "error")
    table = Table(tuple(map(Column, names)), Lazy(lambda: map(_entry_row, entries)), total="call", indent=0)
    return Report([Section((), [table])])


def entry_report(view: EntryView) -> Report:
    """Lay out one call of the ledger: its row, what was sent, and what happened to it, a line an event."""
    entry = of_entry(view.entry)
    body = Code(yaml_lines(dict(sorted(entry.body.items()))))
    history = Listing([Entry(((phrases.event(event),),)) for event in view.history])
    return Report(
        [
            Section((), [Fields(tuple(_entry_fields(entry)))]),
            *([Section((Strong("Body"),), [body])] if entry.body else []),
            *([Section((Strong("History"),), [history])] if view.history else []),
        ],
        title=(Name(entry.reference_id, strong=True), "  ", Toned(phrases.state(entry), _STATES[entry.state])),
        environment=entry.environment,
    )


def render_report(calls: Iterable[Call]) -> Report:
    """Lay out the bodies exactly as they would be sent. Nothing is masked."""
    return Report(
        Section((), [Code(yaml_lines(call.body), f"{call.origin.place()}{f' ({call.row})' if call.row else ''}")])
        for call in calls
    )


def _made_from(view: PlanView) -> Phrase:
    known: Phrase = ("no ledger yet",)
    if view.ledger_id is not None:
        known = ("ledger ", Name(view.ledger_id, view.ledger_id[:_SHORT_ID]), f" at event {view.ledger_serial}")
    return (*known, ", commit ", _commit(view.revision)) if view.revision else known


def _commit(revision: str) -> Name:
    """Return a commit as people write it; what else it says (``-dirty``) stays."""
    commit, dash, rest = revision.partition("-")
    return Name(revision, f"{commit[:_SHORT_REVISION]}{dash}{rest}")


def _plan_remarks(view: PlanView) -> Iterator[str]:
    if view.counts[Action.CONFLICT]:
        yield "A call that was placed is never changed: apply places nothing while any call is in conflict."
    elif view.counts[Action.IN_DOUBT]:
        yield "What is in doubt may have rung: it stays as it is until it is settled; apply places the others."
    if view.counts[Action.BLOCKED] and not view.counts[Action.CONFLICT]:
        yield "What the policy blocks is not placed; apply places the others."
    if view.unnamed:
        verbs = ("is", "stays") if view.unnamed == 1 else ("are", "stay")
        calls = phrases.count(view.unnamed, "call")
        yield f"{calls} in the ledger {verbs[0]} not in these files, and {verbs[1]} untouched."


def _plan_section(group: Group) -> Section:
    heading = phrases.heading(group.flows, group.counts.total(), len(group.scripts))
    needs = [f"{group.counts[action]:,} {phrases.PLANNED[action]}" for action in _URGENT if group.counts[action]]
    columns = (Column("reference-id"), Column("callee"), Column("row"), Column("why", Where.BELOW))
    table = Table(columns, Lazy(lambda: map(_plan_row, group.shown)), len(group.shown), hidden=phrases.left_out(group))
    where = _where(group.place)
    return Section(
        (*where, heading) if where else (), [table], urgent=(*where, ", ".join(needs)) if needs else (), folded=True
    )


def _plan_row(call: CallView) -> Row:
    changes: Iterator[Phrase] = (
        (Name(phrases.path(each.path)), ": ", Edit(pieces(each.before, each.after))) for each in call.changes
    )
    why = (*changes, *((reason,) for reason in call.reasons))
    mark = Mark(call.action.sign, call.action.value, _ACTIONS[call.action])
    return Row((*_call_cells(call.reference_id, call.callees, call.row), why), call.action in _URGENT, mark)


def _call_cells(reference_id: str, callees: Sequence[str], row: RowPlace | None) -> tuple[Cell, ...]:
    return cell(Name(reference_id)), cell(phrases.phones(callees)), cell(str(row)) if row else ()


def _where(place: Place | None) -> Phrase:
    return (Name(f"{place.file}:{place.line}", strong=True), "  ") if place else ()


def _result_sections(view: ResultView) -> Iterator[Section]:
    command = f"flowops ledger resolve REF --env {shlex.quote(view.result.environment)}"
    rejected = ": not placed. Mend what was refused, then apply again."
    partly = ": some callees were refused; they need a call of their own."
    doubtful = ": may have rung, and is not placed again until it is settled:"
    yield from _outcome(view, Outcome.REJECTED, "Rejected", rejected, "x")
    yield from _outcome(view, Outcome.PLACED, "Placed in part", partly, "!", partly=True)
    yield from _outcome(
        view, Outcome.IN_DOUBT, "In doubt", doubtful, "?", f"{command} --placed, or --not-placed --reason …"
    )
    yield from _outcome(view, Outcome.NOT_ATTEMPTED, "Not attempted", ": not placed in this run.", "-")
    yield from _outcome(view, Outcome.BLOCKED, "Blocked", ": not placed, by the rules that are named.", "x")
    yield from _outcome(view, Outcome.DEFERRED, "Deferred", ": not placed in this run; apply again then.", "~")
    yield from _outcome(view, Outcome.PLACED, "Placed", "", "+", partly=False)
    yield from _outcome(view, Outcome.UNCHANGED, "Unchanged", ": placed before.", "=")


def _outcome(
    view: ResultView, outcome: Outcome, name: str, says: str, sign: str, *commands: str, partly: bool | None = None
) -> Iterator[Section]:
    """Yield a section for the calls of an outcome, if there are any; what is well is for where there is room."""
    number = sum(1 for _ in view.having(outcome, partly=partly))
    if not number:
        return
    tone = Tone.WARN if partly else _OUTCOMES[outcome]
    mark = Mark(sign, phrases.DONE[outcome], tone)

    def row(call: CallResult) -> Row:
        ids = tuple((Name(call_id),) for call_id in call.call_ids)
        return Row((cell(Name(call.reference_id)), ids, cell(call.error) if call.error else ()), mark=mark)

    columns = (Column("reference-id"), Column("call-id", Where.PAGE), Column("error", Where.AFTER))
    rows = Lazy(lambda: map(row, view.having(outcome, partly=partly)))
    table = Table(columns, rows, number, few=None if view.full else A_FEW)
    detail = outcome is Outcome.UNCHANGED or (outcome is Outcome.PLACED and not partly)
    yield Section((Strong(name, tone), says), [table], detail=detail, commands=commands)


def _problem_row(finding: Finding, source: Callable[[Place], str | None] | None) -> Row:
    problem = finding.problem
    rows = f" ({finding.rows})" if finding.rows else ""
    lines: list[Phrase] = [(problem.message, rows), *(_excerpt(problem, source) if source else ())]
    if problem.hint:
        lines.append((f"hint: {problem.hint}",))
    return Row((cell(Name(str(problem.place), strong=True)), tuple(lines)))


def _excerpt(problem: Problem, source: Callable[[Place], str | None]) -> Iterator[Phrase]:
    """Yield the line that a problem speaks of, and a caret below it."""
    hidden = problem.code == NEVER_QUOTED or problem.place.file.endswith(DATA_FILES)
    text = None if hidden else source(problem.place)
    if text is not None and text.strip():
        shown = excerpt(text, problem.place.column, problem.message)
        number = str(problem.place.line)
        yield Toned(f"{number} | ", Tone.MUTED), shown.text
        yield Toned(f"{' ' * len(number)} | ", Tone.MUTED), " " * shown.caret, Strong("^", Tone.BAD)


def _changed_section(each: ChangedField) -> Section:
    mark = Mark("~", "changed", Tone.WARN)
    entries = [
        Entry(((Edit(variant.pieces),),), (phrases.samples(variant.samples, variant.count),), mark)
        for variant in each.variants
    ]
    others = phrases.count(each.hidden, "other way")
    hidden = f"in {others} in {phrases.count(each.hidden_calls, 'call')}" if each.hidden else ""
    title = (*_where(each.place), Name(each.path), f"  {phrases.count(each.count, 'call')}")
    return Section(title, [Listing(entries, hidden)])


def _document_section(group: DocumentGroup, shift: Shift) -> Section:
    sign, tone = _SHIFTS[shift]
    mark = Mark(sign, shift.value, tone)

    def row(sample: Sample) -> Row:
        return Row(_call_cells(sample.reference_id, sample.callees, sample.row), mark=mark)

    hidden = group.count - len(group.samples)
    columns = (Column("reference-id"), Column("callee"), Column("row"))
    table = Table(
        columns, Lazy(lambda: map(row, group.samples)), len(group.samples), hidden=f"{hidden:,} more" if hidden else ""
    )
    return Section((*_where(group.place), phrases.heading(group.flows, group.count), f" {shift}"), [table], folded=True)


def _doubtful_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    mark = Mark("?", "in doubt", Tone.DOUBT)
    error = cell(entry.error) if entry.error else ()
    return Row((cell(Name(entry.reference_id)), cell(entry.updated_at), error), mark=mark)


def _entry_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    outcomes = sorted({outcome for leg in entry.legs if (outcome := phrases.leg_outcome(leg))})
    return Row(
        (
            cell(Name(entry.reference_id)),
            cell(phrases.state(entry)),
            cell(phrases.phones([leg.shown or "not known" for leg in entry.legs])),
            cell("; ".join(outcomes)),
            cell(str(entry.attempts)),
            cell(entry.updated_at),
            cell(entry.error or ""),
        )
    )


def _entry_fields(entry: LedgerEntry) -> Iterator[tuple[str, Phrase, int]]:
    yield "environment", (Name(entry.environment),), 0
    yield "attempts", (f"{entry.attempts:,}",), 0
    yield "claimed", (entry.claimed_at,), 0
    yield "updated", (entry.updated_at,), 0
    yield "fingerprint", (Name(entry.fingerprint) if entry.fingerprint else "not known",), 0
    if entry.error:
        yield "error", (entry.error,), 0
    for leg in entry.legs:
        outcome = phrases.leg_outcome(leg)
        yield "callee", (leg.shown or "not known", f"  {outcome}" if outcome else ""), 0
        if leg.call_id:
            yield "call-id", (Name(leg.call_id),), 1
    if entry.purged:
        yield "body", ("purged from the ledger",), 0


def _chart(make: Callable[[], Chart]) -> Section:
    """Return a chart for where there is room, if there is anything in it; it is not made elsewhere."""
    return Section((), Lazy(lambda: (chart for chart in (make(),) if chart.bars)), detail=True)


def _countries(title: str, codes: Mapping[str, int]) -> Chart:
    largest = sorted(country_names(codes).items(), key=lambda each: (-each[1], each[0]))
    return Chart(title, _cut([Bar(*each) for each in largest], MOST_COUNTRIES, "others"), unit="phones")


def country_names(codes: Mapping[str, int]) -> dict[str, int]:
    """Return ``{"+44": 3}`` as ``{"GB +44": 3}``: the country, or those that share the code (ISO 3166-1)."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS  # a second of start-up for those who need no names

    named: Counter[str] = Counter()
    for code, number in codes.items():
        digits = code.removeprefix("+")
        main = REGIONS.get(int(digits), ("",))[0] if digits.isascii() and digits.isdigit() else ""
        region = _SHARED.get(code, "" if main == "001" else main)
        named[f"{region} {code}".strip()] += number
    return dict(named)


def _hours(view: Hours) -> Chart:
    """Return the hours in which something would be sent."""
    return Chart("Calls, by hour", _cut([_hour(each) for each in view.rows], MOST_HOURS, "later"), _legend(view))


def _hour(hour: Hour) -> Bar:
    untimed = "at once" if hour.placed else "later"
    name = untimed if hour.start is None else f"{hour.start:%a %Y-%m-%d %H:%M}"
    some = f"{hour.deferred:,} deferred" if hour.deferred else ""
    return Bar(name, hour.placed + hour.deferred, some if hour.placed else "deferred")


def _legend(view: Hours) -> str:
    """Say what the bars are: whose clock, and what they take for granted."""
    if view.clock is None:
        start = "what would be placed goes out at once, whenever that is: this form of a plan tells no time of its own"
    else:
        at, rate = view.clock
        start = f"the calls to place go out from {at.astimezone(UTC):%H:%M} on, the time of this plan, {_pace(rate)}"
    deferred = any(row.deferred for row in view.rows)
    waits = "; a deferred call waits for its opening, and for an apply then" if deferred else ""
    return f"In UTC: {start}{waits}."


def _pace(rate: float | None) -> str:
    if rate is None:
        return "all in one go: the environment sets no rate"
    hourly = rate * 3_600
    return f"at the environment's rate of {f'{hourly:,.0f}' if hourly >= 10 else f'{hourly:.2g}'} an hour"


def _cut(bars: Sequence[Bar], most: int, rest: str) -> list[Bar]:
    """Return the first bars, and what all others come to under one name."""
    others = sum(bar.number for bar in bars[most:])
    return [*bars[:most], *([Bar(rest, others)] if others else [])]


def _heard(title: str, calls: Callable[[], Iterable[tuple[tuple[SpokenText, ...], str | None]]]) -> Section:
    """Return what people will hear, to be read aloud: the same texts once, with how many calls have them."""

    def listing() -> Iterator[Block]:
        found = Counter(each for each in calls() if each[0])
        more = len(found) - MOST_TEXTS
        if found:
            entries = [_texts(*each, number) for each, number in found.most_common(MOST_TEXTS)]
            yield Listing(entries, phrases.count(more, "more text") if more > 0 else "")

    return Section((title,), Lazy(listing), detail=True)


def _texts(texts: tuple[SpokenText, ...], flow: str | None, number: int) -> Entry:
    note = f"{f'flow {flow}' if flow else 'no flow is described'}, {phrases.count(number, 'call')}"
    return Entry(tuple((Name(each.name), " ", each.text) for each in texts), (note,))


def _sent(view: PlanView) -> Iterator[CallView]:
    return (call for group in view.groups for call in group.shown if call.action.sends)
