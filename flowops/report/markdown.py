"""Plans, runs and problems for review comments: totals first, then as much as fits.

Each begins with a comment that readers do not see, ``<!-- flowops:plan:production -->``, by which a bot finds the
comment it wrote before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model import Action, Outcome
from flowops.report import words
from flowops.report.findings import findings
from flowops.report.html import code, prose
from flowops.report.signals import signal_name
from flowops.report.wording import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model import CallResult, Problem, Result
    from flowops.report.difference import DifferenceView, Field, Sample, Way
    from flowops.report.findings import Finding
    from flowops.report.view import CallView, Group, PlanView
    from flowops.report.wording import Piece

#: What one comment of GitHub holds. It is kept in bytes of UTF-8, so whatever a service counts, it is not more.
LIMIT = 65_536
#: Kept free for the line that says what did not fit, and for the ends of what is open.
_RESERVE = 512


def plan_markdown(view: PlanView, *, sandboxed: bool = False) -> str:
    """A plan as Markdown."""
    page = _Page(marker("plan", view.environment), "calls")
    page.head(f"### flowops plan for {code(view.environment)}")
    if sandboxed:
        page.head("The embedded API answers: no phone rings.")
    page.head(_totals(view.counts, words.PLANNED))
    if view.unnamed:
        page.head(f"{words.count(view.unnamed, 'call')} in the ledger not in these files: untouched.")
    if view.counts[Action.CONFLICT]:
        page.head("A call that was placed is never changed: nothing is placed while any call is in conflict.")
    for warning in view.warnings:
        page.head(f"**Warning:** {prose(warning)}")
    for note in view.notes:
        page.head(prose(note))
    revision = f", commit {code(view.revision)}" if view.revision else ""
    page.head(f"Digest {code(view.digest)}{revision}")
    for urgent in (True, False):
        for group in view.groups:
            calls = [call for call in group.shown if (call.action in _URGENT) is urgent]
            page.fold(_summary(group, urgent), _PLAN_HEAD, (_plan_row(call) for call in calls), len(calls), urgent)
    return page.text()


def result_markdown(result: Result) -> str:
    """A run as Markdown."""
    page = _Page(marker("result", result.environment), "calls")
    page.head(f"### flowops apply to {code(result.environment)}")
    page.head(_totals(result.counts(), words.DONE))
    if result.failure is not None:
        page.head(f"**Ended early:** {prose(mask_text(result.failure))}")
    if result.interrupted is not None:
        page.head(f"**Interrupted** by {signal_name(result.interrupted)}; what had been sent is recorded.")
    page.head(f"Digest {code(result.digest)}")
    partly = [call for call in result.calls if call.outcome is Outcome.PLACED and call.refused_callees]
    for title, calls in (
        ("Rejected: not placed; mend what was refused, then apply again", _with(result, Outcome.REJECTED)),
        ("Placed in part: some callees were refused", partly),
        ("In doubt: may have rung; settle each with flowops ledger resolve", _with(result, Outcome.IN_DOUBT)),
        ("Blocked: not placed, by the rules that are named", _with(result, Outcome.BLOCKED)),
        ("Deferred: not placed in this run", _with(result, Outcome.DEFERRED)),
    ):
        page.fold(prose(title), "| reference-id | error |", (_result_row(call) for call in calls), len(calls), True)
    return page.text()


def problems_markdown(problems: Iterable[Problem], environment: str) -> str:
    """What the user has to mend, as Markdown."""
    found = findings(problems)
    page = _Page(marker("problems", environment), "problems")
    files = len({finding.problem.place.file for finding in found})
    page.head(f"### flowops found {words.count(len(found), 'problem')} in {words.count(files, 'file')}")
    page.fold("Problems", "| place | problem |", (_problem_row(finding) for finding in found), len(found), True)
    return page.text()


def difference_markdown(view: DifferenceView) -> str:
    """What two revisions render differently, as Markdown: how many people it reaches and which words changed first."""
    page = _Page(marker("diff", view.environment), "changes")
    page.head(f"### flowops diff for {code(view.environment)}")
    page.head(_shifts(view))
    page.head(f"What was added or changed reaches **{words.people(view.people)}**. Compared: {_sides(view)}.")
    if view.base_problems:
        page.head(prose(words.base_problems(view.base_problems)))
    rows = [_way_row(each, way) for each in view.fields for way in each.ways]
    hidden = sum(each.hidden for each in view.fields)
    left_out = f" (not shown: {words.count(hidden, 'other way', 'other ways')})" if hidden else ""
    page.fold(f"What changed{left_out}", "| calls | field | change |", rows, len(rows), True)
    for title, documents in (("added", view.added), ("removed", view.removed)):
        for listed in documents:
            where = f"{code(f'{listed.place.file}:{listed.place.line}')} {prose(words.listed(listed))} {title}"
            rows = [_sample_row(sample) for sample in listed.samples]
            page.fold(where, "| reference-id | callee | row |", rows, len(rows), False)
    return page.text()


def marker(kind: str, environment: str) -> str:
    """The comment that names what this is of which environment; it cannot be closed by an environment's name."""
    return f"<!-- flowops:{kind}:{re.sub(r'[^A-Za-z0-9._]+|-+', '-', environment)[:64]} -->"


