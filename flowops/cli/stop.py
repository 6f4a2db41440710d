"""``flowops stop`` and ``flowops resume``: the red button of an environment."""

from __future__ import annotations

import shlex

import click

from flowops.app.load import project_of
from flowops.cli import options
from flowops.cli.output import print_result, warn_of_sandbox
from flowops.project import Project
from flowops.report.formats import DONE
from flowops.report.views.ledger import Done


@click.command("stop", short_help="Stop placing calls in an environment.")
@options.env
@click.option("--reason", required=True, help="Why; every run that is stopped reports it.")
@options.formats(DONE)
def stop(environment: str, reason: str, format_: str) -> int:
    """Stop every run of the environment, on whatever machine, before its next claim; what is in flight is recorded.

    It stays stopped until `flowops resume`.
    """

    warn_of_sandbox("this stops", *project_of(environment))
    changed, why = Project(environment=environment).stop(reason)
    said = f"{environment} was stopped already: {why}"
    if changed:
        again = f"flowops resume --env {shlex.quote(environment)}"
        said = f"{environment} is stopped: no run claims another call until `{again}`"
    print_result(DONE, Done(environment, "stop", {"changed": changed, "reason": why}, [said]), format_)
    return 0


@click.command("resume", short_help="Allow placing calls again.")
@options.env
@options.formats(DONE)
def resume(environment: str, format_: str) -> int:
    """Allow runs of the environment to claim calls again after `flowops stop`. Nothing is placed by this itself."""

    warn_of_sandbox("this resumes", *project_of(environment))
    changed = Project(environment=environment).resume()
    said = f"{environment} is resumed" if changed else f"{environment} was not stopped"
    print_result(DONE, Done(environment, "resume", {"changed": changed}, [said]), format_)
    return 0
