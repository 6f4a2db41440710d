"""``flowops apply``: show the plan, ask, and place its calls."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from click.core import ParameterSource

from flowops.app.events import events_to
from flowops.app.rehearsal import rehearsal, rehearse
from flowops.app.saved import refuse_plans
from flowops.apply.outcome import exit_code
from flowops.apply.run import RunFailed
from flowops.cli import completing, options, selecting
from flowops.cli.output import (
    TERMINAL,
    confirm,
    echo_lines,
    echo_status,
    print_result,
    report_problems_as,
    take_stdout,
    warn_of_sandbox,
)
from flowops.cli.plan import echo_notices
from flowops.cli.plan import run as plan
from flowops.common.exit_codes import ExitCode
from flowops.common.masking import mask_text
from flowops.common.text import count
from flowops.common.tuples import NamedTuple
from flowops.errors import UsageError
from flowops.model.plan import Action, Pacing
from flowops.model.result import FAIL_ON, Outcome, failures, words_of_result
from flowops.project import ApplyOptions, Project
from flowops.report.formats import CAMPAIGNS, RESULT
from flowops.report.layouts.plan import plan_report
from flowops.report.terminal import line
from flowops.report.views.ledger import CampaignsView
from flowops.report.views.plan import of_plan, spoken_texts
from flowops.report.views.result import ResultView
from flowops.report.writers.text import report_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from flowops.app.hand_over import HandOver
    from flowops.app.plan import Planned
    from flowops.cli.options import Shown
    from flowops.model.plan import Override, Plan
    from flowops.model.result import Result
    from flowops.model.selection import Selection

#: Said after calls were placed where no phone rings.
NEXT = (
    "Next: run apply again (nothing is placed twice), or edit a call and run `flowops plan`. "
    "`flowops status` shows the ledger; `flowops init --help` says how to get a pipeline."
)


def _pacing(canary: int | None, failures: float, patience: timedelta, limit: int | None) -> Pacing:
    return Pacing(canary, failures / 100, patience, limit)


pacing_options = options.together(
    *options.CANARY,
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Ring at most N phones in this run."),
    name="pacing",
    make=_pacing,
    parameters=("canary", "canary_failures", "canary_wait", "limit"),
)


class Detached(NamedTuple):
    """The campaign that a plan is handed over as, and from when on it is placed."""

    name: str | None
    start: datetime | None


def _detached(detach: bool, name: str | None, start: datetime | None) -> Detached | None:
    """Take options that go together. Raise UsageError for those of a campaign without one."""
    if not detach and (name is not None or start is not None):
        raise UsageError("--name and --start are those of a campaign: they go with --detach")
    if name is not None and mask_text(name) != name:
        raise UsageError(
            f"--name: {mask_text(name)} looks like a phone number", hint="it is in everything that is printed"
        )
    return Detached(name, start) if detach else None


detached_options = options.together(
    click.option("--detach", is_flag=True, help="Hand the plan over to flowops worker, as a campaign, and return."),
    click.option("--name", type=options.NAME, metavar="NAME", help="What the campaign is called."),
    click.option(
        "--start", callback=options.moment, metavar="TIME", help="Place nothing of it before, 2026-12-01T09:00Z."
    ),
    name="detached",
    make=_detached,
    parameters=("detach", "name", "start"),
)


class Rehearsed(NamedTuple):
    """The call whose words are rehearsed, and the number that is called."""

    reference: str
    number: str


def _rehearsed(reference: str | None, number: str | None) -> Rehearsed | None:
    """Take two options that go together. Raise UsageError for one alone."""
    if reference is None and number is None:
        return None
    if reference is None or number is None:
        raise UsageError("--rehearse and --to go together: whose words, and which phone")
    return Rehearsed(reference, number)


rehearsal_options = options.together(
    click.option(
        "--rehearse",
        type=options.NAME,
        metavar="REF",
        help="Ring one's own phone with the words of this call; needs --to.",
        shell_complete=completing.references,
    ),
    click.option("--to", "number", metavar="NUMBER", help="The phone that --rehearse rings."),
    name="rehearsed",
    make=_rehearsed,
    parameters=("rehearse", "number"),
)


@click.command("apply", short_help="Show the plan, ask, and place the calls: each at most once.")
@selecting.selection
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Place exactly what this saved plan says.",
)
@click.option("--digest", metavar="sha256:…", help="Place only if the plan has this digest.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only plan: the same as flowops plan.")
@rehearsal_options
@detached_options
@pacing_options
@options.retry
@options.override
@click.option(
    "--events",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write what happens to FILE, or to stdout (-), as a JSON object a line; then the result goes to stderr.",
)
@options.fail_on(tuple(FAIL_ON), besides=", in addition to what always fails")
@options.shown(RESULT)
def command(
    selection: Selection,
    plan_file: Path | None,
    digest: str | None,
    auto_approve: bool,
    dry_run: bool,
    rehearsed: Rehearsed | None,
    detached: Detached | None,
    pacing: Pacing,
    retry: frozenset[Action],
    override: Override | None,
    events: str | None,
    fail_on: frozenset[str],
    shown: Shown,
) -> int:
    """Show the plan, ask, and place the calls of PATH, or of the whole project; each at most once.

    A saved plan (--plan) knows its environment, paths and selection; only the values of --var are given again.

    The sandbox needs no asking: no phone rings. Without a terminal, a real environment needs
    --auto-approve, or a plan that was reviewed: --plan FILE.

    --rehearse R --to NUMBER rings one's own phone with the words of the call R instead. It is posted under a name of
    its own, and is no evidence of R. Every rule of the policy holds for NUMBER but windows and per-callee.
    """
    given = {
        "--plan": plan_file,
        "--digest": digest,
        "--auto-approve": auto_approve,
        "--canary": pacing.canary,
        "--limit": pacing.limit,
        "--detach": detached,
        "--retry": retry,
        "--override": override,
        "--events": events,
    }
    if rehearsed is not None:
        _have_no_meaning("--rehearse", given | {"--auto-approve": None, "--dry-run": dry_run, "--fail-on": fail_on})
        return _rehearse(selection, rehearsed, auto_approve, shown)
    if dry_run:
        _have_no_meaning("--dry-run", given | {"--retry": None, "--override": None})
        return plan(selection, None, shown, detailed=False, fail_on=fail_on, override=override, retry=retry)
    with events_to(events, sys.stdout, echo_status) as hears:
        stream = None
        if events == "-":
            take_stdout()
            stream = sys.stderr
        options_ = ApplyOptions(digest=digest, pacing=pacing, override=override, retry=retry, events=hears)
        return _apply(selection, plan_file, _How(options_, pacing, auto_approve, fail_on, shown, stream, detached))


class _How(NamedTuple):
    """The options of placing a plan and of printing the result."""

    options: ApplyOptions
    pacing: Pacing
    auto_approve: bool
    fail_on: frozenset[str]
    shown: Shown
    stream: TextIO | None
    detached: Detached | None


def _apply(selection: Selection, plan_file: Path | None, how: _How) -> int:
    """Plan, show, ask and place, or hand over; return the exit code."""
    project = Project.of(selection, TERMINAL)
    if plan_file is not None:
        project = project.with_plan(plan_file, environment_is_given=_is_named("environment"))
    else:
        refuse_plans(selection.paths)
    reviewed = plan_file is not None or how.options["digest"] is not None
    seen: list[Planned] = []

    def approve(found: Planned) -> None:
        seen.append(found)
        _show(found, how.shown)
        if not (found.environment.sandboxed or how.auto_approve or reviewed):
            _confirm(found.plan, how.pacing, how.detached)

    options_ = how.options | {"approve": approve}
    with report_problems_as(project.selection, how.shown.format_):
        if how.detached is not None:
            asks = not (how.auto_approve or reviewed)
            handed = project.hand_over(how.detached.name, how.detached.start, asks=asks, **options_)
            return _print_campaign(handed, project.selection.environment, how)
        try:
            result = project.apply(**options_)
        except RunFailed as failed:
            # The result is written also when the run fails half-way.
            _print(failed.result, how.shown, how.stream)
            raise
    return _print_result(seen[0], result, how)


def _have_no_meaning(option: str, given: Mapping[str, object]) -> None:
    """Raise UsageError for the first option that is given and has no meaning together with another one."""
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} has no meaning with {option}")


def _rehearse(selection: Selection, rehearsed: Rehearsed, auto_approve: bool, shown: Shown) -> int:
    """Show what would be said to whom, ask, and place the call; return the exit code."""
    with (
        report_problems_as(selection, shown.format_),
        rehearsal(selection, rehearsed.reference, rehearsed.number, TERMINAL) as found,
    ):
        sandboxed = found.workspace.environment.sandboxed
        view = of_plan(found.plan, full=True, show_pii=shown.show_pii, sandboxed=sandboxed)
        echo_lines(report_lines(plan_report(view)))
        for name, text in spoken_texts(found.call):
            echo_status(f"  {name}: {text}")
        if found.plan.size and not found.plan.guards and not (sandboxed or auto_approve):
            confirm(f"Ring {found.shown} in {selection.environment} with the words of {found.of}?")
        try:
            result = rehearse(found, TERMINAL)
        except RunFailed as failed:
            _print(failed.result, shown)
            raise
    _print(result, shown)
    return exit_code(result, () if result.counts()[Outcome.PLACED] else (ExitCode.FAILED,))


_HOW = "use --auto-approve, or save a plan, have it reviewed, and use --plan FILE"


def _is_named(parameter: str) -> bool:
    """Return whether a parameter was given, on the command line or by its variable."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def _show(found: Planned, shown: Shown) -> None:
    """Show what is about to be placed."""
    echo_notices(found)
    warn_of_sandbox("these calls go to", found.workspace.project, found.environment)
    seen = of_plan(found.plan, full=shown.full, show_pii=shown.show_pii, sandboxed=found.environment.sandboxed)
    echo_lines([*report_lines(plan_report(seen)), line()])


