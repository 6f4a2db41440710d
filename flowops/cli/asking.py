"""Asking a person, where there is one."""

from __future__ import annotations

import sys

import click

from flowops.errors import FlowopsError, UsageError

#: The only answer that counts as a yes.
YES = "yes"


def agree(question: str, hint: str = "use --auto-approve") -> None:
    """Let a person agree. Raises UsageError where there is no person, FlowopsError when they do not."""
    if not sys.stdin.isatty():
        raise UsageError(f"this has to be agreed to, and there is no terminal to ask: {question}", hint=hint)
    click.echo(f"\n{question}", err=True)
    if click.prompt(f"Only '{YES}' is taken for a yes", default="", show_default=False, err=True) != YES:
        raise FlowopsError("not agreed to; nothing was done")
