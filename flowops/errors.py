"""Everything that ends a command early, one class an exit code.

::

    FlowopsError                1   a failure with no code of its own
    ├── Invalid                 3   documents, templates, rows or bodies are wrong (carries every problem)
    ├── NotAllowed              3   documents name something that the operator has not allowed them to use
    ├── LedgerError             5   the ledger cannot be opened, read, written, locked or trusted
    ├── ApiError                6   the API could not be used at all (no token, a bad address, nothing listening)
    ├── StalePlan               8   the saved plan no longer fits
    └── UsageError             64   wrong usage

What happens to one call is never an exception: it is a value (`flowops.model.result.Verdict`), collected with
all the others, and the run's exit code follows from all of them: `worst`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowops.model.document import Place, Problem


class FlowopsError(Exception):
    """A failure with a message for the user, details of it, and a hint: what they can do about it."""

    exit_code = ExitCode.FAILED
    #: The stable name of the kind of failure, for machines.
    code = "failed"

    def __init__(self, message: str, *, details: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.hint = hint


class Invalid(FlowopsError):
    """Raised where files or input are wrong; every problem that was found, in no particular order.

    `excerpt` gives the source line of a place, for whoever prints the problems.
    """

    exit_code = ExitCode.INVALID

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
        self.problems = tuple(problems)
        self.excerpt: Callable[[Place], str | None] = lambda _place: None


class NotAllowed(FlowopsError):
    """A repository asks for a variable, a file or a host that the operator has not allowed it to use."""

    exit_code = ExitCode.INVALID
    code = "not-allowed"


class LedgerError(FlowopsError):
    """The ledger cannot be opened, read, written, locked or trusted."""

    exit_code = ExitCode.LEDGER
    code = "ledger"


class ApiError(FlowopsError):
    """The API cannot be used at all: no token, an address that is refused, nobody listening."""

    exit_code = ExitCode.API
    code = "api"


class StalePlan(FlowopsError):
    """The saved plan no longer fits the files, the environment or the ledger."""

    exit_code = ExitCode.STALE
    code = "stale-plan"


class UsageError(FlowopsError):
    """The command line asks for something that makes no sense."""

    exit_code = ExitCode.USAGE
    code = "usage"
