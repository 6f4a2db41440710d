"""Lay out what a view says as blocks: the one place that decides what a plan, a run, a difference, problems and the
ledger say to people, whatever the format.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from flowops.common.masking import mask_text
from flowops.common.number_plan import tables
from flowops.model.diagnosis import Check, Diagnosis, Status
from flowops.model.difference import Shift
from flowops.model.field import Field
from flowops.model.ledger import State
from flowops.model.plan import ABSENT, Action
from flowops.model.problems import with_rows
from flowops.model.project import SANDBOX
from flowops.model.result import CallResult, CaseResult, Outcome
from flowops.model.status import LedgerStatus
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
from flowops.report.difference import DifferenceOutput
from flowops.report.excerpt import excerpt
from flowops.report.views import (
    AuditTrail,
    BlockedView,
    Bodies,
    CasesView,
    Done,
    Entries,
    EntryView,
    Exported,
    OperationView,
    PlanOutput,
    ProblemsView,
    ResultView,
    Runs,
    guards_of,
    in_order,
    of_entry,
    without_numbers,
)
from flowops.report.worddiff import pieces
from flowops.report.yaml import yaml_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.model.call import Call
    from flowops.model.document import Place, Problem
    from flowops.model.ledger import Entry as LedgerEntry
    from flowops.model.ledger import GivenUp, LedgerRun, NumberBlock, OperatorStep
    from flowops.model.plan import Guard
    from flowops.model.status import DocumentTotals
    from flowops.report.difference import ChangedField, DifferenceView
    from flowops.report.hours import Hour, Hours
    from flowops.report.views import (
        CallView,
        Cause,
        Group,
        PlanView,
        SpokenText,
    )
    from flowops.report.worddiff import Piece

#: What can be printed.
Output: TypeAlias = (
    PlanOutput
    | ResultView
    | ProblemsView
    | CasesView
    | Field
    | Diagnosis
    | DifferenceOutput
    | LedgerStatus
    | Entries
    | EntryView
    | Runs
    | Bodies
    | Done
    | Exported
    | AuditTrail
    | OperationView
    | BlockedView
)

#: Signs and tones of actions, outcomes, states and shifts: the same word means the same in each.
_MARKS = {
    "place": ("+", Tone.GOOD),
    "placed": ("+", Tone.GOOD),
    "added": ("+", Tone.GOOD),
    "finished": ("+", Tone.GOOD),
    "retry": ("↻", Tone.WARN),
    "changed": ("~", Tone.WARN),
    "not-attempted": ("-", Tone.WARN),
    "deferred": ("~", Tone.WAIT),
    "in-flight": ("…", Tone.WAIT),
    "unchanged": ("=", Tone.MUTED),
    "conflict": ("!", Tone.ALARM),
    "in-doubt": ("?", Tone.DOUBT),
    "rejected": ("x", Tone.BAD),
    "blocked": ("x", Tone.BAD),
    "given-up": ("#", Tone.BAD),
    "moved": (">", Tone.GOOD),
    "renamed": (">", Tone.MUTED),
    "cancelled": ("-", Tone.MUTED),
    "removed": ("-", Tone.BAD),
    "invalid": ("/", Tone.WARN),
}
#: What a run says of each outcome, in the order in which people have to act; True for those placed only in part.
_OUTCOMES = (
    (Outcome.REJECTED, None, "Rejected", ": not placed. Mend what was refused, then apply again."),
    (Outcome.PLACED, True, "Placed in part", ": some callees were refused; they need a call of their own."),
    (Outcome.UNCHANGED, True, "Placed in part before", ": some callees were refused, and nobody has accepted that."),
    (Outcome.IN_DOUBT, None, "In doubt", ": may have rung, and is not placed again until it is settled:"),
    (Outcome.CONFLICT, None, "In conflict", ": edited after they were placed, and not placed again."),
    (Outcome.NOT_ATTEMPTED, None, "Not attempted", ": not placed in this run."),
    (Outcome.IN_FLIGHT, None, "In flight", ": another run has sent them, and waits for the answer."),
    (Outcome.GIVEN_UP, None, "Given up", ": refused again and again, and not asked for until they are edited."),
    (Outcome.BLOCKED, None, "Blocked", ": not placed, by the rules that are named."),
    (Outcome.DEFERRED, None, "Deferred", ": not placed in this run; apply again then."),
    (Outcome.CANCELLED, None, "Cancelled", ": not placed, an operator said so."),
    (Outcome.PLACED, False, "Placed", ""),
    (Outcome.MOVED, None, "Moved", ": placed before, and known by a new reference-id from now on."),
    (Outcome.UNCHANGED, False, "Unchanged", ": placed before."),
)
#: Said where calls stay placed for ever.
_UNHEARD: Phrase = (strong("No callbacks are configured", Tone.WARN), ": how calls ended is not known")
#: How many causes of failed calls are told first; each call has its own besides.
CAUSES = 3
_URGENT = (Action.CONFLICT, Action.IN_DOUBT, Action.GIVEN_UP, Action.BLOCKED)
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
    if isinstance(output, PlanOutput):
        return plan_report(output.view(whole or output.full))
    layout = _LAYOUTS.get(type(output))
    if layout is None:
        raise TypeError(type(output))
    return layout(output)


def plan_report(view: PlanView) -> Report:
    """Lay out a plan: its calls by document, then when and where phones would ring, and what people would hear."""
    return Report(
        title=("Plan for ", named(view.environment)),
        subtitle=("the embedded API answers, no phone rings",) if view.sandboxed else (),
        context=_made_from(view),
        alerts=tuple(map(_guard_alert, view.guards)),
        totals=Totals(
            (strong("Plan: "),),
            tuple(
                Total(name, view.counts[each], _tone(each), view.phones[each]) for each, name in phrases.PLANNED.items()
            ),
            phrases.ALWAYS_TOLD,
        ),
        remarks=tuple((remark,) for remark in _plan_remarks(view)),
        notices=(
            *_warnings(view.warnings),
            *((note,) for note in view.notes),
        ),
        sections=[
            _chart(lambda: _countries("Phones that would ring, by country", view.countries)),
            _chart(lambda: _hours(view.hours)),
            _heard("What people will hear", view.groups),
            *map(_group_section, view.groups),
        ],
        digest=view.digest,
        kind="plan",
        environment=view.environment,
        spaced=True,
    )


def _warnings(warnings: Iterable[str]) -> tuple[Phrase, ...]:
    return tuple((strong("warning", Tone.WARN), ": ", warning) for warning in without_numbers(warnings))


def result_report(view: ResultView) -> Report:
    """Lay out a run: what needs doing, how it ended, the totals; then what was placed."""
    result = view.result
    found, phones = result.counts(), result.phones()
    notices: list[Phrase] = []
    if view.failure is not None:
        notices.append((strong("Ended early", Tone.BAD), ": ", view.failure))
    if view.interrupted is not None:
        notices.append((strong("Interrupted", Tone.BAD), f" by {view.interrupted}; what had been sent is recorded."))
    done = sum(found.values()) == found[Outcome.UNCHANGED] and view.failure is None
    return Report(
        title=("Applied to ", named(result.environment)),
        context=("commit ", _commit(result.revision)) if result.revision else (),
        totals=Totals(
            (strong(f"Applied to {result.environment}: "),),
            tuple(Total(name, found[each], _tone(each), phones[each]) for each, name in phrases.DONE.items()),
            phrases.ALWAYS_TOLD,
        ),
        alerts=(
            *((strong("No more calls are placed", Tone.BAD), ": ", guard.reason) for guard in view.guards),
            *chain.from_iterable(map(_cause, view.causes()[:CAUSES])),
        ),
        remarks=(("Nothing is left to place: every call of these files was placed before.",),) if done else (),
        notices=tuple(notices),
        sections=[section for each in _OUTCOMES for section in _outcome(view, *each)],
        digest=result.digest,
        kind="result",
        environment=result.environment,
        headed=False,
    )


def problems_report(view: ProblemsView) -> Report:
    """Lay out what is wrong in the files."""
    found = in_order(view.problems)
    files = len({problem.place.file for problem in found})
    numbers = f"{phrases.count(len(found), 'problem')} in {phrases.count(files, 'file')}"
    rows = Lazy(lambda: (_problem_row(problem, view.excerpt) for problem in found))
    columns = (Column("place"), Column("problem", Where.AFTER))
    return Report(
        title=(numbers if found else "Valid", " for ", named(view.environment)),
        totals=Totals((strong(numbers, Tone.BAD if found else Tone.PLAIN),), (), 0),
        remarks=() if found else (("Everything that was checked is valid.",),),
        notices=_warnings(view.warnings),
        sections=[Section((), [Table(columns, rows, len(found), indent=0)])] if found else [],
        kind="problems",
        environment=view.environment,
        things="problems",
        headed=False,
    )


def cases_report(view: CasesView) -> Report:
    """Lay out the tests of a project's calls: which passed, and what differs in the others."""
    columns = (Column("place"), Column("test"), Column("why", Where.BELOW))
    rows = Lazy(lambda: (_case_row(result, view.excerpt) for result in view.results))
    passed = len(view.results) - view.failed
    return Report(
        title=("Tests",),
        totals=Totals(
            (strong(f"{phrases.count(len(view.results), 'test')}: ", Tone.BAD if view.failed else Tone.PLAIN),),
            (Total("passed", passed, Tone.GOOD), Total("failed", view.failed, Tone.BAD)),
            2,
        ),
        sections=[Section((), [Table(columns, rows, len(view.results), indent=0)])] if view.results else [],
        kind="tests",
        environment=view.environment,
        things="tests",
        headed=False,
    )


