"""What is asked of a ledger besides placing calls: making and moving it, and calls from elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.access import actor, address_of, host_of, name_of, open_for, passing_warning, revision_of
from flowops.app.load import project_of
from flowops.app.observer import SILENT
from flowops.common.addresses import is_postgres, sqlite_file
from flowops.common.numbers import names_number
from flowops.common.safe_files import leave_out
from flowops.common.secrets import without_line_break
from flowops.common.text import from_spreadsheet
from flowops.documents.files import Unreadable, open_given
from flowops.documents.rows import read_data
from flowops.errors import Invalid, LedgerError, UsageError
from flowops.ledger.copy import Side, copy_ledger
from flowops.ledger.copy import take_back as take_copy_back
from flowops.ledger.open import init_ledger, place_of
from flowops.ledger.operations import imported_call
from flowops.ledger.spool import is_spool
from flowops.ledger.witness import Memory
from flowops.model.call import HOLDS_NUMBER, HOLDS_NUMBER_HINT
from flowops.model.document import Place, Problem
from flowops.model.ledger import Owner
from flowops.schema.check import reference_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.app.access import Address
    from flowops.app.observer import Observer
    from flowops.ledger.open import Made
    from flowops.ledger.operations import ImportedCall
    from flowops.model.document import RowPlace, Value
    from flowops.model.ledger import Checkpoint
    from flowops.model.project import Environment, Project

#: Bytes of the first line of a spool, which has a body.
LONGEST_LINE = 4 * 1024 * 1024


def init(environment: str, goes_on: str | None = None, observer: Observer = SILENT) -> Made:
    """Make the ledger of an environment, or let the one with an id go on as that of this environment."""
    project, settings = project_of(environment)
    address = address_of(project, settings)
    if (passing := passing_warning(address.url)) is not None:
        observer.report(f"warning: {passing}")
    made = init_ledger(
        address.url,
        environment,
        project=name_of(project),
        api=host_of(settings),
        actor=actor(revision_of(project.root)),
        goes_on=goes_on,
        key=address.key,
        root=project.root,
    )
    if not is_postgres(address.url):
        _leave_out(Path(sqlite_file(address.url)), observer)
    return made


def _leave_out(ledger: Path, observer: Observer) -> None:
    """Keep a ledger and its key out of Git: one that came with a repository is never opened."""
    try:
        rules = leave_out(ledger)
    except OSError as error:
        observer.report(f"warning: Git does not ignore {ledger}, and must not track it: {error.strerror}")
        return
    if rules is not None:
        observer.report(f"Git ignores the ledger and its key from now on: {rules}")


def read_import(file: Path, *, numbered: bool = False) -> list[ImportedCall]:
    """Return the calls in a file (.jsonl or .csv). Raise Invalid with every row that is wrong.

    `numbered` is whether the policy lets reference-ids hold the numbers of their callees.
    """
    calls: list[ImportedCall] = []
    problems: list[Problem] = []
    first: dict[str, RowPlace] = {}
    try:
        with open_given(file) as stream:
            for row in read_data(str(file), stream):
                if isinstance(row, Problem):
                    problems.append(row)
                    continue
                place = Place(str(file), row.place.line or 1)
                try:
                    call = _imported(row.values, cells=file.suffix.lower() == ".csv")
                except ValueError as error:
                    problems.append(Problem(place, row.place, str(error), "import"))
                    continue
                calls.append(call)
                before = first.setdefault(call.reference_id, row.place)
                if before is not row.place:
                    message = f"reference-id: '{call.reference_id}' is in more than one row, first in {before}"
                    problems.append(Problem(place, row.place, message, "import", kind="reference-id twice"))
                if not numbered and _names_callee(call):
                    message = f"reference-id: {HOLDS_NUMBER}"
                    problems.append(Problem(place, row.place, message, "number", HOLDS_NUMBER_HINT))
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if problems:
        raise Invalid(problems)
    return calls


def names_spool(file: Path) -> bool:
    """Return whether a file is a regular one that a run has kept results in, and not a list of calls."""
    try:
        with open_given(file) as stream:
            return is_spool(stream.readline(LONGEST_LINE))
    except (Unreadable, OSError):
        return False  # why, `read_import` says


def _imported(values: Mapping[str, Value], *, cells: bool) -> ImportedCall:
    """Return the call of a row, whose values may be cells of a spreadsheet. Raise ValueError with what is wrong."""
    if cells:
        values = {name: from_spreadsheet(text) if isinstance(text, str) else text for name, text in values.items()}
    call = imported_call(values)
    wrong = reference_errors(call.reference_id)
    if wrong:
        raise ValueError(f"reference-id: {wrong[0].text}")
    return call


def _names_callee(call: ImportedCall) -> bool:
    return any(leg.callee is not None and names_number(call.reference_id, leg.callee) for leg in call.legs)


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
