"""What GitHub Actions gives a step: a summary, outputs, and annotations in its log."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.report.notes import Note


def report(markdown: str, totals: Mapping[str, int | str], notes: Iterable[Note] = ()) -> None:
    """Annotate, append to the step's summary, and set its outputs; outside of GitHub only annotate."""
    from flowops.report.github import annotation_lines, outputs

    sys.stdout.writelines(annotation_lines(notes))
    _append("GITHUB_STEP_SUMMARY", markdown)
    _append("GITHUB_OUTPUT", outputs(totals))


@contextmanager
def disarmed() -> Iterator[None]:
    """In the block nothing that is printed is obeyed as a workflow command, whatever the files say."""
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        sys.stdout.write(f"::{token}::\n")


def _append(variable: str, text: str) -> None:
    """Append to a file that GitHub names."""
    file = os.environ.get(variable)
    if not file or not text:
        return
    try:
        with open(file, "a", encoding="utf-8") as stream:  # noqa: PTH123 (the name is the runner's)
            stream.write(text)
    except OSError as error:
        raise FlowopsError(f"{variable}: {file} cannot be written: {error.strerror}") from None