def field_report(field: Field) -> Report:
    """Lay out what a field means, and the fields inside it."""
    facts = [Row((cell(name), cell(named(value)))) for name, value in _facts(field)]
    fields = [
        Row(
            (
                cell(named(each.path[-1])),
                cell(f"{each.type}{', required' if each.required else ''}"),
                cell(each.description),
            )
        )
        for each in field.fields
    ]
    about, inside = (Column("field"), Column("value")), (Column("field"), Column("takes"), Column("means", Where.BELOW))
    return Report(
        [
            Section((field.description,), [Table(about, facts)] if facts else []),
            *([Section((strong("Fields"),), [Table(inside, fields)])] if fields else []),
        ],
        title=(named(field.name, strong=True), f"  {field.type}{', required' if field.required else ''}"),
        spaced=True,
    )


def diagnosis_report(diagnosis: Diagnosis) -> Report:
    """Lay out what was looked at: what is well, what is not, and what helps."""
    columns = (Column("check"), Column("found"), Column("remedy", Where.BELOW))
    rows = [_check_row(check) for check in diagnosis.checks]
    tones = {Status.OK: Tone.GOOD, Status.WARNING: Tone.WARN, Status.FAILED: Tone.BAD}
    return Report(
        [Section((), [Table(columns, rows, len(rows), indent=0)])],
        title=("Doctor for ", named(diagnosis.environment)),
        totals=Totals(
            (strong(f"{diagnosis.environment}: "),),
            tuple(Total(status.value, diagnosis.count(status), tone) for status, tone in tones.items()),
            len(tones),
        ),
        environment=diagnosis.environment,
        headed=False,
    )


