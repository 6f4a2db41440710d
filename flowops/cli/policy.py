"""``flowops policy``: work on what the policy reads."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.cli.group import Group
from flowops.errors import FlowopsError, Invalid


@click.group("policy", cls=Group, short_help="Work on the policy's lists.")
def command() -> None:
    """Work on what the policy reads."""


@command.command("hash-numbers", short_help="Make a do-not-call list of keyed hashes.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key-env", required=True, metavar="NAME", help="The environment variable with the key.")
@click.option("--may-be-empty", is_flag=True, help="Take a list that names nobody.")
def hash_numbers(file: Path, key_env: str, may_be_empty: bool) -> None:
    """Print a do-not-call list with a keyed hash in place of each number of FILE, a number a line.

    Its line `# as-of: …` is kept, and made of today's date where there is none. The same key has to be named in
    the policy: do-not-call: {file: …, key: {env: NAME}}; the first line proves that it is the same. Without the key
    nobody can tell who is on the list. A list with a line that is no valid number is refused.
    """
    from flowops.app.policy_run import LONGEST_LINE, clock
    from flowops.common.secrets import read_variable
    from flowops.model.document import Place, Problem
    from flowops.policy.lists import hash_lines

    key = read_variable(key_env, "--key-env", FlowopsError).encode()
    try:
        with file.open("rb") as opened:
            lines = iter(lambda: opened.readline(LONGEST_LINE), b"")
            hashed = list(hash_lines(lines, key, clock(), may_be_empty=may_be_empty))
    except OSError as error:
        raise FlowopsError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Invalid([Problem(Place(str(file)), message=str(error), code="policy")]) from None
    for line in hashed:
        click.echo(line)
