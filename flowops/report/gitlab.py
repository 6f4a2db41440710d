"""GitLab's widgets in a merge request: code quality for problems, counts for a plan.

Source: docs.gitlab.com, "Code Quality report format" and "Terraform integration in merge requests"; and what GitLab's
own readers ask for (`app/validators/json_schemas/codeclimate.json`, `lib/gitlab/ci/parsers/terraform/tfplan.rb`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.report.json import Json
    from flowops.report.notes import Note


def code_quality(notes: Iterable[Note]) -> list[Json]:
    """One issue a note; GitLab hides issues that share a fingerprint, and no two do."""
    return [
        {
            "description": note.message,
            "check_name": f"flowops/{note.code}",
            "fingerprint": note.key,
            "severity": "major",
            "location": {"path": note.place.file, "lines": {"begin": note.place.line}},
        }
        for note in notes
    ]


def plan_counts(*, create: int, update: int, delete: int) -> Json:
    """What the widget of a plan shows: GitLab wants these three keys, each with a number."""
    return {"create": create, "update": update, "delete": delete}
