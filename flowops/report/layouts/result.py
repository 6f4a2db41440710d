"""Lay out a run: what needs doing, how it ended, the totals; then what was placed."""

from __future__ import annotations

import shlex
from itertools import chain
from typing import TYPE_CHECKING

from flowops.model.plan import Action
from flowops.model.result import CallResult, Outcome
from flowops.report import phrases
from flowops.report.blocks import (
    Column,
    Lazy,
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
    cell,
    named,
    strong,
)
from flowops.report.layouts.marks import mark_of, tone_of
from flowops.report.layouts.plan import NO_CHANGES, commit
from flowops.report.views.plan import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.call import LeftOut
    from flowops.report.views.result import Cause, ResultView

#: What a run says of each outcome, in the order in which people have to act; True for those placed only in part.
_OUTCOMES = (
    (Outcome.REJECTED, None, "Rejected", ": not placed. Fix what was refused, then apply again."),
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
#: How many causes of failed calls are told first; each call has its own besides.
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
    yield strong(phrases.count(cause.calls, "call"), Tone.BAD), ": ", cause.reason
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
