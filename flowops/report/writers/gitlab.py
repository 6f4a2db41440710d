"""GitLab's widgets in a merge request: code quality for problems, counts for a plan.

Source: docs.gitlab.com, "Code Quality report format" and "Terraform integration in merge requests"; and what GitLab's
own readers ask for (`app/validators/json_schemas/codeclimate.json`, `lib/gitlab/ci/parsers/terraform/tfplan.rb`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.plan import Action, Shift
from flowops.model.result import Outcome
from flowops.report.annotations import of_output
from flowops.report.difference import DifferenceOutput
from flowops.report.formats import REVIEWED, Format
from flowops.report.json.text import dumps
from flowops.report.views.plan import PlanOutput
from flowops.report.views.problems import CasesView, ProblemsView
from flowops.report.views.result import ResultView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.report.annotations import Annotation
    from flowops.report.formats import Target
    from flowops.report.json.text import Json
    from flowops.report.layouts import Output

FORMAT = Format(
    "for a merge request: code quality of what is wrong, the plan widget's counts of all else", REVIEWED, order=50
)


def write(output: Output, target: Target) -> None:
    """Write what a widget reads."""
    target.stream.writelines(dumps(_document(output, target)))


def code_quality(annotations: Iterable[Annotation]) -> list[Json]:
    """Return one issue an annotation; GitLab hides issues that share a fingerprint, and no two do."""
    return [
        {
            "description": each.message,
            "check_name": f"flowops/{each.code}",
            "fingerprint": each.key,
            "severity": "major",
            "location": {"path": each.place.file, "lines": {"begin": each.place.line}},
        }
        for each in annotations
    ]


def plan_counts(*, create: int, update: int, delete: int) -> Json:
    """Return what the widget of a plan shows: GitLab wants these three keys, each with a number."""
    return {"create": create, "update": update, "delete": delete}


def _document(output: Output, target: Target) -> Json | list[Json]:
    match output:
        case PlanOutput():
            actions = output.view(False).counts
            return plan_counts(
                create=actions[Action.PLACE], update=actions[Action.RETRY] + actions[Action.MOVED], delete=0
            )
        case ResultView():
            return plan_counts(create=output.result.counts()[Outcome.PLACED], update=0, delete=0)
        case DifferenceOutput():
            shifts = output.found.counts
            return plan_counts(create=shifts[Shift.ADDED], update=shifts[Shift.CHANGED], delete=shifts[Shift.REMOVED])
        case ProblemsView() | CasesView():
            return code_quality(of_output(output, target.located))
        case _:
            raise TypeError(type(output))
