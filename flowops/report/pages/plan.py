"""A plan as a page: totals, where the phones are and when they would ring, what people will hear, and every call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Action
from flowops.report import words
from flowops.report.pages.countries import by_country
from flowops.report.pages.hours import hours
from flowops.report.pages.page import bars, code, counts, largest, page, search, section, table, text
from flowops.report.pages.spoken import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.report.view import CallView, PlanView

TONES = {
    Action.PLACE: "good",
    Action.RETRY: "warn",
    Action.CONFLICT: "bad",
    Action.IN_DOUBT: "bad",
    Action.BLOCKED: "bad",
    Action.DEFERRED: "warn",
    Action.UNCHANGED: "",
}


def plan_page(view: PlanView, *, sandboxed: bool = False) -> str:
    """The page of a plan; its calls are those that the view shows."""
    return page(f"Plan for {view.environment}", _parts(view, sandboxed), digest=view.digest)


def _parts(view: PlanView, sandboxed: bool) -> Iterator[str]:
    if sandboxed:
        yield '<p class="notice">The embedded API answers: no phone rings.</p>\n'
    ledger = f"ledger {code(view.ledger_id)} at event {view.ledger_serial:,}" if view.ledger_id else "no ledger yet"
    revision = f", commit {code(view.revision)}" if view.revision else ""
    yield f'<p class="where">{ledger}{revision}</p>\n'
    yield counts((name, view.counts[action], TONES[action]) for action, name in words.PLANNED.items())
    if view.counts[Action.CONFLICT]:
        yield (
            '<p class="notice">A call that was placed is never changed: apply places nothing while any call is in '
            "conflict.</p>\n"
        )
    if view.unnamed:
        yield f'<p class="note">{words.count(view.unnamed, "call")} in the ledger not in these files: untouched.</p>\n'
    yield bars("Phones that would ring, by country", largest(by_country(view.countries)))
    yield hours(view.hours)
    calls = [call for group in view.groups for call in group.shown]
    yield search("calls and texts")
    yield section("What people will hear", spoken((call.texts, call.flow) for call in calls if call.action.sends))
    for group in view.groups:
        where = f"{group.place.file}:{group.place.line}  " if group.place else ""
        rows = [_row(call) for call in group.shown]
        yield section(f"{where}{words.heading(group)}", table(("", "reference-id", "callee", "row", "why"), rows))


def _row(call: CallView) -> tuple[str, ...]:
    sign = f'<span class="sign {TONES[call.action]}">{text(call.action.sign)}</span>'
    action = f'<span class="action">{sign} {text(call.action)}</span>'
    changes = []
    for change in call.changes:
        before, after = words.change(change)
        changes.append(f"{code(change.path.removeprefix('/'))}: <del>{text(before)}</del> <ins>{text(after)}</ins>")
    why = "<br>".join([*changes, *map(text, call.reasons)])
    row = text(str(call.row)) if call.row else ""
    return action, code(call.reference_id), text(words.phones(call.callees)), row, why
