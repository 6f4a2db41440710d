"""``flowops plan``: what apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.cli import options
from flowops.cli.output import print_result, problems_instead, tell
from flowops.errors import FlowopsError, UsageError
from flowops.report.formats import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flowops.cli.planning import Planned, Selection
    from flowops.cli.ruling import Override
    from flowops.plan import Shard


@click.command("plan", short_help="Show what apply would do, against the ledger.")
@options.selection
@options.shard
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan, for apply --plan.")
@click.option("--at", callback=options.moment, metavar="TIME", help="Ask the policy about another time than now.")
@options.override
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
    shard: Shard | None,
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
    from flowops.cli.planning import Selection

    if at is not None and out is not None:
        raise UsageError("a plan for another time is for looking at: --at and --out do not go together")
    selection = Selection(paths, environment, var, var_files, shard)
    override = options.check_override(overrides, reason)
    return run(
        selection,
        out,
        full=full,
        detailed=detailed_exitcode,
        format_=format_,
        show_pii=show_pii,
        override=override,
        at=at,
    )


def run(
    selection: Selection,
    out: Path | None,
    *,
    full: bool,
    detailed: bool,
    format_: str,
    show_pii: bool,
    override: Override | None,
    at: datetime | None = None,
) -> int:
    """Plan, print, and save where that is asked for; the exit code. Writes nothing else."""
    from flowops.cli.planning import planned, tell_sandbox, tell_unseen
    from flowops.cli.ruling import clock
    from flowops.plan import dump, exit_code

    at = at or clock()
    options.check_show_pii(format_, show_pii=show_pii)
    instead = problems_instead(selection.environment, format_)
    with instead, planned(selection, readonly=True, override=override, at=at) as found:
        tell_sandbox(found.environment)
        tell_unseen(found.unseen)
        show_plan(found, at, format_=format_, full=full, show_pii=show_pii)
        if out is not None:
            _save(out, dump(found.plan), selection.shard)
        return exit_code(found.plan, detailed=detailed)


def show_plan(found: Planned, at: datetime, *, format_: str, full: bool, show_pii: bool) -> None:
    """Print a plan, made at a time, as the result of a command."""
    from flowops.report.hours import PlanClock
    from flowops.report.json import plan_json
    from flowops.report.views import PlanOutput, PlanView, of_plan

    clock, sandboxed = PlanClock(at, found.environment.rate), found.environment.sandboxed

    def view(full: bool) -> PlanView:
        return of_plan(found.plan, full=full, show_pii=show_pii, clock=clock, sandboxed=sandboxed)

    print_result(PLAN, PlanOutput(view, lambda: plan_json(found.plan), full), format_)


def _save(file: Path, data: Iterable[bytes], shard: Shard | None) -> None:
    """Write a plan so that the file is whole or not there."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as out:
            out.writelines(data)
        partial.replace(file)
    except OSError as error:
        raise FlowopsError(f"{file} cannot be written: {error.strerror}") from None
    part = "" if shard is None else f" --shard {shard}"
    tell(f"the plan is saved in {file}; place it with: flowops apply --plan {file}{part}")
