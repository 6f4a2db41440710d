"""``flowops policy``: work on what the policy reads."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.app.policy_run import hash_list
from flowops.cli.group import Group


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
    for line in hash_list(file, key_env, may_be_empty=may_be_empty):
        click.echo(line)
