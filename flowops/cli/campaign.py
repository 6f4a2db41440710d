"""``flowops campaign``: look at campaigns, pause them, resume them, end them, and wait for them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from flowops.app import campaigns
from flowops.app.plan import planned
from flowops.cli import options
from flowops.cli.group import Group
from flowops.cli.output import TERMINAL, confirm, echo_status, print_result
from flowops.common.text import count
from flowops.model.campaign import CampaignState
from flowops.model.selection import Selection
from flowops.project import Project
from flowops.report.formats import CAMPAIGNS
from flowops.report.views.ledger import CampaignsView

if TYPE_CHECKING:
    from datetime import timedelta

    from flowops.ledger.store import Store
    from flowops.model.campaign import Campaign, CampaignProgress

campaign_argument = click.argument("campaign", type=options.NAME, metavar="ID")


@click.group("campaign", cls=Group, short_help="Manage campaigns: plans that workers place.")
def command() -> None:
    """Manage campaigns: plans that `flowops apply --detach` has handed over, and that `flowops worker` places.

    ID is the id of a campaign, or its name: then the newest one of that name is meant.
    """


@command.command("list", short_help="List campaigns, the newest first.")
@options.env
@options.formats(CAMPAIGNS)
def list_(environment: str, format_: str) -> None:
    """List campaigns, the newest first: the state of each, and what became of its calls."""
    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        _print(environment, [(each, _progress(ledger, each)) for each in ledger.campaigns.all()], format_)


@command.command("show", short_help="Show one campaign.")
@campaign_argument
@options.env
@options.formats(CAMPAIGNS)
def show(campaign: str, environment: str, format_: str) -> None:
    """Show the state of a campaign, and what became of its calls; `flowops ledger list` has each of them."""
    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        found = campaigns.find(ledger, campaign)
        _print(environment, [(found, _progress(ledger, found))], format_)


@command.command("pause", short_help="Let no call of a campaign be claimed.")
@campaign_argument
@options.env
@click.option("--reason", metavar="TEXT", default="by an operator", show_default=True, help="Why; kept with it.")
@options.formats(CAMPAIGNS)
def pause(campaign: str, environment: str, reason: str, format_: str) -> None:
    """Let no call of a campaign be claimed until it is resumed; what is in flight is finished."""
    _set(campaign, environment, CampaignState.PAUSED, reason, format_)


@command.command("resume", short_help="Resume a campaign.")
@campaign_argument
@options.env
@options.formats(CAMPAIGNS)
def resume(campaign: str, environment: str, format_: str) -> None:
    """Resume a campaign that was paused. One that its canary has paused is placed as a whole then."""
    _set(campaign, environment, CampaignState.RUNNING, None, format_)


@command.command("cancel", short_help="End a campaign for good.")
@campaign_argument
@options.env
@options.auto_approve
@options.formats(CAMPAIGNS)
def cancel(campaign: str, environment: str, approved: bool, format_: str) -> None:
    """End a campaign for good: nothing more of it is placed, and what was placed stays.

    Its calls are those of the files again: what these still name, the next `flowops apply` places.
    """
    project = Project(environment=environment, observer=TERMINAL)
    with project.ledger(readonly=False) as ledger:
        found = campaigns.find(ledger, campaign)
        if not (project.settings.sandboxed or approved or found.state.is_over):
            confirm(f"Cancel campaign {found.name} in {environment}? It cannot be resumed.")
        waiting = frozenset(ledger.campaigns.references(found.id))
        campaigns.set_state(ledger, found, CampaignState.CANCELLED)
        _show(ledger, environment, found.id, format_)
    _tell_what_is_left(environment, waiting)


@command.command("wait", short_help="Wait until a campaign is over.")
@campaign_argument
@options.env
@click.option("--timeout", callback=options.span, metavar="TIME", help="Wait no longer, such as 2h.")
@options.formats(CAMPAIGNS)
def wait(campaign: str, environment: str, timeout: timedelta | None, format_: str) -> int:
    """Wait until a campaign is over, or paused; end with the code that `flowops apply` would have ended with.

    A campaign that is paused is exit 4; one that is cancelled, or still runs when the time is over, is exit 1.
    """
    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        found = campaigns.wait(ledger, campaigns.find(ledger, campaign), timeout)
        progress = _progress(ledger, found)
    _print(environment, [(found, progress)], format_)
    return campaigns.exit_code(found, progress)


def _set(campaign: str, environment: str, state: CampaignState, why: str | None, format_: str) -> None:
    with Project(environment=environment, observer=TERMINAL).ledger(readonly=False) as ledger:
        found = campaigns.find(ledger, campaign)
        campaigns.set_state(ledger, found, state, why)
        _show(ledger, environment, found.id, format_)


def _show(ledger: Store, environment: str, campaign: str, format_: str) -> None:
    found = campaigns.find(ledger, campaign)
    _print(environment, [(found, _progress(ledger, found))], format_)


def _print(environment: str, found: list[tuple[Campaign, CampaignProgress]], format_: str) -> None:
    print_result(CAMPAIGNS, CampaignsView(environment, found), format_)


def _progress(ledger: Store, campaign: Campaign) -> CampaignProgress:
    return campaign.totals or ledger.campaigns.progress(campaign.id)


def _tell_what_is_left(environment: str, references: frozenset[str]) -> None:
    """Say which calls of a campaign that was cancelled the files would still place."""
    with planned(Selection((), environment), readonly=True) as found:
        left = sum(call.root in references for call in found.plan.references(*campaigns.HANDED_OVER))
    if left:
        are = "is" if left == 1 else "are"
        echo_status(
            f"{count(left, 'call')} of it {are} still in the files, and {are} placed by: "
            f"flowops apply --env {shlex.quote(environment)}"
        )
