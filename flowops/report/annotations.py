"""Say what a person has to look at, for the services that show it next to a line of a file."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowops.model.document import Place, with_rows
from flowops.model.plan import Action
from flowops.report import phrases
from flowops.report.escape import clip, safe
from flowops.report.views.plan import PlanOutput
from flowops.report.views.problems import CasesView, ProblemsView, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flowops.model.document import Problem
    from flowops.model.plan import Shift
    from flowops.report.layouts import Output
    from flowops.report.views.plan import CallView, PlanView

#: What a plan has to say about a call, in the order of urgency.
URGENT: Mapping[Action | Shift, str] = {
    Action.CONFLICT: "in conflict: edited after it was placed",
    Action.IN_DOUBT: "in doubt: may have rung",
    Action.GIVEN_UP: "given up: refused again and again",
    Action.BLOCKED: "blocked by the policy",
}
#: Where a guard is shown that is written in no file: services want a place.
NOWHERE = Place("flowops.yaml")
#: A service shows the beginning of a message; JSON has it whole.
LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Annotation:
    """One thing to look at: `code` names the rule, `message` is one line, masked and safe.

    `level` is ``error`` for what is wrong, and ``warning`` for what a plan, which has done its work, makes known.
    `key` is the same from run to run as long as the thing is, whatever line it stands on; no two share one.
    """

    code: str
    message: str
    place: Place
    key: str
    level: str = "error"


def of_output(output: Output, rename: Callable[[str], str]) -> list[Annotation]:
    """Return an annotation for each thing to look at, its file named by `rename`; of most results there is none."""
    match output:
        case PlanOutput():
            found = of_plan(output.view(True))
        case ProblemsView():
            found = of_problems(output.problems)
        case CasesView():
            found = of_problems(output.problems)
        case _:
            return []
    return [replace(each, place=each.place._replace(file=rename(each.place.file))) for each in found]


def of_problems(problems: Iterable[Problem]) -> list[Annotation]:
    """Return an annotation for each problem; one that many rows have is one."""
    annotations = []
    for problem in in_order(problems):
        hint = f"; hint: {problem.hint}" if problem.hint else ""
        annotations.append(
            (problem.code, f"{with_rows(problem)}{hint}", problem.place, problem.kind or problem.message)
        )
    return _keyed(annotations)


def of_plan(view: PlanView) -> list[Annotation]:
    """Return an annotation for each guard that has tripped, then for each call that is shown and is held back."""
    guards = [(guard.name, guard.reason, guard.place or NOWHERE, guard.name) for guard in view.guards]
    urgent = [call for group in view.groups for call in group.shown if call.action in URGENT and call.place]
    calls = [(call.action.value, _message(call), call.place, call.reference_id) for call in urgent if call.place]
    return _keyed([*guards, *calls], "warning")


def _message(call: CallView) -> str:
    """Return ``reminder-8: in conflict: …; flow-variables/brand: "Acme" → "Acme Clinics"``."""
    parts = [f"{call.reference_id}: {URGENT[call.action]}"]
    for change in call.changes:
        before, after = phrases.change(change)
        parts.append(f"{phrases.path(change.path)}: {before} → {after}")
    return "; ".join([*parts, *call.reasons])


def _keyed(found: Sequence[tuple[str, str, Place, str]], level: str = "error") -> list[Annotation]:
    seen: Counter[tuple[str, str, str]] = Counter()
    annotations = []
    for code, message, place, identity in found:
        same = (code, place.file, identity)
        number = seen[same]
        seen[same] += 1
        key = hashlib.sha256("\0".join([*same, str(number)]).encode("utf-8", "surrogatepass")).hexdigest()
        annotations.append(Annotation(safe(code), safe(clip(message, LONGEST)), place, key, level))
    return annotations
