"""The seal of a ledger that moves to another database: while one is on it, nothing is written.

There are two databases and no commit over both, so each step is durable before the next one, and each asks for the seal
that the one before has left: whoever comes with an older copy of that finds another one, and changes nothing.

=========  ===========  ====================================================
old one    new one      what a kill has left, and what can be done about it
=========  ===========  ====================================================
copying    -            taken up: all is written again; or taken back
copying    arriving     taken up: it goes on behind the last row; or taken back
moved      arriving     taken up: the new one opens; or taken back
moved      (none)       it is done: the new one may be written
moved      withdrawn    taken back: the old one may be written again
(none)     withdrawn    it is taken back: what is left here is never opened
=========  ===========  ====================================================
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.model.ledger import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.ledger.database import Connection, Database, T


class SealState(StrEnum):
    """How far the move of a ledger is, as one of its two sides has it."""

    COPYING = "copying"
    MOVED = "moved"
    ARRIVING = "arriving"
    WITHDRAWN = "withdrawn"


class Seal(NamedTuple):
    """One side of a move: how far it is, which move, since when, and by whom."""

    state: SealState
    move: str
    at: str
    who: str

    @classmethod
    def read(cls, text: str) -> Seal | None:
        """Return the seal that a ledger's record has, None where there is none."""
        if not text:
            return None
        state, move, at, who = text.split("/", 3)
        return cls(SealState(state), move, at, who)

    def __str__(self) -> str:
        return "/".join(self)

    @property
    def is_of_the_copy(self) -> bool:
        """Return whether it is on the side that is not whole, or that nobody may use yet."""
        return self.state in (SealState.ARRIVING, SealState.WITHDRAWN)

    def refusal(self, name: str, environment: str) -> LedgerError:
        """Return why a ledger with this seal cannot be written, and the way on."""
        env = shlex.quote(environment)
        since = f"since {self.at}, by {self.who}"
        again = f"`flowops ledger copy --env {env} --to …` with the same address"
        match self.state:
            case SealState.COPYING:
                return LedgerError(
                    f"{name}: the ledger is being copied to another database, and takes no writes ({since})",
                    hint=f"if that was cut off, {again} takes it up; `flowops ledger copy --env {env} --undo` takes it "
                    "back",
                )
            case SealState.MOVED:
                return LedgerError(
                    f"{name}: the ledger has moved to another database, and takes no writes here ({since})",
                    hint=f"give environments.{environment}.ledger its new address; if the move was cut off, {again} "
                    "takes it up",
                )
            case SealState.ARRIVING:
                return LedgerError(
                    f"{name}: the ledger is being copied to here, and is not to be used before that is done ({since})",
                    hint=f"where environments.{environment}.ledger is the old address, {again} takes it up",
                )
            case SealState.WITHDRAWN:
                return LedgerError(
                    f"{name}: what is here of the ledger was taken back, and is not to be used ({since})",
                    hint=f"give environments.{environment}.ledger the old address: the ledger is in use there",
                )


def lock(connection: Connection, ledger: int, actor: str = "") -> tuple[Checkpoint, int | None]:
    """Lock a ledger for a transaction that writes into it; return how far it goes, and the number of an actor (JSON).

    Also waits for a commit of unknown outcome. Raises LedgerError for one that is gone, or sealed.
    """
    found = connection.first("lock_ledger", ledger=ledger, actor=actor)
    if found is None:
        raise LedgerError(f"{connection.name}: the ledger is no longer there")
    *checkpoint, environment, seal, number = found
    if (sealed := Seal.read(seal)) is not None:
        raise sealed.refusal(connection.name, environment)
    return Checkpoint(*checkpoint), number


def write(database: Database, ledger: int, work: Callable[[Connection], T]) -> T:
    """Do some work that may be done twice in a durable transaction, in which nobody else writes into the ledger.

    Raises LedgerError for one that is gone, or sealed.
    """

    def locked(connection: Connection) -> T:
        lock(connection, ledger)
        return work(connection)

    return database.write(locked)
