"""A plan for people: grouped by document, a few calls of each, then the totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Action
from flowops.report import words
from flowops.report.escape import clip, pad, safe, width
from flowops.report.lines import Line, Span, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.report.view import CallView, Group, PlanView

STYLES = {
    Action.PLACE: "green",
    Action.UNCHANGED: "dim",
    Action.CONFLICT: "bold red",
    Action.RETRY: "yellow",
    Action.IN_DOUBT: "bold magenta",
    Action.DEFERRED: "cyan",
    Action.BLOCKED: "red",
}
#: A column is not filled up further than this, so that one long name does not push the others away.
WIDEST = 40
#: A warning or note is not longer than this.
LONGEST = 1_000
SHORT_ID = 8
SHORT_REVISION = 12


def plan_text(view: PlanView, *, sandboxed: bool = False) -> Iterator[Line]:
    """The lines of a plan; `sandboxed` when the embedded API is what would be called."""
    yield from _head(view, sandboxed)
    for group in view.groups:
        yield line()
        yield from _group(group)
    yield line()
    yield from _foot(view)


def _head(view: PlanView, sandboxed: bool) -> Iterator[Line]:
    name = Span(f"Plan for {safe(view.environment)}", "bold")
    yield line(name, ": the embedded API answers, no phone rings" if sandboxed else "")
    known = (
        f"ledger {safe(view.ledger_id[:SHORT_ID])} at event {view.ledger_serial}" if view.ledger_id else "no ledger yet"
    )
    yield line(f"  {known}{f', commit {_short(view.revision)}' if view.revision else ''}")


def _group(group: Group) -> Iterator[Line]:
    if group.place:
        where = f"{safe(group.place.file)}:{group.place.line}"
        yield line(Span(where, "bold"), f"  {safe(words.heading(group))}")
    shown = [(call, safe(clip(call.reference_id)), safe(words.phones(call.callees))) for call in group.shown]
    names = max((width(name) for _, name, _ in shown if width(name) <= WIDEST), default=0)
    numbers = max((width(phones) for _, _, phones in shown if width(phones) <= WIDEST), default=0)
    for call, name, phones in shown:
        style = STYLES[call.action]
        row = f"  {safe(str(call.row))}" if call.row else ""
        told = f"{pad(name, names)}  {pad(phones, numbers)}{row}".rstrip()
        yield line(
            "  ", Span(call.action.sign, style), " ", Span(told, "dim" if call.action is Action.UNCHANGED else "")
        )
        yield from _details(call)
    left_out = words.left_out(group)
    if left_out:
        yield line(Span(f"    … {left_out} (--full shows them)", "dim"))


def _details(call: CallView) -> Iterator[Line]:
    for difference in call.changes:
        before, after = words.change(difference)
        path = safe(clip(difference.path.removeprefix("/")))
        yield line(f"      {path}: ", Span(safe(before), "red"), " → ", Span(safe(after), "green"))
    for reason in call.reasons:
        yield line(f"      {safe(reason)}")


def _foot(view: PlanView) -> Iterator[Line]:
    counts = view.counts
    for warning in view.warnings:
        yield line(Span("warning: ", "bold yellow"), safe(clip(warning, LONGEST)))
    for note in view.notes:
        yield line(safe(clip(note, LONGEST)))
    yield line(Span("Plan: ", "bold"), f"{words.totals(counts, words.PLANNED)}.")
    if counts[Action.CONFLICT]:
        yield line("A call that was placed is never changed: apply places nothing while any call is in conflict.")
    elif counts[Action.IN_DOUBT]:
        yield line("What is in doubt may have rung: it stays as it is until it is settled; apply places the others.")
    if counts[Action.BLOCKED] and not counts[Action.CONFLICT]:
        yield line("What the policy blocks is not placed; apply places the others.")
    if view.unnamed:
        verbs = ("is", "stays") if view.unnamed == 1 else ("are", "stay")
        calls = words.count(view.unnamed, "call")
        yield line(f"{calls} in the ledger {verbs[0]} not in these files, and {verbs[1]} untouched.")
    yield line(Span(f"Digest: {safe(view.digest)}", "dim"))


def _short(revision: str) -> str:
    """A commit as people write it; what else it says (``-dirty``) stays."""
    commit, dash, rest = safe(revision).partition("-")
    return f"{commit[:SHORT_REVISION]}{dash}{rest}"
