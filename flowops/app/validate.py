"""Everything that can be said of the files without a ledger, the network or a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.app.load import by_project, load, variables
from flowops.app.observer import SILENT
from flowops.app.render import examined, localized, not_read, report_not_read
from flowops.app.walk import Walk
from flowops.common.tuples import NamedTuple
from flowops.errors import Invalid
from flowops.model.document import Problems, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowops.app.observer import Observer
    from flowops.app.render import NotRead
    from flowops.model.document import Place, Problem
    from flowops.model.selection import Selection


class Validation(NamedTuple):
    """The result of a validation; `not_read` are call sets whose rows need the network."""

    files: int
    documents: int
    calls: int
    problems: Sequence[Problem]
    excerpt: Callable[[Place], str | None]
    not_read: Sequence[NotRead] = ()
    warnings: Sequence[str] = ()


def validate(selection: Selection, observer: Observer = SILENT) -> Validation:
    """Check what is selected, each project by itself.

    Raises UsageError for an environment or a path that is not there.
    """
    checked = [_validate(selection._replace(paths=paths), observer) for paths in by_project(selection.paths)]
    if len(checked) == 1:
        return checked[0]
    problems = Problems(problem for each in checked for problem in each.problems)
    excerpts = [each.excerpt for each in checked]
    return Validation(
        sum(each.files for each in checked),
        sum(each.documents for each in checked),
        sum(each.calls for each in checked),
        tuple(problems),
        lambda place: next(filter(None, (excerpt(place) for excerpt in excerpts)), None),
        [call_set for each in checked for call_set in each.not_read],
        [warning for each in checked for warning in each.warnings],
    )


def _validate(selection: Selection, observer: Observer) -> Validation:
    try:
        workspace = load(selection, with_tests=True, with_hooks=True)
        walk = Walk(workspace, variables(workspace, selection.var, selection.var_files))
        problems = Problems()
        report_not_read(workspace, observer)
        count = sum(len(batch.references) for batch in examined(walk, problems, observer))
        if workspace.policy is not None:
            # Nobody without a policy pays for what its rules import.
            from flowops.app.number_lists import check_lists

            problems += check_lists(workspace)
        if workspace.tests:
            from flowops.app.cases import check_cases

            problems += check_cases(workspace.tests, workspace.reader, workspace.project)
    except Invalid as error:
        return Validation(0, 0, 0, error.problems, error.excerpt)
    excerpt = workspace.reader.excerpt
    unread, warnings = not_read(workspace), tuple(map(sentence, localized(walk.warnings, workspace)))
    for warning in warnings:
        observer.report(f"warning: {warning}")
    return Validation(
        workspace.files, workspace.documents, count, localized(problems, workspace), excerpt, unread, warnings
    )
