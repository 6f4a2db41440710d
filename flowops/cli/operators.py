"""How every operation on many calls goes: select, show, ask, do, and print what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.app.load import project_of
from flowops.app.operators import select
from flowops.cli.output import TERMINAL, confirm, echo_lines, print_result, warn_of_sandbox
from flowops.common.exit_codes import ExitCode
from flowops.common.masking import mask_text
from flowops.common.text import count
from flowops.errors import UsageError
from flowops.project import Project
from flowops.report.formats import OPERATION
from flowops.report.layouts.ledger import operation_report
from flowops.report.views.ledger import OperationView
from flowops.report.writers.text import report_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowops.cli.selecting import Asked
    from flowops.ledger.operators import Operation
    from flowops.ledger.store import Store
    from flowops.model.ledger import OperatorStep


def operate(asked: Asked, make: Callable[[Store], Operation]) -> int:
    """Do the operation that `make` makes to the calls that are asked for. The sandbox needs no asking, as for `apply`.

    Returns 1 where something was refused; everything else was done.
    """
    warn_of_sandbox("this is about", *project_of(asked.environment))
    project = Project(environment=asked.environment, observer=TERMINAL)
    with project.ledger(readonly=False) as ledger:
        operation = make(ledger)
        shown = ledger.rehearse(operation, select(asked.calls, operation, ledger), asked.reason)
        _refuse_numbers(shown)
        changed = sum(step.changed for step in shown)
        steps = shown
        if changed:
            echo_lines(report_lines(operation_report(_view(asked, operation, shown, is_done=False))))
            if not (project.settings.sandboxed or asked.approved):
                confirm(f"{operation.name.capitalize()} {count(changed, 'call')} in {asked.environment}?")
            steps = ledger.operate(operation, shown, asked.reason)
    print_result(OPERATION, _view(asked, operation, steps, is_done=True), asked.format_)
    return ExitCode.FAILED if any(step.refused is not None for step in steps) else ExitCode.DONE


def _refuse_numbers(steps: Sequence[OperatorStep]) -> None:
    """Raise UsageError where a number is given in place of a reference: the ledger would keep it permanently."""
    unknown = (step.reference_id for step in steps if step.before is None)
    number = next((each for each in unknown if mask_text(each) != each), None)
    if number is not None:
        hint = "calls are named by their reference-ids here; numbers are for policy block"
        raise UsageError(f"{mask_text(number)} is no call of the ledger: it looks like a phone number", hint=hint)


def _view(asked: Asked, operation: Operation, steps: Sequence[OperatorStep], *, is_done: bool) -> OperationView:
    return OperationView(asked.environment, operation.name, operation.done, asked.reason, steps, is_done)
