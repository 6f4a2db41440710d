"""Tell people what came of `apply`, where the project names any: a project that does not imports none of it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from flowops.app.load import project_of
from flowops.errors import ApiError, FlowopsError, LedgerError, StalePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.app.plan import Planned
    from flowops.app.selection import Selection
    from flowops.model.project import Environment, Project
    from flowops.model.result import Result


@contextmanager
def reporting(selection: Selection) -> Iterator[Callable[[Planned, Result], None]]:
    """Give what tells of a run; a failure of the ledger, the API or the plan that ends the block is told, too."""
    reported = False

    def report(found: Planned, result: Result) -> None:
        nonlocal reported
        reported = True
        _report(found, result)

    try:
        yield report
    except (LedgerError, ApiError, StalePlan) as error:
        if not reported:  # else it failed at its end, and what was placed is told
            _report_failure(selection, error)
        raise


def _report_failure(selection: Selection, error: FlowopsError) -> None:
    """Tell that nothing was placed; nothing where the project cannot say whom."""
    with suppress(FlowopsError):
        project, environment = project_of(selection.environment, next(iter(selection.paths), "."))
        if project.notify:
            from flowops.app.notify import FAILED, SOON, Notifier

            notifier = Notifier(project, environment, SOON)
            kind = {"ledger": "the ledger cannot be used", "api": "the API cannot be used"}
            why = kind.get(error.code, "the saved plan no longer fits")
            notifier.tell({FAILED}, f"nothing was placed: {why}", f"see: flowops doctor --env {notifier.env}")


def _report(found: Planned, result: Result) -> None:
    project = found.workspace.project
    if project.notify:
        from flowops.app.notify import SOON, Notifier, tell_of_run

        notifier = Notifier(project, found.environment, SOON)
        tell_of_run(notifier, result, found.ledger.run)
        with suppress(LedgerError):
            notifier.doubts(found.ledger)


def tell_of_stop(project: Project, environment: Environment) -> None:
    """Tell that somebody has stopped an environment."""
    if project.notify:
        from flowops.app.notify import SOON, STOPPED, Notifier

        notifier = Notifier(project, environment, SOON)
        notifier.tell(
            {STOPPED}, "it is stopped, and no run claims another call", f"flowops resume --env {notifier.env}"
        )
