"""Options that several commands share, each defined once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


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


def detailed_exitcode(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--detailed-exitcode``, with what 2 means."""
    return click.option("--detailed-exitcode", is_flag=True, help=text)


def formats(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--format`` with these choices, the first of them the default."""
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
