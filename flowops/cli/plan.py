"""``flowops plan``: what apply would do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from flowops.app.load import Selection
from flowops.app.plan import planned
from flowops.app.policy_run import clock
from flowops.cli import options
from flowops.cli.output import TERMINAL, echo_status, print_result, report_problems_as
from flowops.errors import FlowopsError, UsageError
from flowops.plan.planner import exit_code
from flowops.plan.saved import dump
from flowops.policy.config import LIFTABLE
from flowops.report.formats import PLAN
from flowops.report.hours import PlanClock
from flowops.report.json import plan_json
from flowops.report.views import PlanOutput, PlanView, of_plan
from flowops.sandbox.settings import BANNER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flowops.app.plan import Planned
    from flowops.app.policy_run import Override
    from flowops.model.project import Environment


override_option = click.option(
    "--override",
    "overrides",
    multiple=True,
    type=click.Choice(LIFTABLE),
    help="Lift a limit of the policy for this run; needs --reason.",
)


@click.command("plan", short_help="Show what apply would do, against the ledger.")
@options.selection
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan, for apply --plan.")
@click.option("--at", callback=options.moment, metavar="TIME", help="Ask the policy about another time than now.")
@override_option
@options.reason
@options.full
@options.detailed_exitcode("Exit with 2 when there is something to place.")
@options.formats(PLAN)
@options.show_pii
def command(
    paths: tuple[str, ...],
    environment: str,
    var: tuple[str, ...],
    var_files: tuple[str, ...],
    out: Path | None,
    at: datetime | None,
    overrides: tuple[str, ...],
    reason: str | None,
    full: bool,
    detailed_exitcode: bool,
    format_: str,
    show_pii: bool,
) -> int:
    """Show what apply would do with the calls of PATH, or of the whole project, as a diff against the ledger.

    A saved plan (-o) holds reference-ids, fingerprints and actions: no bodies, no numbers, no secrets.
    """
    if at is not None and out is not None:
        raise UsageError("a plan for another time is for looking at: --at and --out do not go together")
    selection, shown = Selection(paths, environment, var, var_files), Shown(format_, full=full, show_pii=show_pii)
    override = options.check_override(overrides, reason)
    return run(selection, out, shown, detailed=detailed_exitcode, override=override, at=at)


class Shown(NamedTuple):
    """How a plan is printed."""

    format_: str
    full: bool
    show_pii: bool


def run(
    selection: Selection,
    out: Path | None,
    shown: Shown,
    *,
    detailed: bool,
    override: Override | None,
    at: datetime | None = None,
) -> int:
    """Plan, print, and save where that is asked for; the exit code. Writes nothing else."""
    at = at or clock()
    options.check_show_pii(shown.format_, show_pii=shown.show_pii)
    instead = report_problems_as(selection.environment, shown.format_)
    with instead, planned(selection, readonly=True, override=override, at=at, observer=TERMINAL) as found:
        tell_sandbox(found.environment)
        tell_unseen(found.unseen)
        show_plan(found, at, shown)
        if out is not None:
            _save(out, dump(found.plan))
        return exit_code(found.plan, detailed=detailed)


def show_plan(found: Planned, at: datetime, shown: Shown) -> None:
    """Print a plan, made at a time, as the result of a command."""
    clock, sandboxed = PlanClock(at, found.environment.rate), found.environment.sandboxed

    @cache  # a format may ask more than once, and each time every row would be read again
    def view(full: bool) -> PlanView:
        return of_plan(found.plan, full=full, show_pii=shown.show_pii, clock=clock, sandboxed=sandboxed)

    print_result(PLAN, PlanOutput(view, lambda: plan_json(found.plan), shown.full), shown.format_)


def tell_unseen(own: int) -> None:
    """Say of how many calls the outcome goes to somebody else."""
    if own:
        calls = (
            "1 call has a callback-url of its own" if own == 1 else f"{own:,} calls have a callback-url of their own"
        )
        echo_status(f"{calls}: it is kept, and flowops will not see the outcome")


def tell_sandbox(environment: Environment) -> None:
    """Say plainly, on every use, that no phone rings."""
    if environment.sandboxed:
        echo_status(BANNER)


def _save(file: Path, data: Iterable[bytes]) -> None:
    """Write a plan so that the file is whole or not there."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as out:
            out.writelines(data)
        partial.replace(file)
    except OSError as error:
        raise FlowopsError(f"{file} cannot be written: {error.strerror}") from None
    echo_status(f"the plan is saved in {file}; place it with: flowops apply --plan {file}")
