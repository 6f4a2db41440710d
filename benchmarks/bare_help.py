"""What `flowops --help` is held against: a group of as many commands, of click alone, that prints its help."""

from __future__ import annotations

import click

#: As many as flowops has.
COMMANDS = 22


def group() -> click.Group:
    """A group whose commands have a name and a line of help."""
    return click.Group(
        "flowops",
        commands={f"command-{at}": click.Command(f"command-{at}", help="Do something.") for at in range(COMMANDS)},
    )


if __name__ == "__main__":
    group().main(["--help"])