def _check_row(check: Check) -> Row:
    signs = {Status.OK: ("+", Tone.GOOD), Status.WARNING: ("!", Tone.WARN), Status.FAILED: ("x", Tone.BAD)}
    sign, tone = signs[check.status]
    remedy = cell(f"remedy: {check.remedy}") if check.remedy else ()
    failed = check.status is Status.FAILED
    return Row(
        (cell(named(check.name)), cell(mask_text(check.message)), remedy), failed, Mark(sign, check.status, tone)
    )


def _facts(field: Field) -> Iterator[tuple[str, str]]:
    """Yield what else is known of a field: its values as JSON, which is YAML, too."""
    if field.default is not ABSENT:
        yield "default", json.dumps(field.default, ensure_ascii=False)
    if field.options:
        yield "one of", ", ".join(json.dumps(each, ensure_ascii=False) for each in field.options)
    for example in field.examples:
        yield "example", json.dumps(example, ensure_ascii=False)


def difference_report(view: DifferenceView) -> Report:
    """Lay out a difference: each change once, then what came and went, and how many people it reaches."""
    counts = [Total(shift.value, number, _tone(shift)) for shift, number in view.counts.items()]
    counts.append(Total("unchanged", view.unchanged, Tone.MUTED))
    remarks: list[Phrase] = []
    if view.people:
        remarks.append(("What was added or changed reaches ", strong(phrases.people(view.people)), "."))
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
            _chart(lambda: _countries("Phones that are reached, by country", view.countries)),
            _heard("What people will newly hear", view.added),
            *map(_group_section, (*view.added, *view.removed)),
        ],
        kind="diff",
        environment=view.environment,
        things="changes",
        spaced=True,
    )


