"""JUnit XML, which every CI system shows: one test case a problem, a planned call, or a call of a run.

There is no standard. This keeps to what the schemas of Jenkins have in common, and says each message where readers look
for it: Jenkins in the attribute, GitLab in the text, and for what was skipped both in the text.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.masking import mask_text
from flowops.model import Action, Outcome
from flowops.report import words
from flowops.report.escape import clip, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowops.model import Result
    from flowops.report.notes import Note
    from flowops.report.view import CallView, PlanView

#: What XML 1.0 cannot hold (section 2.2); control characters and surrogates have been escaped by `safe`.
_NOT_XML = re.compile("[\ufffe\uffff]")
LONGEST = 1_000


class Case(NamedTuple):
    """One test case: `kind` is ``failure``, ``error`` or ``skipped``, empty for one that passed."""

    group: str
    name: str
    kind: str = ""
    message: str = ""


def problems_junit(notes: Iterable[Note], *, files: int) -> str:
    """A failed case a problem; a case that passed when there is none."""
    cases = [Case(note.place.file, f"{note.place}: {note.code}", "failure", note.message) for note in notes]
    return _suite("flowops validate", cases or [Case("flowops", f"{words.count(files, 'file')} valid")])


def plan_junit(view: PlanView) -> str:
    """A case a call that is shown: a conflict or a block fails, a doubt is an error, what is deferred is skipped."""
    cases = [_planned(call) for group in view.groups for call in group.shown]
    return _suite(f"flowops plan for {view.environment}", cases)


def result_junit(result: Result) -> str:
    """A case a call of a run."""
    kinds = {
        Outcome.REJECTED: "failure",
        Outcome.BLOCKED: "failure",
        Outcome.IN_DOUBT: "error",
        Outcome.NOT_ATTEMPTED: "skipped",
        Outcome.DEFERRED: "skipped",
    }
    cases = []
    for call in result.calls:
        kind = kinds.get(call.outcome, "failure" if call.refused_callees else "")
        message = mask_text(call.error) if call.error else words.DONE[call.outcome]
        cases.append(Case(result.environment, call.reference_id, kind, message))
    if result.failure is not None:
        cases.append(Case(result.environment, "the run", "error", mask_text(result.failure)))
    return _suite(f"flowops apply to {result.environment}", cases)


def _planned(call: CallView) -> Case:
    kinds = {
        Action.CONFLICT: "failure",
        Action.BLOCKED: "failure",
        Action.IN_DOUBT: "error",
        Action.DEFERRED: "skipped",
    }
    group = call.place.file if call.place else "plan"
    return Case(group, call.reference_id, kinds.get(call.action, ""), "; ".join(call.reasons) or call.action.value)


def _suite(name: str, cases: Sequence[Case]) -> str:
    totals = {kind: sum(case.kind == kind for case in cases) for kind in ("failure", "error", "skipped")}
    counts = f'tests="{len(cases)}" failures="{totals["failure"]}" errors="{totals["error"]}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n'
    body = "".join(map(_case, cases))
    skipped = f'skipped="{totals["skipped"]}"'
    return f'{head}<testsuite name="{_text(name)}" {counts} {skipped} time="0">\n{body}</testsuite>\n</testsuites>\n'


def _case(case: Case) -> str:
    start = f'<testcase classname="{_text(case.group)}" name="{_text(case.name)}" time="0"'
    if not case.kind:
        return f"{start}/>\n"
    message = _text(case.message)
    attribute = "" if case.kind == "skipped" else f' message="{message}"'
    return f"{start}><{case.kind}{attribute}>{message}</{case.kind}></testcase>\n"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", safe(clip(text, LONGEST))))
