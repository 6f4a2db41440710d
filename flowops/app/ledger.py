"""What commands ask of a ledger besides placing calls: its making, the rows of calls, and calls from elsewhere."""

from __future__ import annotations

import shlex
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.access import actor, address_of, host_of, name_of, passing_warning, revision_of
from flowops.app.load import project_of
from flowops.app.observer import SILENT
from flowops.app.selection import CallFilter
from flowops.common.addresses import is_postgres, sqlite_file
from flowops.common.names import ATTEMPT
from flowops.common.numbers import names_number
from flowops.common.safe_files import leave_out
from flowops.common.text import from_spreadsheet
from flowops.documents.files import Unreadable, open_given
from flowops.documents.rows import read_data
from flowops.errors import Invalid, UsageError
from flowops.ledger.open import init_ledger
from flowops.ledger.operations import imported_call
from flowops.ledger.spool import is_spool
from flowops.model.call import HOLDS_NUMBER, HOLDS_NUMBER_HINT
from flowops.model.document import Place, Problem
from flowops.model.plan import Guard
from flowops.schema.check import reference_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.app.observer import Observer
    from flowops.app.selection import Selection
    from flowops.ledger.open import Made
    from flowops.ledger.operations import ImportedCall
    from flowops.ledger.reader import Reader
    from flowops.model.document import Value
    from flowops.model.ledger import Entry, State

#: Bytes of the first line of a spool, which has a body.
LONGEST_LINE = 4 * 1024 * 1024


def entries_asked(
    ledger: Reader,
    asked: Selection,
    *,
    states: Collection[State] | None = None,
    since: datetime | None = None,
    codes: Collection[int] | None = None,
    limit: int | None = None,
) -> Iterator[Entry]:
    """Return the rows of the calls that are asked for, in the order of their references.

    With `since` only those that were claimed since then, with `codes` those of which a callee ended with one of them.
    Where files are asked for, they say which calls these are; for labels see `labelled`. Raises UsageError where a
    selection takes none, unless it names single calls, and Invalid where the files are not valid: before the first row
    is taken.
    """
    calls, names = asked.calls, None
    if asked.paths:
        names = ledger.with_attempts(sorted(references_asked(asked)))
    elif calls.labels:
        names = ledger.with_attempts(sorted(labelled(ledger, asked)))
    elif calls.names and calls.names == calls.exact_names:
        names = ledger.with_attempts(sorted(calls.names))
    if names is not None:
        rows: Iterable[Entry] = (row for row in ledger.entries_of(names) if states is None or row.state in states)
    else:
        # What a call's attempts are called begins with its own name.
        glob = calls.refs[0] if len(calls.refs) == 1 and not calls.names else ""
        rows = ledger.entries(states=states, glob=f"{glob.rpartition(ATTEMPT)[0] or glob}*")
    found = (row for row in rows if calls.takes_name(row.root, row.max_attempts))
    first = next(found, None)
    if first is not None:
        return islice((row for row in chain([first], found) if _fits(row, since, codes)), limit)
    if (asked.paths or calls.narrows) and not calls.exact_names:
        raise UsageError(
            f"nothing in the ledger of {ledger.environment} is selected by {asked.words()}",
            hint="look at what there is, without a selection",
        )
    return iter(())


def _fits(entry: Entry, since: datetime | None, codes: Collection[int] | None) -> bool:
    if since is not None and datetime.fromisoformat(entry.claimed_at) < since:
        return False
    # A callee of which two codes were told is found by each.
    return codes is None or any(code in codes for leg in entry.legs for code in (leg.code, leg.later))


def labelled(ledger: Reader, asked: Selection) -> frozenset[str]:
    """Return the references of the calls that have the labels which are asked for.

    Those are the labels that a call was claimed with, which the ledger keeps, or that the files give it. Files that are
    not valid give none: what was claimed is found all the same.
    """
    of_labels = asked._replace(paths=(), calls=CallFilter(asked.calls.labels))
    try:
        named = references_asked(of_labels)
    except (Invalid, UsageError):
        named = frozenset()
    return named | ledger.labelled(asked.calls.labels)


def references_asked(asked: Selection) -> frozenset[str]:
    """Return the references of the calls that the files name and that are asked for.

    Raises UsageError where there is none, and Invalid where the files are not valid.
    """
    # What renders takes long to be imported, and a ledger is looked at without.
    from flowops.app.render import batches_asked

    return frozenset(reference for batch in batches_asked(asked) for reference in batch.references)


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


def guards_of(ledger: Reader) -> tuple[Guard, ...]:
    """Return the guards that the ledger itself knows of: somebody has stopped the environment."""
    why = ledger.stopped()
    again = f"`flowops resume --env {shlex.quote(ledger.environment)}` lets runs claim calls again"
    return () if why is None else (Guard("stop", f"{why}; {again}"),)


def read_import(file: Path, *, numbered: bool = False) -> list[ImportedCall]:
    """Return the calls in a file (.jsonl or .csv). Raise Invalid with every row that is wrong.

    `numbered` is whether the policy lets reference-ids hold the numbers of their callees.
    """
    calls: list[ImportedCall] = []
    problems: list[Problem] = []
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
                if not numbered and _names_callee(call):
                    message = f"reference-id: {HOLDS_NUMBER}"
                    problems.append(Problem(place, row.place, message, "number", HOLDS_NUMBER_HINT))
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    problems += (
        Problem(Place(str(file)), None, f"reference-id: '{reference}' is in more than one row", "import")
        for reference in _repeated(calls)
    )
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


def _repeated(calls: Iterable[ImportedCall]) -> Sequence[str]:
    first: dict[str, ImportedCall] = {}
    return sorted({call.reference_id for call in calls if first.setdefault(call.reference_id, call) is not call})
