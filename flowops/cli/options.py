"""Options that several commands share, each defined once."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from flowops.errors import UsageError
from flowops.report.formats import names as names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from flowops.app.policy_run import Override

paths = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
env = click.option(
    "--env",
    "environment",
    envvar="FLOWOPS_ENV",
    default="sandbox",
    show_default=True,
    show_envvar=True,
    metavar="NAME",
    help="The environment.",
)
var = click.option("--var", "var", multiple=True, metavar="NAME=VALUE", help="Set a variable; may be repeated.")
var_file = click.option(
    "--var-file",
    "var_files",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Read variables from a YAML or JSON file; may be repeated.",
)
full = click.option("--full", is_flag=True, help="Show every call, not only a few of each kind.")
show_pii = click.option("--show-pii", is_flag=True, help="Show phone numbers as they are; text only.")
reason = click.option("--reason", metavar="TEXT", help="Why a limit is lifted; kept in the ledger.")


def detailed_exitcode(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--detailed-exitcode``, with what 2 means."""
    return click.option("--detailed-exitcode", is_flag=True, help=text)


def formats(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--format`` with the formats that exist for a kind of result, the first of them the default."""
    names = names_of(kind)
    return click.option(
        "--format",
        "format_",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How the result is printed.",
    )


def together(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options as one decorator, in the order of the help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


#: What decides which calls there are: the files, the environment and the variables.
selection = together(paths, env, var, var_file)


def check_show_pii(format_: str, *, show_pii: bool) -> None:
    """Phone numbers are shown in text only: what machines read is kept, and travels."""
    if show_pii and format_ != "text":
        raise UsageError(f"--show-pii is for text only, not for {format_}")
    if show_pii and os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        raise UsageError("--show-pii is refused in CI: its logs are kept, and read by many")


def check_override(overrides: Sequence[str], reason: str | None) -> Override | None:
    """What is lifted, and why. Raises UsageError for one without the other."""
    from flowops.app.policy_run import Override

    if bool(overrides) != bool(reason and reason.strip()):
        raise UsageError("--override and --reason go together: what is lifted is on record, with the reason")
    return Override(frozenset(overrides), str(reason).strip()) if overrides else None


def span(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    """A span of time on the command line, such as 90m."""
    from flowops.common.spans import read_span

    try:
        return None if value is None else read_span(value, zero=True)
    except ValueError as error:
        raise click.BadParameter(f"'{value}' {error}") from None


def moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A time with an offset on the command line."""
    from datetime import UTC, datetime

    try:
        found = None if value is None else datetime.fromisoformat(value)
    except ValueError:
        found = None
    if value is not None and (found is None or found.tzinfo is None):
        raise click.BadParameter(f"'{value}' is not a time with an offset, such as 2026-11-24T09:00Z")
    return found.astimezone(UTC) if found else None


def with_log_options(command: click.Command) -> click.Command:
    """Give a command, and every command below it, the options of the log."""
    known = {parameter.name for parameter in command.params}
    command.params += [option for option in LOG_OPTIONS if option.name not in known]
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        with_log_options(each)
    return command


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Take an option of the log, of a command or of a group above it; the log is set up once all are known."""
    asked = context.meta.setdefault("flowops.logs", {})
    if value:
        asked[option.name] = value
    context.meta["flowops.logs.seen"] = seen = context.meta.get("flowops.logs.seen", 0) + 1
    if seen % len(LOG_OPTIONS) == 0:
        from flowops.cli.logs import set_up

        set_up(**asked)


_log_option = partial(click.Option, expose_value=False, callback=_remember)
LOG_OPTIONS = (
    _log_option(("-v", "--verbose"), count=True, help="Log what is done, to stderr; -vv for each request and write."),
    _log_option(("--log-level",), type=click.Choice(("debug", "info", "warning", "error")), help="Log from here on."),
    _log_option(("--log-format",), type=click.Choice(("text", "json")), help="How the log is written."),
    _log_option(("--log-file",), type=click.Path(dir_okay=False), metavar="FILE", help="Append the log to FILE."),
)