def status_report(status: LedgerStatus) -> Report:
    """Lay out the totals of a ledger, and what is in doubt."""
    title: Phrase = ("Ledger of ", named(status.environment))
    if status.since is not None:
        title = ("Calls in ", named(status.environment), f" since {_until_minute(status.since)}")
    if status.ledger is None:
        return Report([], title, context=("not made yet: nothing was placed",))
    states = [Bar(each.value.replace("-", " "), status.counts.get(each, 0), tone=_tone(each)) for each in State]
    outcomes = [Bar(phrases.code(code), number) for code, number in sorted(status.outcomes.items())]
    hours = [Bar(_until_minute(hour), number) for hour, number in status.hours.items()]
    charts = [
        Chart("", states),
        *([Chart("What the calls came to", outcomes)] if outcomes else []),
        *([Chart("Calls by hour", hours[-MOST_HOURS:])] if hours else []),
    ]
    doubtful = Table(
        (Column("reference-id"), Column("in doubt"), Column("error", Where.AFTER)),
        Lazy(lambda: map(_doubtful_row, status.in_doubt)),
        len(status.in_doubt),
    )
    settle = f"flowops ledger resolve REF --env {shlex.quote(status.environment)} --reason …"
    say = (strong("In doubt", Tone.DOUBT), f": may have rung; settle each: `{settle} --placed`, or `--not-placed`")
    return Report(
        [
            *(Section((), [chart]) for chart in charts),
            *([_documents_section(status.documents)] if status.documents else []),
            *([Section(say, [doubtful])] if status.in_doubt else []),
            *_given_up_section(status.given_up),
        ],
        title,
        context=(named(status.ledger.id), f", {phrases.count(status.ledger.serial, 'event')}"),
        alerts=(
            *map(_guard_alert, guards_of(status.guards)),
            *([_UNHEARD] if not status.hears and status.environment != SANDBOX else []),
        ),
        environment=status.environment,
    )


#: What the report of a day says of each document, in its order: a state of calls, or how callees were reached.
_OF_DOCUMENT = (
    ("placed", (State.PLACED, State.FINISHED)),
    ("completed", 10),
    ("not answered", 9),
    ("failed", 11),
    ("declined", 12),
    ("refused", (State.REJECTED,)),
    ("in doubt", (State.IN_DOUBT,)),
)


