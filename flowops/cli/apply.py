"""``flowops apply``: the plan, shown and agreed to, placed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.cli import options
from flowops.cli.output import print_result, problems_instead, tell, tell_lines
from flowops.errors import StalePlan, UsageError
from flowops.report.formats import RESULT

if TYPE_CHECKING:
    from datetime import timedelta

    from flowops.cli.planning import Planned, Selection
    from flowops.cli.rounds import Pacing
    from flowops.cli.ruling import Override
    from flowops.model import Plan, Result
    from flowops.plan import SavedPlan, Shard

#: Said after calls were placed where no phone rings.
NEXT = (
    "Next: apply again, and nothing is placed twice; change a call, and plan tells. "
    "`flowops status` shows the ledger, README.md the way to a pipeline."
)
#: How many things that moved since a plan was saved are listed.
MOVED = 20
#: A revision that Git can be asked for: what was not committed has a suffix.
COMMIT = re.compile(r"[0-9a-f]{40,64}")


@click.command("apply", short_help="Show the plan, ask, and place the calls: each at most once.")
@options.selection
@options.shard
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
@click.option("--wait", callback=options.span, metavar="TIME", help="Wait so long for windows to open, such as 12h.")
@click.option(
    "--canary", type=click.IntRange(min=1), metavar="N", help="Place N calls first, and the others if those went well."
)
@click.option(
    "--canary-failures",
    type=click.FloatRange(0, 100),
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="How many of the first calls may fail.",
)
@click.option(
    "--canary-wait",
    callback=options.span,
    default="10m",
    show_default=True,
    metavar="TIME",
    help="How long to wait for their outcomes; a call without one has failed.",
)
@options.override
@options.reason
@options.full
@options.formats(RESULT)
@options.show_pii
def command(
    paths: tuple[str, ...],
    environment: str,
    var: tuple[str, ...],
    var_files: tuple[str, ...],
    shard: Shard | None,
    plan_file: Path | None,
    digest: str | None,
    auto_approve: bool,
    dry_run: bool,
    wait: timedelta | None,
    canary: int | None,
    canary_failures: float,
    canary_wait: timedelta,
    overrides: tuple[str, ...],
    reason: str | None,
    full: bool,
    format_: str,
    show_pii: bool,
) -> int:
    """Show the plan, ask, and place the calls of PATH, or of the whole project; each at most once.

    The sandbox needs no asking: no phone rings. Without a terminal, a real environment needs
    --auto-approve, or a plan that was reviewed: --plan FILE.
    """
    from flowops.cli.planning import Selection
    from flowops.cli.rounds import Pacing

    options.check_show_pii(format_, show_pii=show_pii)
    selection = Selection(paths, environment, var, var_files, shard)
    override = options.check_override(overrides, reason)
    if dry_run:
        from flowops.cli.plan import run as plan

        for name, given in (
            ("--plan", plan_file),
            ("--digest", digest),
            ("--auto-approve", auto_approve),
            ("--wait", wait),
            ("--canary", canary),
        ):
            if given:
                raise UsageError(f"{name} has no meaning with --dry-run")
        return plan(selection, None, full=full, detailed=False, format_=format_, show_pii=show_pii, override=override)
    return _apply(
        selection,
        plan_file,
        digest,
        Pacing(wait, canary, canary_failures / 100, canary_wait),
        override,
        auto_approve=auto_approve,
        full=full,
        format_=format_,
        show_pii=show_pii,
    )


def _apply(
    selection: Selection,
    plan_file: Path | None,
    digest: str | None,
    pacing: Pacing,
    override: Override | None,
    *,
    auto_approve: bool,
    full: bool,
    format_: str,
    show_pii: bool,
) -> int:
    from flowops.apply import RunFailed
    from flowops.cli.asking import agree
    from flowops.cli.placing import place
    from flowops.cli.planning import planned, tell_sandbox, tell_unseen
    from flowops.model import Action, Outcome
    from flowops.report.layout import plan_report
    from flowops.report.text import report_lines
    from flowops.report.views import of_plan

    saved = _load(plan_file) if plan_file else None
    instead = problems_instead(selection.environment, format_)
    with instead, planned(selection, readonly=False, override=override) as found:
        _check_canary(found, pacing)
        plan, sandboxed = found.plan, found.environment.sandboxed
        tell_sandbox(found.environment)
        tell_unseen(found.unseen)
        tell_lines(report_lines(plan_report(of_plan(plan, full=full, show_pii=show_pii, sandboxed=sandboxed))))
        if saved is not None:
            _hold(saved, found)
        if digest is not None and digest != plan.digest:
            raise StalePlan(f"the plan's digest is {plan.digest}, not {digest}", hint="review the plan again")
        agreed = sandboxed or auto_approve or saved is not None or digest is not None
        count = plan.size + (plan.counts()[Action.DEFERRED] if pacing.wait else 0)
        if count and not plan.counts()[Action.CONFLICT] and not agreed:
            calls = "1 call" if count == 1 else f"{count:,} calls"
            agree(
                f"Place {calls} in {plan.environment}? A placed call cannot be taken back.",
                hint="use --auto-approve, or save a plan, have it reviewed, and use --plan FILE",
            )
        try:
            result, code = place(found, pacing)
        except RunFailed as failed:
            # The result is written also when the run fails half-way.
            _print(failed.result, plan, format_=format_, full=full)
            raise
    _print(result, plan, format_=format_, full=full)
    if sandboxed and result.counts()[Outcome.PLACED]:
        tell(NEXT)
    return code


def _check_canary(found: Planned, pacing: Pacing) -> None:
    """A canary is only worth something where its outcomes are heard of."""
    environment = found.environment
    if pacing.canary is not None and environment.callbacks is None and not environment.sandboxed:
        raise UsageError(
            f"--canary waits for the outcomes of calls, and environment '{environment.name}' has no callbacks",
            hint="say where they arrive: callbacks: {url: https://…, secret: {env: NAME}}, and run flowops listen",
        )


def _load(file: Path) -> SavedPlan:
    from flowops.plan import load

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    return load(data, str(file))


def _hold(saved: SavedPlan, found: Planned) -> None:
    """Hold the saved plan against the one that was made now. Raises StalePlan, which says what moved."""
    from flowops.plan import compare

    moved = compare(saved, found.plan, ledger_contains_mark=saved.ledger is None or found.ledger.since(saved.ledger))
    if moved:
        more = [f"… and {len(moved) - MOVED:,} more"] if len(moved) > MOVED else []
        raise StalePlan(
            "the saved plan no longer fits",
            details=[*moved[:MOVED], *more],
            hint=f"{_where_to_look(saved, found.plan)}plan again, and have it reviewed",
        )


def _where_to_look(saved: SavedPlan, fresh: Plan) -> str:
    """How to see what the files say differently: a saved plan has no bodies, but Git may have its commit."""
    before = {reference: call.fingerprint for reference, call in saved.calls.items()}
    after = {planned.call.reference_id: planned.fingerprint for planned in fresh.calls}
    if before == after or saved.revision is None or COMMIT.fullmatch(saved.revision) is None:
        return ""
    return f"see what the files say: flowops diff {saved.revision} --env {shlex.quote(fresh.environment)}; then "


def _print(result: Result, plan: Plan, *, format_: str, full: bool) -> None:
    from flowops.model import Action
    from flowops.report.views import ResultView

    print_result(RESULT, ResultView(result, plan.counts()[Action.CONFLICT], full), format_)
