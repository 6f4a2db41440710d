"""The root command, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise
from typing import NoReturn

import click

from flowops.cli.group import LazyGroup
from flowops.cli.options import with_log_options
from flowops.common.called import note_call
from flowops.common.exit_codes import ExitCode
from flowops.common.text import visible
from flowops.errors import FlowopsError, Invalid, UsageError

#: The option that names a variable with the command line.
COMMAND_FROM = "--command-from"

COMMANDS = {
    "init": ("flowops.cli.schema:init", "Write a small working repository."),
    "validate": ("flowops.cli.files:validate", "Check everything that needs no ledger, no network and no secret."),
    "render": ("flowops.cli.files:render", "Print the request bodies, exactly as they would be sent."),
    "test": ("flowops.cli.files:test", "Run the project's tests of its calls."),
    "plan": ("flowops.cli.plan:command", "Show what apply would do, against the ledger."),
    "apply": ("flowops.cli.apply:command", "Show the plan, ask, and place the calls: each at most once."),
    "campaign": ("flowops.cli.campaign:command", "Manage campaigns: plans that workers place."),
    "worker": ("flowops.cli.services:worker", "Place what is due of campaigns, until stopped."),
    "diff": ("flowops.cli.diff:command", "Show what two Git revisions render differently."),
    "show": ("flowops.cli.plan:show", "Print a saved plan or result again."),
    "status": ("flowops.cli.status:status", "Show the ledger at a glance."),
    "stop": ("flowops.cli.status:stop", "Stop placing calls in an environment."),
    "resume": ("flowops.cli.status:resume", "Allow placing calls again."),
    "policy": ("flowops.cli.policy:command", "Manage do-not-call lists and blocked numbers."),
    "ledger": ("flowops.cli.ledger:command", "Manage the ledger."),
    "reconcile": ("flowops.cli.reconcile:command", "Settle calls from Call Detail Records."),
    "listen": ("flowops.cli.services:listen", "Receive the API's callbacks."),
    "sandbox": ("flowops.cli.sandbox:command", "Serve the embedded API for other programs; no phone rings."),
    "doctor": ("flowops.cli.status:doctor", "Check everything that an environment needs; write nothing."),
    "explain": ("flowops.cli.schema:explain", "Say what a field of a document means."),
    "completion": ("flowops.cli.schema:completion", "Print the script by which a shell completes flowops."),
    "schema": ("flowops.cli.schema:command", "Show or build the JSON Schemas."),
    "help": ("flowops.cli.help:show_help", "Show the help of a command."),
    "version": ("flowops.cli.help:version", "Print the version."),
}


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    """Print the version where that is asked for, and end."""
    if asked and not context.resilient_parsing:
        from flowops.cli.help import version_text

        click.echo(version_text())
        context.exit()


@click.group(
    cls=LazyGroup,
    members=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.option(
    "-C",
    "--chdir",
    type=click.Path(exists=True, file_okay=False),
    help="Work in this directory.",
)
@click.option(
    COMMAND_FROM,
    "command_from",
    metavar="NAME",
    help="Take the command and its arguments from this environment variable: a pipeline's input, in which nothing but "
    "words and quotes has a meaning. It is used alone, or after -C.",
)
def root(chdir: str | None, command_from: str | None) -> None:
    """Outbound phone calls as configuration: planned like infrastructure, placed at most once."""
    note_call(sys.argv[0], chdir)
    if command_from is not None:
        raise UsageError(f"{COMMAND_FROM} NAME is used alone, or after -C: the variable holds all the rest")
    if chdir is not None:
        try:
            os.chdir(chdir)
        except OSError as error:
            raise UsageError(f"-C: {visible(chdir)}: {(error.strerror or type(error).__name__).lower()}") from None


with_log_options(root)


def main() -> NoReturn:
    """Run the command line and exit with the contract's code."""
    began = time.monotonic()
    try:
        sys.argv[1:] = _words(sys.argv[1:])
        code = root.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        code = 130
    except click.ClickException as error:
        message = _fit_to_print(error.format_message())
        if isinstance(error, click.UsageError):
            click.UsageError(message, error.ctx).show()
            code = ExitCode.USAGE
        else:
            click.ClickException(message).show()
            code = error.exit_code
        _print_as_json(UsageError(message))
    except Invalid as error:
        from flowops.cli.output import print_problems

        print_problems(error.problems, error.excerpt)
        code = error.exit_code
        _print_as_json(error)
    except FlowopsError as error:
        from flowops.cli.output import print_error

        print_error(error)
        code = error.exit_code
        _print_as_json(error)
    except BrokenPipeError:
        # The reader of our output has gone (`flowops plan | head`); nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    code = code if isinstance(code, int) else 0
    if "flowops.cli.logs" in sys.modules:  # not for --help, which is to be there at once
        from logging import getLogger

        ended = {"code": code, "seconds": time.monotonic() - began}
        getLogger(__name__).info("ended with %(code)d after %(seconds).3f s", ended)
    sys.exit(code)


def _words(arguments: list[str]) -> list[str]:
    """Return the words of the command line; those of a variable where that is asked for, in a directory or not."""
    *before, option, name = arguments if len(arguments) > 1 else ("", "")
    if option != COMMAND_FROM or (before and (len(before) != 2 or before[0] not in ("-C", "--chdir"))):
        return arguments
    import shlex

    text = os.environ.get(name)
    if text is None:
        raise UsageError(f"{COMMAND_FROM}: the variable {visible(name)} is not set")
    try:
        return [*before, *shlex.split(text)]
    except ValueError:
        raise UsageError(f"{COMMAND_FROM}: in {name} a quote is not closed") from None


def _fit_to_print(message: str) -> str:
    """Return what click says: it repeats what was given, which a pipeline may have from anybody.

    That may be a number in the place of something else, also without its +.
    """
    from flowops.common.masking import mask_any_number
    from flowops.report.escape import log_line, safe

    return "\n".join(log_line(safe(line.expandtabs(2))) for line in mask_any_number(message).split("\n"))


def _print_as_json(error: FlowopsError) -> None:
    """Print a failure to stdout, where the command was asked for JSON: by then nobody knows its options any more."""
    words = [part for each in sys.argv for part in (each.split("=", 1) if each.startswith("--format=") else [each])]
    asked = [value for name, value in pairwise(words) if name == "--format"]
    if asked[-1:] == ["json"]:
        from flowops.cli.output import print_diagnostics

        print_diagnostics(error)