def _documents_section(documents: Sequence[DocumentTotals]) -> Section:
    """Return what became of the calls of each document, a line each."""
    columns = (Column("document"), Column("labels"), Column("calls"), Column("came to"))
    rows = Lazy(lambda: map(_document_row, documents))
    return Section((strong("By document"),), [Table(columns, rows, len(documents))])


def _document_row(document: DocumentTotals) -> Row:
    numbers = (
        (
            document.outcomes.get(what, 0)
            if isinstance(what, int)
            else sum(document.counts.get(each, 0) for each in what)
        )
        for _, what in _OF_DOCUMENT
    )
    came_to = (f"{number:,} {name}" for number, (name, _) in zip(numbers, _OF_DOCUMENT, strict=True) if number)
    labels = ", ".join(f"{name}={value}" for name, value in document.labels.items())
    return Row(
        (
            cell(named(document.place) if document.place else "no longer in the files"),
            cell(named(labels)) if labels else cell(),
            cell(phrases.count(sum(document.counts.values()), "call")),
            cell(", ".join(came_to)),
        )
    )


def _until_minute(text: str) -> str:
    """Return a time that was written for machines for people: ``2026-11-24 09:00 UTC``."""
    return f"{text[:10]} {text[11:16]} UTC"


def _given_up_section(given_up: Sequence[GivenUp]) -> Iterator[Section]:
    """Yield the calls that are not asked for any more, if there are any."""
    if given_up:
        columns = (Column("reference-id"), Column("since"), Column("refusals"), Column("error", Where.AFTER))
        rows = Lazy(lambda: map(_given_up_row, given_up))
        says = ": refused again and again, and not placed until they are edited"
        yield Section((strong("Given up", Tone.BAD), says), [Table(columns, rows, len(given_up))])


def _given_up_row(call: GivenUp) -> Row:
    error = cell(mask_text(call.error)) if call.error else ()
    return Row(
        (cell(named(call.reference_id)), cell(call.since), cell(str(call.refusals)), error), mark=_mark("given-up")
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
    fields = [Row((cell(field), value)) for field, value in _entry_fields(entry)]
    history = Listing([Entry(((phrases.event(event),),)) for event in view.history])
    return Report(
        [
            Section((), [Table((Column("field"), Column("value")), fields)]),
            *([Section((strong("Body"),), [body])] if entry.body else []),
            *([Section((strong("History"),), [history])] if view.history else []),
        ],
        title=(named(entry.reference_id, strong=True), "  ", Word(phrases.state(entry), _tone(entry.state))),
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
            cell(run.started_at),
            cell(run.ended_at or ""),
            cell(f"{run.posts:,}"),
            cell(did or "nothing"),
        ),
        urgent=run.state == "lost",
    )


