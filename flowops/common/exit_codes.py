"""The exit codes, and which of several wins."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class ExitCode(IntEnum):
    """The exit code of a command (contract, section 4); a run that a signal ended has 128 and its number."""

    DONE = 0
    FAILED = 1
    SOMETHING_TO_DO = 2
    INVALID = 3
    GUARD = 4
    LEDGER = 5
    API = 6
    IN_DOUBT = 7
    STALE = 8
    CONFLICT = 9
    USAGE = 64


#: Of several codes that a command could end with, the first one here wins.
PRECEDENCE = (
    ExitCode.IN_DOUBT,
    ExitCode.API,
    ExitCode.LEDGER,
    ExitCode.GUARD,
    ExitCode.CONFLICT,
    ExitCode.STALE,
    ExitCode.INVALID,
    ExitCode.FAILED,
    ExitCode.SOMETHING_TO_DO,
)


def worst(codes: Collection[ExitCode]) -> ExitCode:
    """Return the code that wins over all the others, DONE when there is none."""
    return next((code for code in PRECEDENCE if code in codes), ExitCode.DONE)
