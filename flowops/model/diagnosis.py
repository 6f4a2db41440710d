"""What an environment needs, looked at one by one before somebody relies on it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from flowops.common.exit_codes import ExitCode


class Status(StrEnum):
    """What became of a check. A warning keeps no call from being placed."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Check(NamedTuple):
    """One thing that was looked at: `message` is what was found, without a secret, `remedy` what helps.

    `code` is what `apply` would end with, where the check has failed.
    """

    name: str
    status: Status
    message: str
    remedy: str | None = None
    code: ExitCode = ExitCode.DONE


class Diagnosis(NamedTuple):
    """All checks of an environment, in the order in which `apply` would meet what they are about."""

    environment: str
    checks: tuple[Check, ...]

    def count(self, status: Status) -> int:
        """Return how many checks came to a status."""
        return sum(check.status is status for check in self.checks)

    @property
    def code(self) -> ExitCode:
        """Return what `apply` would end with: the code of the first check that has failed."""
        return next((check.code for check in self.checks if check.status is Status.FAILED), ExitCode.DONE)
