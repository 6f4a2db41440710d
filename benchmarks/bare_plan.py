"""What `plan` of a small project is held against, its start included. Takes a data set's folder.

It reads the project and its call set, holds them against their schemas, parses the templates (and renders the rows by
f-strings), and then does what `bare_loop.py` does for each row.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import jinja2
from bare_loop import bare as loop
from bare_validate import checked


def bare(root: Path) -> None:
    """Plan the project."""
    environment = jinja2.Environment(autoescape=False)
    for value in (*checked(root / "flowops.yaml"), *checked(root / "calls/reminders.yaml")):
        for text in _texts(value):
            if "{{" in text:
                environment.parse(text)
    loop(root)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    return [value] if isinstance(value, str) else []


if __name__ == "__main__":
    bare(Path(sys.argv[1]))
    click.echo("planned")