def render_report(calls: Iterable[Call]) -> Report:
    """Lay out the bodies exactly as they would be sent. Nothing is masked."""
    return Report(
        Section((), [Code(yaml_lines(call.body), f"{call.origin.place()}{f' ({call.row})' if call.row else ''}")])
        for call in calls
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
    lifted = f"; lifted by {block.lifted_by} at {block.lifted_at}: {mask_text(block.lifted_reason or '')}"
    why = f"by {block.who} on {block.host} at {block.at}: {mask_text(block.reason)}"
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


def _guard_alert(guard: Guard) -> Phrase:
    return (strong("No call is placed", Tone.BAD), ": ", guard.reason)


def _tone(word: str) -> Tone:
    return _MARKS[word][1]


def _mark(word: str) -> Mark:
    sign, tone = _MARKS[word]
    return Mark(sign, word.replace("-", " "), tone)


def _made_from(view: PlanView) -> Phrase:
    known: Phrase = ("no ledger yet",)
    if view.ledger_id is not None:
        known = ("ledger ", named(view.ledger_id, view.ledger_id[:_SHORT_ID]), f" at event {view.ledger_serial}")
    return (*known, ", commit ", _commit(view.revision)) if view.revision else known


def _commit(revision: str) -> Word:
    """Return a commit as people write it; what else it says (``-dirty``) stays."""
    commit, dash, rest = revision.partition("-")
    return named(revision, f"{commit[:_SHORT_REVISION]}{dash}{rest}")


def _where_to(settings: Mapping[str, str]) -> Iterator[str]:
    """Yield where calls go and who hears of them, which a reviewer agrees to; the sandbox goes nowhere."""
    if settings.get("api", SANDBOX) != SANDBOX:
        callbacks = f"; callbacks go to {settings['callbacks']}" if "callbacks" in settings else ""
        yield f"Calls are posted to {settings['api']}, with the token in {settings.get('token')}{callbacks}."


def _plan_remarks(view: PlanView) -> Iterator[str]:
    yield from _where_to(view.settings)
    if view.counts[Action.CONFLICT]:
        yield "What is in conflict was placed before, and is not placed again; apply places the others."
    if view.counts[Action.IN_DOUBT]:
        yield "What is in doubt may have rung: it stays as it is until it is settled; apply places the others."
    if view.counts[Action.GIVEN_UP]:
        yield "What is given up was refused again and again: it is not placed until it is edited, or asked for."
    if view.counts[Action.BLOCKED]:
        yield "What the policy blocks is not placed; apply places the others."
    if view.counts[Action.CANCELLED]:
        yield "What an operator has cancelled is not placed; `flowops ledger cancel --undo` takes that back."
    if view.unnamed:
        verbs = ("is", "stays") if view.unnamed == 1 else ("are", "stay")
        calls = phrases.count(view.unnamed, "call")
        yield f"{calls} in the ledger {verbs[0]} not in these files, and {verbs[1]} untouched."


def _group_section(group: Group) -> Section:
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
    where = (*_where(group.place), *_labels(group.labels))
    urgent: Phrase = (*where, ", ".join(needs)) if needs else ()
    return Section((*where, f"{heading}{shift}") if where else (), [table], urgent, folded=True)


def _call_row(call: CallView) -> Row:
    changes: Iterator[Phrase] = (
        (named(phrases.path(each.path)), ": ", Edit(pieces(each.before, each.after))) for each in call.changes
    )
    why = (*changes, *((reason,) for reason in call.reasons))
    row = cell(str(call.row)) if call.row else ()
    name = cell(named(call.reference_id)) if call.reference_id else cell()
    cells = (name, cell(phrases.phones(call.callees)), row)
    return Row(cells if isinstance(call.action, Shift) else (*cells, why), call.action in _URGENT, _mark(call.action))


def _where(place: Place | None) -> Phrase:
    return (named(f"{place.file}:{place.line}", strong=True), "  ") if place else ()


def _labels(labels: Mapping[str, str]) -> Phrase:
    return (named(", ".join(f"{name}={value}" for name, value in labels.items())), "  ") if labels else ()


def _cause(cause: Cause) -> Iterator[Phrase]:
    """Yield why several calls were not placed, or what helps; one alone says why in its own line."""
    if cause.calls == 1 and cause.hint is None:
        return
    yield strong(phrases.count(cause.calls, "call"), Tone.BAD), ": ", cause.reason
    if cause.hint is not None:
        yield strong("hint"), ": ", cause.hint


def _outcome(view: ResultView, outcome: Outcome, partly: bool | None, title: str, says: str) -> Iterator[Section]:
    """Yield a section for the calls of an outcome, if there are any; what is well is for where there is room."""
    number = sum(1 for _ in view.having(outcome, partly=partly))
    if not number:
        return
    mark = Mark("!", "placed", Tone.WARN) if partly else _mark(outcome)
    command = f"flowops ledger resolve REF --env {shlex.quote(view.result.environment)}"
    rows = Lazy(lambda: (_result_row(call, mark) for call in view.having(outcome, partly=partly)))
    columns = (Column("reference-id"), Column("call-id", Where.PAGE), Column("error", Where.AFTER))
    yield Section(
        (strong(title, mark.tone), says),
        [Table(columns, rows, number, few=None if view.full else A_FEW)],
        detail=outcome in (Outcome.PLACED, Outcome.UNCHANGED) and not partly,
        commands=(f"{command} --reason … --placed, or --not-placed",) if outcome is Outcome.IN_DOUBT else (),
    )


def _result_row(call: CallResult, mark: Mark) -> Row:
    ids = tuple((named(call_id),) for call_id in call.call_ids)
    return Row((cell(named(call.reference_id)), ids, cell(call.error) if call.error else ()), mark=mark)


def _problem_row(problem: Problem, source: Callable[[Place], str | None] | None) -> Row:
    lines: list[Phrase] = [(with_rows(problem),), *(_excerpt(problem, source) if source else ())]
    if problem.hint:
        lines.append((f"hint: {problem.hint}",))
    return Row((cell(named(str(problem.place), strong=True)), tuple(lines)))


def _case_row(result: CaseResult, source: Callable[[Place], str | None] | None) -> Row:
    """Return a test, and below it each difference with the line of the test that it is about."""
    lines: list[Phrase] = []
    for problem in result.failures:
        lines.append((named(str(problem.place), strong=True), ": ", with_rows(problem)))
        lines += _excerpt(problem, source) if source else ()
        if problem.hint:
            lines.append((f"hint: {problem.hint}",))
    cells = (cell(named(str(result.place))), cell(named(result.name)), tuple(lines))
    return Row(
        cells, not result.passed, Mark("+", "passed", Tone.GOOD) if result.passed else Mark("x", "failed", Tone.BAD)
    )


def _excerpt(problem: Problem, source: Callable[[Place], str | None]) -> Iterator[Phrase]:
    """Yield the line that a problem speaks of, and a caret below it."""
    hidden = problem.code == NEVER_QUOTED or problem.place.file.endswith(DATA_FILES)
    text = None if hidden else source(problem.place)
    if text is not None and text.strip():
        shown = excerpt(text, problem.place.column, problem.message)
        number = str(problem.place.line)
        yield Word(f"{number} | ", Tone.MUTED), shown.text
        yield Word(f"{' ' * len(number)} | ", Tone.MUTED), " " * shown.caret, strong("^", Tone.BAD)


def _around_section(around: Sequence[tuple[str, tuple[Piece, ...]]]) -> Iterator[Section]:
    """Yield what changed of where calls go, with whose token, and of the policy: nobody else would say so."""
    if around:
        mark = _mark(Shift.CHANGED)
        entries = [Entry(((Edit(edited),),), (path,), mark) for path, edited in around]
        yield Section((named("environment"),), [Listing(entries)])


def _changed_section(each: ChangedField) -> Section:
    mark = _mark(Shift.CHANGED)
    entries = [
        Entry(((Edit(variant.pieces),),), (phrases.samples(variant.samples, variant.count),), mark)
        for variant in each.variants
    ]
    others = phrases.count(each.hidden, "other way")
    hidden = f"in {others} in {phrases.count(each.hidden_calls, 'call')}" if each.hidden else ""
    title = (*_where(each.place), named(each.path), f"  {phrases.count(each.count, 'call')}")
    return Section(title, [Listing(entries, hidden)])


def _doubtful_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    error = cell(entry.error) if entry.error else ()
    return Row((cell(named(entry.reference_id)), cell(f"since {entry.updated_at}"), error), mark=_mark(State.IN_DOUBT))


def _entry_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    outcomes = sorted({outcome for leg in entry.legs if (outcome := phrases.leg_outcome(leg))})
    return Row(
        (
            cell(named(entry.reference_id)),
            cell(phrases.state(entry)),
            cell(phrases.phones([leg.shown or "not known" for leg in entry.legs])),
            cell("; ".join(outcomes)),
            cell(str(entry.attempts)),
            cell(entry.updated_at),
            cell(f"it is {entry.became} now" if entry.became else entry.error or ""),
        )
    )


def _entry_fields(entry: LedgerEntry) -> Iterator[tuple[str, Cell]]:
    yield "environment", cell(named(entry.environment))
    yield "attempts", cell(f"{entry.attempts:,}")
    yield "claimed", cell(entry.claimed_at)
    yield "updated", cell(entry.updated_at)
    yield "fingerprint", cell(named(entry.fingerprint) if entry.fingerprint else "not known")
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
        yield "refused", cell(f"{phrases.count(entry.refused, 'callee')} among others, not accepted yet")
    if entry.purged:
        yield "body", cell("purged from the ledger")


def _chart(make: Callable[[], Chart]) -> Section:
    """Return a chart for where there is room, if there is anything in it; it is not made elsewhere."""
    return Section((), Lazy(lambda: (chart for chart in (make(),) if chart.bars)), detail=True)


def _countries(title: str, codes: Mapping[str, int]) -> Chart:
    largest = sorted(country_names(codes).items(), key=lambda each: (-each[1], each[0]))
    return Chart(title, _cut([Bar(*each) for each in largest], MOST_COUNTRIES, "others"), unit="phones")


def country_names(codes: Mapping[str, int]) -> dict[str, int]:
    """Return ``{"+44": 3}`` as ``{"GB +44": 3}``: the country, or those that share the code (ISO 3166-1)."""
    named: Counter[str] = Counter()
    for code, number in codes.items():
        digits = code.removeprefix("+")
        main = tables().regions.get(int(digits), ("",))[0] if digits.isascii() and digits.isdigit() else ""
        region = _SHARED.get(code, "" if main == "001" else main)
        named[f"{region} {code}".strip()] += number
    return dict(named)


def _hours(view: Hours) -> Chart:
    """Return the hours in which something would be sent."""
    return Chart(
        "Phones, by hour", _cut([_hour(each) for each in view.rows], MOST_HOURS, "later"), _legend(view), "phones"
    )


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


def _heard(title: str, groups: Iterable[Group]) -> Section:
    """Return what people will hear, to be read aloud: the same texts once, with how many calls have them."""

    def listing() -> Iterator[Block]:
        calls = (call for group in groups for call in group.shown if call.heard)
        found = Counter((call.texts, call.flow) for call in calls if call.texts)
        more = len(found) - MOST_TEXTS
        if found:
            entries = [_texts(*each, number) for each, number in found.most_common(MOST_TEXTS)]
            yield Listing(entries, phrases.count(more, "more text") if more > 0 else "")

    return Section((title,), Lazy(listing), detail=True)


def _texts(texts: tuple[SpokenText, ...], flow: str | None, number: int) -> Entry:
    note = f"{f'flow {flow}' if flow else 'no flow is described'}, {phrases.count(number, 'call')}"
    return Entry(tuple((named(each.name), " ", each.text) for each in texts), (note,))


def _done_report(done: Done) -> Report:
    return Report([], remarks=tuple((mask_text(line),) for line in done.said), environment=done.environment)


#: What lays out each kind of result but a plan.
_LAYOUTS: Mapping[type, Callable[[Any], Report]] = {
    ResultView: result_report,
    ProblemsView: problems_report,
    CasesView: cases_report,
    Field: field_report,
    Diagnosis: diagnosis_report,
    DifferenceOutput: lambda output: difference_report(output.view()),
    LedgerStatus: status_report,
    Entries: lambda output: entries_report(output.entries),
    EntryView: entry_report,
    Runs: runs_report,
    Bodies: lambda output: render_report(output.calls),
    Done: _done_report,
    OperationView: operation_report,
    BlockedView: blocked_report,
}
