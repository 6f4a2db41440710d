"""Options that several commands share, each defined once."""

from __future__ import annotations

import os
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from flowops.cli import completing
from flowops.common.text import visible
from flowops.common.tuples import NamedTuple
from flowops.errors import UsageError
from flowops.report.formats import REPORTED, exists, is_format
from flowops.report.formats import names as names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from flowops.model.plan import Action, Override

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Name(click.ParamType[str]):
    """A name, or a pattern of names: in the form in which names are compared, and nothing in it that nobody sees."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. Raise BadParameter for what is none."""
        from flowops.common.names import same_name, why_unusable

        why = why_unusable(value)
        if why is not None:
            self.fail(f"'{visible(value)}' {why}", param, ctx)
        return same_name(value)


#: For references, globs and environments on the command line.
NAME = _Name()

paths = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
env = click.option(
    "--env",
    "environment",
    envvar="FLOWOPS_ENV",
    default="sandbox",
    show_default=True,
    show_envvar=True,
    type=NAME,
    metavar="NAME",
    help="The environment.",
    shell_complete=completing.environments,
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


def detailed_exitcode(text: str) -> Decorator:
    """Return ``--detailed-exitcode``, with what 2 means."""
    return click.option("--detailed-exitcode", is_flag=True, help=text)


def fail_on(words: Sequence[str], *, besides: str = "") -> Decorator:
    """Return ``--fail-on``, with the words that a command knows."""

    def read(_context: click.Context, _option: click.Parameter, value: str | None) -> frozenset[str]:
        from flowops.app.load import read_words

        return frozenset() if value is None else read_words(value, words)

    text = f"Fail where there is one of these, in a comma list{besides}: {', '.join(words)}."
    return click.option("--fail-on", callback=read, metavar="WORDS", help=text)


class _Format(click.Choice[str]):
    """One of the formats that exist for a kind of result. Only the one that is asked for is imported, but for help."""

    def __init__(self, kind: str, default: str) -> None:
        self._kind = kind
        self._default = default
        self.case_sensitive = True

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the names of all."""
        return names_of(self._kind)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of a format. Raise BadParameter for any other text."""
        if value == self._default or exists(self._kind, value):
            return str(value)
        if ctx is not None and param is not None and is_format(value):
            # The variable is one for all commands, and not every format is for each of them.
            source = ctx.get_parameter_source(str(param.name))
            if source is click.core.ParameterSource.ENVIRONMENT:
                return self._default
        return super().convert(value, param, ctx)


class _Report(click.ParamType[tuple[str, str]]):
    """A format and the file that it is written to: ``html=plan.html``."""

    name = "report"

    def __init__(self, kind: str) -> None:
        self._format = _Format(kind, "")

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return both. Raise BadParameter where one is missing, or the format does not exist."""
        if isinstance(value, tuple):
            return value
        format_, _, file = value.partition("=")
        if not file:
            self.fail(f"'{visible(value)}' is not FORMAT=FILE, such as html=plan.html", param, ctx)
        return self._format.convert(format_, param, ctx), file


def formats(kind: str, default: str = "text") -> Decorator:
    """Return ``--format`` with the formats that exist for a kind of result, and ``--report`` where it is for others."""
    printed = click.option(
        "--format",
        "format_",
        type=_Format(kind, default),
        default=default,
        show_default=True,
        envvar="FLOWOPS_FORMAT",
        help="Output format.",
    )
    if kind not in REPORTED:
        return printed
    written = click.option(
        "--report",
        multiple=True,
        type=_Report(kind),
        metavar="FORMAT=FILE",
        expose_value=False,
        callback=_keep_reports,
        help="Write the result to a file, too, such as html=plan.html; may be repeated.",
    )
    return lambda function: printed(written(function))


def _keep_reports(_context: click.Context, _option: click.Parameter, value: tuple[tuple[str, str], ...]) -> None:
    from flowops.cli.output import write_reports_to

    write_reports_to(value)


def together(*options: Decorator, name: str, make: Callable[..., Any], parameters: Sequence[str]) -> Decorator:
    """Return several options as one decorator, in the order of the help; the command takes what `make` makes of them.

    `name` is the command's parameter, `parameters` are those of the options, in the order in which `make` takes them.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**given: Any) -> Any:
            value = make(*(given.pop(parameter) for parameter in parameters))
            return function(**given, **{name: value})

        decorated: Callable[..., Any] = command
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Return the reason. Raises UsageError for one that says nothing."""
    if not value.strip():
        raise UsageError("--reason is empty: what is done is on record, with the reason")
    return value


reason = click.option(
    "--reason", required=True, callback=_reason, metavar="TEXT", help="Why; kept in the ledger permanently."
)
auto_approve = click.option("--yes", "--auto-approve", "approved", is_flag=True, help="Do not ask.")


class Shown(NamedTuple):
    """The options of printing a plan."""

    format_: str
    full: bool
    show_pii: bool


def _shown(format_: str, full: bool, show_pii: bool) -> Shown:
    """Show phone numbers in text only: what machines read is kept, and travels."""
    if show_pii and format_ != "text":
        raise UsageError(f"--show-pii is for text only, not for {format_}")
    if show_pii and os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        raise UsageError("--show-pii is refused in CI: its logs are kept, and read by many")
    return Shown(format_, full, show_pii)


def shown(kind: str, *between: Decorator) -> Decorator:
    """Return ``--full``, ``--format`` and ``--show-pii``, with other options `between` the first two."""
    return together(
        full,
        *between,
        formats(kind),
        click.option("--show-pii", is_flag=True, help="Show phone numbers as they are; text only."),
        name="shown",
        make=_shown,
        parameters=("format_", "full", "show_pii"),
    )


def span(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    """Read a span of time, such as 90m."""
    from flowops.common.times import read_span

    try:
        return None if value is None else read_span(value, zero=True)
    except ValueError as error:
        raise click.BadParameter(f"'{value}' {error}") from None


#: How many calls go first; see `flowops.model.plan.Pacing`.
CANARY = (
    click.option(
        "--canary",
        type=click.IntRange(min=1),
        metavar="N",
        help="Place N phones first, and the others if those went well.",
    ),
    click.option(
        "--canary-failures",
        type=click.FloatRange(0, 100),
        default=0.0,
        show_default=True,
        metavar="PERCENT",
        help="How many of the first calls may fail.",
    ),
    click.option(
        "--canary-wait",
        callback=span,
        default="10m",
        show_default=True,
        metavar="TIME",
        help="How long to wait for their outcomes; a call without one has failed.",
    ),
)


def _override(overrides: Sequence[str], reason: str | None) -> Override | None:
    """Say what is lifted, and why. Raise UsageError for one without the other."""
    from flowops.model.plan import Override

    if bool(overrides) != bool(reason and reason.strip()):
        raise UsageError("--override and --reason go together: what is lifted is on record, with the reason")
    return Override(frozenset(overrides), str(reason).strip()) if overrides else None


class _Liftable(click.Choice[str]):
    """One of what an operator may lift for a run. All that is a policy is imported where one is given, and for help."""

    def __init__(self) -> None:
        self.case_sensitive = True

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the keys of the rules and guards."""
        from flowops.plan.decide import NAME
        from flowops.policy.config import LIFTABLE

        return (*LIFTABLE, NAME)


#: What is lifted, and why; see `Override`.
override = together(
    click.option(
        "--override",
        "overrides",
        multiple=True,
        type=_Liftable(),
        help="Lift a limit of the policy for this run; needs --reason.",
    ),
    click.option("--reason", metavar="TEXT", help="Why a limit is lifted; kept in the ledger."),
    name="override",
    make=_override,
    parameters=("overrides", "reason"),
)


def _retry(_context: click.Context, _option: click.Parameter, value: str | None) -> frozenset[Action]:
    """Return the actions that are placed all the same."""
    from flowops.model.plan import Action

    return frozenset() if value is None else frozenset({Action(value)})


retry = click.option(
    "--retry",
    type=click.Choice(("given-up",)),
    callback=_retry,
    help="Also place calls that are given up, refused too often; with --ref.",
)


def since(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """Read since when: ``today``, a span of time back from now, a date of this machine's time zone, or a time."""
    from datetime import UTC, datetime

    from flowops.common.times import read_span

    if value is None:
        return None
    now = datetime.now(UTC)
    if value == "today":
        return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return now - read_span(value)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"'{value}' is not today, a span such as 24h, or a date such as 2026-11-24") from None
    return found.astimezone()


def moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """Read a time with an offset."""
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
    """Remember an option of the log, of a command or of a group above it; the log is set up once all are known."""
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
