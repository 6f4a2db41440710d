"""A run for people: what needs doing, then the totals."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model import Outcome
from flowops.report import words
from flowops.report.escape import clip, safe
from flowops.report.lines import Line, Span, line
from flowops.report.signals import signal_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model import CallResult, Result

#: How many calls of one outcome are named where not all are asked for.
A_FEW = 20


def result_text(result: Result, *, full: bool = False) -> Iterator[Line]:
    """The lines of a run; with `full` every call that needs doing is named."""
    limit = None if full else A_FEW
    calls = result.calls
    rejected = [call for call in calls if call.outcome is Outcome.REJECTED]
    partly = [call for call in calls if call.outcome is Outcome.PLACED and call.refused_callees]
    doubtful = [call for call in calls if call.outcome is Outcome.IN_DOUBT]
    blocked = [call for call in calls if call.outcome is Outcome.BLOCKED]
    deferred = [call for call in calls if call.outcome is Outcome.DEFERRED]
    if rejected:
        yield line(Span("Rejected", "bold red"), ": not placed. Mend what was refused, then apply again.")
        yield from _named(rejected, Span("x", "red"), limit)
    if partly:
        yield line(Span("Placed in part", "bold yellow"), ": some callees were refused; they need a call of their own.")
        yield from _named(partly, Span("!", "yellow"), limit)
    if doubtful:
        yield line(Span("In doubt", "bold magenta"), ": may have rung, and is not placed again until it is settled:")
        environment = shlex.quote(result.environment)
        command = f"flowops ledger resolve REF --env {environment} --placed, or --not-placed --reason …"
        yield line(f"    {safe(command)}")
        yield from _named(doubtful, Span("?", "magenta"), limit)
    if blocked:
        yield line(Span("Blocked", "bold red"), ": not placed, by the rules that are named.")
        yield from _named(blocked, Span("x", "red"), limit)
    if deferred:
        yield line(Span("Deferred", "bold cyan"), ": not placed in this run; apply again then.")
        yield from _named(deferred, Span("~", "cyan"), limit)
    if result.failure is not None:
        yield line(Span("Ended early", "bold red"), f": {safe(clip(mask_text(result.failure), 1_000))}")
    if result.interrupted is not None:
        name = signal_name(result.interrupted)
        yield line(Span("Interrupted", "bold red"), f" by {name}; what had been sent is recorded.")
    yield line(
        Span(f"Applied to {safe(result.environment)}: ", "bold"), f"{words.totals(result.counts(), words.DONE)}."
    )
    if all(call.outcome is Outcome.UNCHANGED for call in calls) and result.failure is None:
        yield line("Nothing is left to place: every call of these files was placed before.")
    yield line(Span(f"Digest: {safe(result.digest)}", "dim"))


def _named(calls: Sequence[CallResult], sign: Span, limit: int | None) -> Iterator[Line]:
    for call in calls[:limit]:
        error = f": {safe(clip(mask_text(call.error)))}" if call.error else ""
        yield line("  ", sign, f" {safe(clip(call.reference_id))}{error}")
    hidden = len(calls[limit:]) if limit is not None else 0
    if hidden:
        yield line(Span(f"    … {hidden:,} more (--full shows them)", "dim"))
