"""Which calls of a ledger are attempts of one: that which was claimed with attempts, and those that followed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.ledger.transaction import CHUNK, attempts_of
from flowops.model.call import COMPLETED, OUTCOME_CODES, attempt_reference, further_references, split_reference
from flowops.model.ledger import State, Tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection
    from flowops.model.call import Attempts

#: The details of a claim of a call that may be tried more than once, as a pattern.
WITH_ATTEMPTS = '%"max_attempts":%'
#: It outweighs every other code, whichever came first.
COMPLETED_CODE = OUTCOME_CODES[COMPLETED]


class Chain(NamedTuple):
    """The attempts of a call that was claimed with attempts, from the first on, as far as there are any.

    `root` is the call's own name, `most` how often it may be tried. Each row has a state.
    """

    root: str
    most: int
    rows: tuple[CallRow, ...]

    @property
    def next(self) -> str | None:
        """Return the name of the attempt that may yet follow, None where none does."""
        codes = {code for row in self.rows for leg in row.legs for code in (leg.code, leg.later)}
        if len(self.rows) >= self.most or COMPLETED_CODE in codes:
            return None
        return attempt_reference(self.root, len(self.rows) + 1)

    @property
    def is_open(self) -> bool:
        """Return whether the call has been placed, and another attempt may yet follow."""
        state = self.rows[-1].state
        return state is not None and state.is_placed and self.next is not None


def claimed_attempts(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, int]:
    """Return how often these calls may be tried, of those that were claimed to be tried more than once."""
    return {name: kept.most for name, kept in claimed_with(connection, ledger, references).items()}


def claimed_with(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, Attempts]:
    """Return the attempts that these calls were claimed with, of those that may be tried more than once."""
    found: dict[str, Attempts] = {}
    for start in range(0, len(references), CHUNK):
        some = list(references[start : start + CHUNK])
        for reference, claim in connection.all("claims_with", ledger=ledger, references=some, marked=WITH_ATTEMPTS):
            found[reference] = attempts_of(claim, connection.name)
    return found


def chains_among(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return of those references that are attempts of a call the call's own name, and how often it may be tried."""
    roots = roots_among(connection, ledger, references)
    named = {reference: roots.get(reference, reference) for reference in references}
    most = claimed_attempts(connection, ledger, list(dict.fromkeys(named.values())))
    return {reference: (root, most[root]) for reference, root in named.items() if root in most}


def roots_among(connection: Connection, ledger: int, references: Iterable[str]) -> dict[str, str]:
    """Return the calls' own names of those references that are further attempts of a call, by those."""
    named = {reference: split_reference(reference) for reference in references if "~" in reference}
    further = {reference: (root, attempt) for reference, (root, attempt) in named.items() if attempt > 1}
    if not further:
        return {}
    most = claimed_attempts(connection, ledger, list(dict.fromkeys(root for root, _ in further.values())))
    return {reference: root for reference, (root, attempt) in further.items() if most.get(root, 1) >= attempt}


def chains_of(
    connection: Connection,
    ledger: int,
    references: Sequence[str],
    current: Callable[[Sequence[str]], Mapping[str, CallRow]],
) -> dict[str, Chain]:
    """Return the chains of these calls, by the names that are given: of those that were claimed with attempts.

    One that became another call has the chain of that; `current` gives the rows that stand for references.
    """
    rows = current(references)
    roots = {name: row.reference_id for name, row in rows.items() if row.state not in (None, State.RENAMED)}
    most = claimed_attempts(connection, ledger, list(dict.fromkeys(roots.values())))
    further = current([name for root, times in most.items() for name in further_references(root, times)])
    return {
        name: Chain(root, most[root], (rows[name], *_in_order(further, further_references(root, most[root]))))
        for name, root in roots.items()
        if root in most
    }


def _in_order(rows: Mapping[str, CallRow], names: Iterable[str]) -> Iterator[CallRow]:
    """Yield the rows of attempts up to the first that nobody has claimed, or cancelled."""
    for name in names:
        row = rows.get(name)
        if row is None or row.state is None:
            return
        yield row


def tried(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, Tried]:
    """Return what decides whether another attempt follows these calls."""
    found: dict[str, Tried] = {}
    for start in range(0, len(references), CHUNK):
        some = list(references[start : start + CHUNK])
        codes: dict[str, list[int]] = {}
        for reference, code, later in connection.all("codes_of", ledger=ledger, references=some):
            completed = COMPLETED_CODE in (code, later)
            codes.setdefault(reference, []).append(COMPLETED_CODE if completed else code)
        finished: dict[str, str] = dict(connection.all("finish_times", ledger=ledger, references=some))
        rows = connection.all("tried", ledger=ledger, references=some)
        often = [reference for reference, _, _, claims, _ in rows if claims > 1]
        first = dict(connection.all("first_claims", ledger=ledger, references=often)) if often else {}
        for reference, state, claimed_at, _, claim in rows:
            found[reference] = Tried(
                State(state),
                claimed_at,
                attempts_of(claim, connection.name),
                tuple(codes.get(reference, ())),
                finished.get(reference),
                first.get(reference, claimed_at),
            )
    return found