_URGENT = (Action.CONFLICT, Action.IN_DOUBT, Action.BLOCKED)
_MARKS = {Side.BEFORE: "del", Side.AFTER: "ins"}
_PLAN_HEAD = "| | reference-id | callee | row | why |"


class _Page:
    """Markdown that is full at `LIMIT` and says how much did not fit."""

    def __init__(self, first: str, things: str) -> None:
        self._parts = [f"{first}\n"]
        self._size = len(first) + 1
        self._things = things
        self._left_out = 0

    def head(self, paragraph: str) -> None:
        """A paragraph that is always there."""
        self._add(f"{paragraph}\n\n" if not paragraph.startswith("|") else paragraph)

    def fold(self, summary: str, head: str, rows: Iterable[str], count: int, opened: bool) -> None:
        """A part that can be folded, with one table in it, as many rows of it as fit."""
        if not count:
            return
        start = f"<details{' open' if opened else ''}><summary>{summary}</summary>\n\n{head}\n{_rule(head)}\n"
        end = "\n</details>\n\n"
        if not self._fits(start + end):
            self._left_out += count
            return
        self._add(start)
        for number, row in enumerate(rows):
            if not self._fits(row + end):
                self._left_out += count - number
                break
            self._add(row)
        self._add(end)

    def text(self) -> str:
        """The whole page."""
        if self._left_out:
            self._add(f"… and {self._left_out:,} more {self._things} than fit here; the job's log has them.\n")
        return "".join(self._parts).rstrip("\n") + "\n"

    def _fits(self, text: str) -> bool:
        return self._size + len(text.encode()) <= LIMIT - _RESERVE

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text.encode())


def _rule(head: str) -> str:
    return re.sub(r"[^|]+", " --- ", head)


def _totals(counts: Mapping[words.Kind, int], names: Mapping[words.Kind, str]) -> str:
    return _table([(name, counts[kind]) for kind, name in names.items()])


def _table(told: Sequence[tuple[str, int]]) -> str:
    head = "".join(f"| {name} " for name, _ in told) + "|"
    numbers = "".join(f"| {number:,} " for _, number in told) + "|"
    return f"{head}\n{_rule(head)}\n{numbers}\n\n"


def _summary(group: Group, urgent: bool) -> str:
    where = f"{code(f'{group.place.file}:{group.place.line}')} " if group.place else ""
    if urgent:
        needs = [f"{group.counts[action]:,} {words.PLANNED[action]}" for action in _URGENT if group.counts[action]]
        return f"{where}{', '.join(needs)}"
    left_out = words.left_out(group)
    return f"{where}{prose(words.heading(group))}{f' (not shown: {left_out})' if left_out else ''}"


def _plan_row(call: CallView) -> str:
    row = prose(str(call.row)) if call.row else ""
    why = "<br>".join([*_changes(call), *(prose(reason) for reason in call.reasons)])
    sign = prose(call.action.sign)
    return f"| {sign} | {code(call.reference_id)} | {prose(words.phones(call.callees))} | {row} | {why} |\n"


def _changes(call: CallView) -> Iterator[str]:
    for difference in call.changes:
        before, after = words.change(difference)
        yield f"{code(difference.path.removeprefix('/'))}: {code(before)} → {code(after)}"


def _shifts(view: DifferenceView) -> str:
    told = [*((shift.value, number) for shift, number in view.counts.items()), ("unchanged", view.unchanged)]
    return _table(told)


def _sides(view: DifferenceView) -> str:
    return f"{code(view.head) if view.head else 'the files as they are'} against {code(view.base)}"


def _way_row(each: Field, way: Way) -> str:
    told = " ".join(_piece(piece) for piece in way.pieces)
    where = f"{code(each.path)}<br>{code(f'{each.place.file}:{each.place.line}')}"
    return f"| {way.count:,} | {where} | {told}<br>{prose(words.samples(way.samples, way.count))} |\n"


def _piece(piece: Piece) -> str:
    """A run of words; what is only on one side is marked as GitHub and GitLab both show it."""
    text = code(piece.text.strip())
    mark = _MARKS.get(piece.side)
    return f"<{mark}>{text}</{mark}>" if mark else text


def _sample_row(sample: Sample) -> str:
    row = prose(str(sample.row)) if sample.row else ""
    return f"| {code(sample.reference_id)} | {prose(words.phones(sample.callees))} | {row} |\n"


def _result_row(call: CallResult) -> str:
    return f"| {code(call.reference_id)} | {prose(mask_text(call.error)) if call.error else ''} |\n"


def _problem_row(finding: Finding) -> str:
    problem = finding.problem
    rows = f" ({prose(finding.rows)})" if finding.rows else ""
    hint = f"<br>hint: {prose(problem.hint)}" if problem.hint else ""
    return f"| {code(str(problem.place))} | {prose(problem.message)}{rows}{hint} |\n"


def _with(result: Result, outcome: Outcome) -> Sequence[CallResult]:
    return [call for call in result.calls if call.outcome is outcome]
