"""``flowops policy``: work on what the policy reads, and block numbers for good."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.app.load import project_of
from flowops.app.number_lists import hash_list, read_numbers
from flowops.cli import options
from flowops.cli.group import Group
from flowops.cli.output import TERMINAL, print_result, warn_of_sandbox
from flowops.common.text import count
from flowops.project import Project
from flowops.report.formats import BLOCKED, DONE
from flowops.report.views.ledger import BlockedView, Done


@click.group("policy", cls=Group, short_help="Manage do-not-call lists and blocked numbers.")
def command() -> None:
    """Manage do-not-call lists, and numbers that are never called again."""


_numbers = click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
_from_file = click.option(
    "--from-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="A number a line; - for stdin.",
)


@command.command("block", short_help="Never call a number again.")
@_numbers
@options.env
@_from_file
@options.reason
@options.formats(DONE)
def block(numbers: tuple[str, ...], environment: str, from_file: str | None, reason: str, format_: str) -> int:
    """Let nobody on this ledger call these numbers ever again, from now on: also not by a plan that was made before, by
    a run that is going on, or by a further attempt. A request to several phones is blocked by one of them.

    Numbers are written with their country code. The ledger keeps keyed hashes of them, who blocked them, and why. What
    the API has accepted already cannot be taken back. `flowops policy unblock` lifts it.
    """
    return _work(numbers, environment, from_file, reason, format_, lift=False)


@command.command("unblock", short_help="Let a number be called again.")
@_numbers
@options.env
@_from_file
@options.reason
@options.formats(DONE)
def unblock(numbers: tuple[str, ...], environment: str, from_file: str | None, reason: str, format_: str) -> int:
    """Let numbers be called again after `flowops policy block`. Nothing is placed by this itself."""
    return _work(numbers, environment, from_file, reason, format_, lift=True)


@command.command("blocked", short_help="List the numbers that are never called again.")
@options.env
@options.formats(BLOCKED)
def blocked(environment: str, format_: str) -> int:
    """List the numbers that are blocked, masked, with who blocked them, when and why; then those that were once."""
    with Project(environment=environment, observer=TERMINAL).ledger() as ledger:
        print_result(BLOCKED, BlockedView(environment, ledger.blocks()), format_)
    return 0


def _work(
    numbers: tuple[str, ...], environment: str, from_file: str | None, reason: str, format_: str, *, lift: bool
) -> int:
    """Block numbers, or lift that, and say of how many it was so already."""
    meant = read_numbers(numbers, from_file)
    warn_of_sandbox("this is about", *project_of(environment))
    with Project(environment=environment, observer=TERMINAL).ledger(readonly=False) as ledger:
        changed = sum((ledger.unblock if lift else ledger.block)(meant, reason))
    done, before = ("unblocked", "not blocked") if lift else ("blocked", "blocked already")
    others = f", {count(len(meant) - changed, 'number')} {_were(len(meant) - changed)} {before}"
    said = f"{environment}: {count(changed, 'number')} {done}{others if changed < len(meant) else ''}"
    facts = {"changed": changed, "unchanged": len(meant) - changed}
    command = "policy unblock" if lift else "policy block"
    print_result(DONE, Done(environment, command, facts, [said]), format_)
    return 0


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


@command.command("hash-numbers", short_help="Make a do-not-call list of keyed hashes.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key-env", required=True, metavar="NAME", help="The environment variable with the key.")
@click.option("--may-be-empty", is_flag=True, help="Take a list that names nobody.")
def hash_numbers(file: Path, key_env: str, may_be_empty: bool) -> None:
    """Print a do-not-call list with a keyed hash in place of each number of FILE, a number a line.

    Its line `# as-of: …` is kept, and made of today's date where there is none. The same key has to be named in
    the policy: do-not-call: {file: …, key: {env: NAME}}; the first line proves that it is the same. Without the key
    nobody knows who is on the list. A list with a line that is not a valid number is refused.
    """
    for line in hash_list(file, key_env, may_be_empty=may_be_empty):
        click.echo(line)
