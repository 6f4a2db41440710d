"""``flowops plan`` and ``flowops show``: what apply would do, now or as it was saved."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowops.app.load import project_root
from flowops.app.plan import check_pacing
from flowops.cli import options, selecting
from flowops.cli.output import TERMINAL, echo_status, print_result, report_problems_as
from flowops.common.exit_codes import ExitCode, worst
from flowops.common.times import clock
from flowops.errors import UsageError
from flowops.model.plan import Pacing
from flowops.model.result import FAIL_ON, failures, words_of_plan
from flowops.project import Project
from flowops.report.formats import PLAN, RESULT
from flowops.report.views.plan import PlanClock, PlanOutput, PlanView, of_plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flowops.app.plan import Planned
    from flowops.cli.options import Shown
    from flowops.model.plan import Action, Override
    from flowops.model.selection import Selection

canary_options = options.together(
    *options.CANARY,
    name="pacing",
    make=lambda canary, failures, patience: Pacing(canary, failures / 100, patience),
    parameters=("canary", "canary_failures", "canary_wait"),
)


@click.command("plan", short_help="Show what apply would do, against the ledger.")
@selecting.selection
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan, for apply --plan.")
@click.option("--at", callback=options.moment, metavar="TIME", help="Ask the policy about another time than now.")
@canary_options
@options.retry
@options.override
@options.shown(
    PLAN,
    options.detailed_exitcode("Exit with 2 when there is something to place or move."),
    options.fail_on(tuple(FAIL_ON)),
)
def command(
    selection: Selection,
    out: Path | None,
    at: datetime | None,
    pacing: Pacing,
    retry: frozenset[Action],
    override: Override | None,
    shown: Shown,
    detailed_exitcode: bool,
    fail_on: frozenset[str],
) -> int:
    """Show what apply would do with the calls of PATH, or of the whole project, as a diff against the ledger.

    The exit code is 0, whatever is held back: --fail-on says what counts as a failure.
    A saved plan (-o) holds reference-ids, fingerprints and actions: no bodies, no numbers, no secrets.
    """
    if at is not None and out is not None:
        raise UsageError("a plan for another time is for looking at: --at and --out do not go together")
    if pacing.canary is not None and out is None:
        raise UsageError("--canary is kept in a saved plan: add -o FILE", hint="or give it to flowops apply")
    return run(
        selection,
        out,
        shown,
        detailed=detailed_exitcode,
        fail_on=fail_on,
        override=override,
        retry=retry,
        at=at,
        pacing=pacing,
    )


def run(
    selection: Selection,
    out: Path | None,
    shown: Shown,
    *,
    detailed: bool,
    fail_on: frozenset[str],
    override: Override | None,
    retry: frozenset[Action],
    at: datetime | None = None,
    pacing: Pacing | None = None,
) -> int:
    """Plan, print, and save where that is asked for; return the exit code. Writes nothing else."""
    at = at or clock()
    instead = report_problems_as(selection, shown.format_)
    asked = Project.of(selection, TERMINAL).plan(at=at, override=override, retry=retry)
    with instead, asked as found:
        if pacing is not None:
            check_pacing(found, pacing)
        echo_notices(found)
        show_plan(found, at, shown, selection.paths)
        if out is not None:
            from flowops.app.saved import request_of, save_plan  # most plans are shown only

            root = Path(found.workspace.project.root)
            request = request_of(selection, root, retry, pacing, at)
            save_plan(found.plan, out, request, found.of_queries)
            values = "".join(f" --var {shlex.quote(name)}=VALUE" for name in request.names)
            # From a directory above the project nobody could tell which one it is of.
            where = "" if project_root(out) == root.absolute() else f" {shlex.join(selection.paths)}"
            place = f"flowops apply{where} --plan {shlex.quote(str(out))}"
            echo_status(f"the plan is saved in {out}; place it with: {place}{values}")
        there_is = {ExitCode.SOMETHING_TO_DO} if detailed and found.plan.to_apply else set()
        return worst(failures(fail_on, words_of_plan(found.plan)) | there_is)


def show_plan(found: Planned, at: datetime, shown: Shown, paths: Sequence[str]) -> None:
    """Print a plan, made at a time, as the result of a command."""
    clock, sandboxed = PlanClock(at, found.environment.rate), found.environment.sandboxed

    @cache  # a format may ask more than once, and each time every row would be read again
    def view(full: bool) -> PlanView:
        return of_plan(found.plan, full=full, show_pii=shown.show_pii, clock=clock, sandboxed=sandboxed)

    def whole() -> Any:
        from flowops.report.json.plan import plan_json  # most plans are read by people

        return plan_json(found.plan)

    print_result(PLAN, PlanOutput(view, whole, shown.full), shown.format_, paths=paths)


def echo_notices(found: Planned) -> None:
    """Say of how many calls the outcome goes elsewhere."""
    if found.unseen:
        calls = (
            "1 call has a callback-url of its own"
            if found.unseen == 1
            else f"{found.unseen:,} calls have a callback-url of their own"
        )
        echo_status(f"{calls}: it is kept, and flowops will not see the outcome")


@click.command("show", short_help="Print a saved plan or result again.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.full
@options.formats(PLAN)
def show(file: Path, full: bool, format_: str) -> None:
    """Print a plan saved with `plan -o`, or the JSON of a plan or a result, again, in any format."""
    from flowops.app.saved import read_output  # what reads files of plans is for this command
    from flowops.report.json.reading import plan_of_json, result_of_json
    from flowops.report.views.result import ResultView

    kind, document = read_output(file)
    if kind == "result":
        print_result(RESULT, ResultView(result_of_json(document), full=full, json=document), format_)
    else:
        view = PlanOutput(lambda full: plan_of_json(document, full=full), lambda: document, full)
        print_result(PLAN, view, format_)
