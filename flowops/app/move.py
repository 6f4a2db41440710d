"""Move the ledger of an environment to another database, or take that back."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from flowops.app.access import actor, address_of, host_of, name_of, open_for, revision_of
from flowops.app.load import project_of
from flowops.app.observer import SILENT
from flowops.common.secrets import without_line_break
from flowops.errors import LedgerError
from flowops.ledger.copy import Side, copy_ledger
from flowops.ledger.copy import take_back as take_copy_back
from flowops.ledger.open import place_of
from flowops.ledger.witness import Memory
from flowops.model.ledger import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.app.access import Address
    from flowops.app.observer import Observer
    from flowops.model.ledger import Checkpoint
    from flowops.model.project import Environment, Project


def copy(environment: str, to: str, observer: Observer = SILENT) -> Checkpoint:
    """Move an environment's ledger to the database at an address, or go on with a move; return how far it goes.

    Raises LedgerError where it cannot be moved; the ledger goes on where it was, or the same can be done again.
    """
    project, settings = project_of(environment)
    address = address_of(project, settings)
    opened = partial(open_for, project, settings, observer=observer)
    with (
        _side(project, settings, address, address.url) as source,
        _target(project, settings, address, to) as target,
        observer.progress("Copying", None) as done,
    ):
        moved = copy_ledger(source, target, _owner(project, settings), opened, _who(project), done)
    if not settings.sandboxed:
        # Whoever puts a copy of the old one back is told that it is one.
        Memory(project.root.absolute(), moved.id).keep(moved, on_disk=True)
    return moved


def take_back(environment: str, to: str | None) -> bool:
    """Let a ledger that was being moved go on where it is; False where it was not being moved. See `copy`."""
    project, settings = project_of(environment)
    address, owner, who = address_of(project, settings), _owner(project, settings), _who(project)
    with _side(project, settings, address, address.url) as source:
        if to is None:
            return take_copy_back(source, None, owner, who)
        with _target(project, settings, address, to) as target:
            return take_copy_back(source, target, owner, who)


@contextmanager
def _side(project: Project, settings: Environment, address: Address, url: str, *, make: bool = False) -> Iterator[Side]:
    """Open one of the two databases, not yet the ledger in it."""
    place = place_of(url, project.root)
    database = place.open(settings.name, make=make, readonly=False, sandbox=settings.sandboxed)
    try:
        yield Side(place, database, address.key)
    finally:
        database.close()


@contextmanager
def _target(project: Project, settings: Environment, address: Address, to: str) -> Iterator[Side]:
    """Open the database at the address that the option `--to` has; what is wrong with it is told of that option."""
    to = without_line_break(to)
    try:
        place_of(to, project.root)
    except LedgerError as error:
        raise LedgerError(f"--to: {error.message}", hint=error.hint) from None
    with _side(project, settings, address, to, make=True) as target:
        yield target


def _owner(project: Project, settings: Environment) -> Owner:
    return Owner(name_of(project), settings.name, host_of(settings))


def _who(project: Project) -> str:
    someone = actor(revision_of(project.root))
    return f"{someone.who} on {someone.host}"
