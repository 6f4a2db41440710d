"""Write JUnit XML, which every CI system shows: one test case a problem, a test, a planned call,
or a call of a run.

There is no standard. This keeps to what the schemas of Jenkins have in common, and says each message where readers look
for it: Jenkins in the attribute, GitLab in the text, and for what was skipped both in the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.text import count
from flowops.common.tuples import NamedTuple
from flowops.model.document import sentence
from flowops.model.plan import Action
from flowops.model.result import Outcome
from flowops.report.annotations import of_output
from flowops.report.escape import xml_text
from flowops.report.formats import CASES, PLAN, PROBLEMS, RESULT, Format
from flowops.report.phrases import DONE
from flowops.report.views.plan import PlanOutput
from flowops.report.views.problems import CasesView, ProblemsView
from flowops.report.views.result import ResultView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowops.report.annotations import Annotation
    from flowops.report.formats import Target
    from flowops.report.layouts import Output
    from flowops.report.views.plan import CallView, PlanView

FORMAT = Format("JUnit XML, which every CI system shows", (PROBLEMS, CASES, PLAN, RESULT), order=70, instead=True)


#: What a plan does with calls that nothing holds back.
_GOES_ON = frozenset({Action.PLACE, Action.RETRY, Action.UNCHANGED, Action.MOVED})


class Case(NamedTuple):
    """One test case: `kind` is ``failure``, ``error`` or ``skipped``, empty for one that passed."""

    group: str
    name: str
    kind: str = ""
    message: str = ""


def write(output: Output, target: Target) -> None:
    """Write a test case for each thing that went well or not."""
    match output:
        case PlanOutput():
            document = plan_junit(output.view(True))
        case ResultView():
            document = result_junit(output)
        case ProblemsView():
            document = problems_junit(of_output(output, target.located), files=output.files)
        case CasesView():
            document = cases_junit(output, target.located)
        case _:
            raise TypeError(type(output))
    target.stream.write(document)


def problems_junit(annotations: Iterable[Annotation], *, files: int) -> str:
    """Return a failed case a problem; a case that passed when there is none."""
    cases = [Case(each.place.file, f"{each.place}: {each.code}", "failure", each.message) for each in annotations]
    return _suite("flowops validate", cases or [Case("flowops", f"{count(files, 'file')} valid")])


def cases_junit(view: CasesView, located: Callable[[str], str]) -> str:
    """Return a case a test; what differs in one is its message."""
    cases = []
    for result in view.results:
        told = "; ".join(map(sentence, result.failures))
        cases.append(Case(located(result.place.file), result.name, "" if result.passed else "failure", told))
    return _suite("flowops test", cases)


def plan_junit(view: PlanView) -> str:
    """Return a case a call that is shown; what is held back is skipped: a plan that reports it has not failed."""
    cases = [Case("guards", guard.name, "skipped", guard.reason) for guard in view.guards]
    cases += (_planned(call) for group in view.groups for call in group.shown)
    return _suite(f"flowops plan for {view.environment}", cases)


def result_junit(view: ResultView) -> str:
    """Return a case a call of a run."""
    kinds = {
        Outcome.REJECTED: "failure",
        Outcome.CONFLICT: "failure",
        Outcome.NOT_ATTEMPTED: "failure",
        Outcome.IN_DOUBT: "error",
        Outcome.IN_FLIGHT: "skipped",
        Outcome.BLOCKED: "skipped",
        Outcome.GIVEN_UP: "skipped",
        Outcome.CANCELLED: "skipped",
        Outcome.DEFERRED: "skipped",
    }
    environment = view.result.environment
    cases = [Case("guards", guard.name, "failure", guard.reason) for guard in view.guards]
    for call in view.calls():
        kind = kinds.get(call.outcome, "failure" if call.refused_callees else "")
        cases.append(Case(environment, call.reference_id, kind, call.error or (DONE[call.outcome] if kind else "")))
    cases += (Case(environment, str(row.row), "skipped", "; ".join(row.reasons)) for row in view.invalid())
    if view.failure is not None:
        cases.append(Case(environment, "the run", "error", view.failure))
    return _suite(f"flowops apply to {environment}", cases)


def _planned(call: CallView) -> Case:
    group = call.place.file if call.place else "plan"
    kind = "" if call.action in _GOES_ON else "skipped"
    return Case(group, call.reference_id, kind, "; ".join(call.reasons) or (call.action.value if kind else ""))


def _suite(name: str, cases: Sequence[Case]) -> str:
    totals = {kind: sum(case.kind == kind for case in cases) for kind in ("failure", "error", "skipped")}
    counts = f'tests="{len(cases)}" failures="{totals["failure"]}" errors="{totals["error"]}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n'
    body = "".join(map(_case, cases))
    skipped = f'skipped="{totals["skipped"]}"'
    return f'{head}<testsuite name="{xml_text(name)}" {counts} {skipped} time="0">\n{body}</testsuite>\n</testsuites>\n'


def _case(case: Case) -> str:
    start = f'<testcase classname="{xml_text(case.group)}" name="{xml_text(case.name)}" time="0"'
    message = xml_text(case.message)
    if not case.kind:
        return f"{start}><system-out>{message}</system-out></testcase>\n" if message else f"{start}/>\n"
    attribute = "" if case.kind == "skipped" else f' message="{message}"'
    return f"{start}><{case.kind}{attribute}>{message}</{case.kind}></testcase>\n"
