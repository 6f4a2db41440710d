"""A run as a page: totals, and what became of every call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model import Outcome
from flowops.report import words
from flowops.report.pages.page import code, counts, page, search, section, table, text
from flowops.report.signals import signal_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model import CallResult, Result

#: In this order: what needs doing comes first.
TONES = {
    Outcome.IN_DOUBT: "bad",
    Outcome.REJECTED: "bad",
    Outcome.NOT_ATTEMPTED: "warn",
    Outcome.BLOCKED: "bad",
    Outcome.DEFERRED: "warn",
    Outcome.PLACED: "good",
    Outcome.UNCHANGED: "",
}


def result_page(result: Result) -> str:
    """The page of a run."""
    return page(f"Applied to {result.environment}", _parts(result), digest=result.digest)


def _parts(result: Result) -> Iterator[str]:
    if result.revision:
        yield f'<p class="where">commit {code(result.revision)}</p>\n'
    found = result.counts()
    yield counts((name, found[outcome], TONES[outcome]) for outcome, name in words.DONE.items())
    if result.failure is not None:
        yield f'<p class="notice">Ended early: {text(mask_text(result.failure))}</p>\n'
    if result.interrupted is not None:
        name = signal_name(result.interrupted)
        yield f'<p class="notice">Interrupted by {name}; what had been sent is recorded.</p>\n'
    order = list(TONES)
    calls = sorted(result.calls, key=lambda call: (order.index(call.outcome), not call.refused_callees))
    if calls:
        yield search("calls")
        yield section("Calls", table(("outcome", "reference-id", "call-id", "error"), [_row(call) for call in calls]))


def _row(call: CallResult) -> tuple[str, ...]:
    outcome = f'<span class="{TONES[call.outcome]}">{words.DONE[call.outcome]}</span>'
    ids = "<br>".join(map(code, call.call_ids))
    return outcome, code(call.reference_id), ids, text(mask_text(call.error)) if call.error else ""
