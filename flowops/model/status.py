"""The results of the calls of an environment, as a report shows them, and what the environment needs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.exit_codes import ExitCode
from flowops.common.tuples import NamedTuple
from flowops.model.call import OUTCOME_CODES
from flowops.model.ledger import STATES, State
from flowops.model.plan import NOBODY_WAITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowops.model.ledger import Checkpoint, Entry, GivenUp
    from flowops.model.plan import Action, Guard, Waiting


class Totals(NamedTuple):
    """Calls by their state, and phones by the API's result code."""

    counts: Mapping[State, int]
    outcomes: Mapping[int, int]

    @property
    def calls(self) -> int:
        """Return how many calls there are."""
        return sum(self.counts.values())

    @property
    def came_to(self) -> dict[str, int]:
        """Return what a report says of them, by the names of `COLUMNS` and in their order."""
        return {column.name: column.count(self) for column in COLUMNS}


class TotalsColumn(NamedTuple):
    """One number that a report says of calls: all formats draw it, and the schema of the JSON has it.

    `about` says what is counted. It is shown even when it is zero if `is_always`.
    """

    name: str
    about: str
    count: Callable[[Totals], int]
    is_always: bool = False


def _of_states(word: str) -> Callable[[Totals], int]:
    """Return what counts the calls whose states a report counts under one word."""
    states = [state for state, facts in STATES.items() if facts.counted_as == word]
    return lambda totals: sum(totals.counts.get(state, 0) for state in states)


def _of_outcome(name: str) -> Callable[[Totals], int]:
    """Return what counts the phones whose call ended in one way."""
    return lambda totals: totals.outcomes.get(OUTCOME_CODES[name], 0)


_COLUMNS = (
    TotalsColumn("placed", "Calls that the API has accepted.", _of_states("placed"), is_always=True),
    TotalsColumn("completed", "Phones whose call was completed (10).", _of_outcome("completed"), is_always=True),
    TotalsColumn("no-answer", "Phones that were not answered (9).", _of_outcome("no-answer"), is_always=True),
    TotalsColumn("failed", "Phones whose call failed (11).", _of_outcome("failed")),
    TotalsColumn("declined", "Phones whose call was declined (12).", _of_outcome("declined")),
    TotalsColumn("refused", "Calls that were refused, and are not placed.", _of_states("refused"), is_always=True),
    TotalsColumn(
        "in-doubt", "Calls of which nobody knows whether they were placed.", _of_states("in-doubt"), is_always=True
    ),
    TotalsColumn("in-flight", "Calls that wait for the API's answer.", _of_states("in-flight")),
    TotalsColumn("cancelled", "Calls that an operator has cancelled.", _of_states("cancelled")),
)
_NAMES = {column.name for column in _COLUMNS}
#: What a report says of calls: a line more above, and it stands in all formats. So does each state that is counted.
COLUMNS = (
    *_COLUMNS,
    *(
        TotalsColumn(word, f"Calls that are {word.replace('-', ' ')}.", _of_states(word))
        for word in dict.fromkeys(facts.counted_as for facts in STATES.values())
        if word is not None and word not in _NAMES
    ),
)


class GroupTotals(NamedTuple):
    """The results of the calls of one label, or of one attempt: `name` is ``campaign=reminders``, or ``2``."""

    name: str
    totals: Totals


class HeldBack(NamedTuple):
    """A reason why `calls`, which would ring so many `phones`, are not placed, though the files name them."""

    action: Action
    reason: str
    calls: int
    phones: int


class DocumentTotals(NamedTuple):
    """The results of the calls of one document: `place` is where it begins, None for calls that no file names."""

    place: str | None
    labels: Mapping[str, str]
    totals: Totals


class Chains(NamedTuple):
    """The calls with attempts that the files name: which wait for an outcome, for the next run, or for their time.

    `due` counts those of which another attempt is due, `later` those that wait until a time, the first until
    `next_due`: ISO 8601 in UTC.
    """

    waiting: Waiting = NOBODY_WAITS
    due: int = 0
    later: int = 0
    next_due: str | None = None


class LedgerStatus(NamedTuple):
    """Totals of one environment; `ledger` is None before there is one.

    `outcomes` counts callees by the API's result code. A call whose run has ended before the answer counts as in doubt.
    `given_up` are calls that were refused too often, as they were sent last; `partly_refused` the references of placed
    calls of which a callee was refused, until somebody has acknowledged it. `guards` are those that keep every run
    from claiming. With `since`, only calls count that were claimed since then; `hours` counts these by the hour of
    their claim, and where the files are valid, `documents`, `labels` and `attempts` by these; `held` are the calls that
    the files name and that are not placed now, None where nobody knows. `hears` says whether somebody hears how calls
    end. `chains` is None where no document has attempts, or the files are not valid.
    """

    environment: str
    ledger: Checkpoint | None
    counts: Mapping[State, int]
    outcomes: Mapping[int, int]
    in_doubt: Sequence[Entry]
    guards: tuple[Guard, ...] = ()
    given_up: Sequence[GivenUp] = ()
    since: str | None = None
    hours: Mapping[str, int] = {}
    hears: bool = True
    documents: Sequence[DocumentTotals] = ()
    labels: Sequence[GroupTotals] = ()
    attempts: Sequence[GroupTotals] = ()
    held: Sequence[HeldBack] | None = None
    chains: Chains | None = None
    partly_refused: Sequence[str] = ()

    @property
    def totals(self) -> Totals:
        """Return the results of all of them."""
        return Totals(self.counts, self.outcomes)

    @property
    def waiting(self) -> int:
        """Return how many calls are in flight, or wait for their outcome where somebody hears of it."""
        return self.counts.get(State.IN_FLIGHT, 0) + (self.counts.get(State.PLACED, 0) if self.hears else 0)


class Status(StrEnum):
    """The result of a check. A warning prevents no call."""

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