def _confirm(plan: Plan, pacing: Pacing, detached: Detached | None) -> None:
    """Ask for confirmation of what would be placed."""
    counts = plan.counts()
    size = plan.size + (counts[Action.DEFERRED] if detached is not None else 0)
    moves = f"record {count(plan.moves, 'call')} under new names" if plan.moves else ""
    if size:
        most = "" if pacing.limit is None else f", at most {count(pacing.limit, 'phone')},"
        also = f" and {moves}" if moves else ""
        calls = f"{count(size, 'call')}{most}{also}"
        confirm(
            f"{'Place' if detached is None else 'Hand over'} {calls} in {plan.environment}? "
            "A placed call cannot be taken back.",
            hint=_HOW,
        )
    elif moves:
        confirm(f"{moves.capitalize()} in {plan.environment}? Nothing is posted.", hint=_HOW)


def _print_result(found: Planned, result: Result, how: _How) -> int:
    """Print the results of the calls; return the exit code."""
    _print(result, how.shown, how.stream)
    for call in result.calls:
        if call.reference_id in result.changed:
            echo_status(f"{call.reference_id}: {call.error}")
    if found.environment.sandboxed and result.counts()[Outcome.PLACED]:
        echo_status(NEXT)
    return exit_code(result, failures(how.fail_on, words_of_result(found.plan, result)))


def _print_campaign(handed: HandOver, environment: str, how: _How) -> int:
    """Print what was handed over to workers; return the exit code."""
    for guard in handed.guards:
        echo_status(f"nothing was handed over: {guard.reason}")
    if handed.guards:
        return ExitCode.GUARD
    if handed.campaign is None or handed.progress is None:
        echo_status("nothing was handed over: nothing of the plan can be placed")
        return ExitCode.DONE
    view = CampaignsView(environment, [(handed.campaign, handed.progress)])
    print_result(CAMPAIGNS, view, how.shown.format_, how.stream)
    echo_status(
        "what was handed over is called even when a row leaves the files later; to end it: "
        f"flowops campaign cancel {handed.campaign.id} --env {shlex.quote(environment)}"
    )
    return ExitCode.DONE


def _print(result: Result, shown: Shown, stream: TextIO | None = None) -> None:
    print_result(RESULT, ResultView(result, shown.full), shown.format_, stream)
