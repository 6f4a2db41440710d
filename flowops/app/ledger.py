"""What commands ask of a ledger besides placing calls: what is in doubt, and calls from elsewhere."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from flowops.app.access import actor, address_of, host_of, name_of, passing_warning, revision_of
from flowops.app.load import load, project_of, variables
from flowops.app.observer import SILENT
from flowops.app.selection import Selection
from flowops.common.numbers import names_number
from flowops.common.text import from_spreadsheet
from flowops.documents.files import Unreadable, open_given
from flowops.documents.rows import read_data
from flowops.errors import Invalid, UsageError
from flowops.ledger.open import init_ledger
from flowops.ledger.operations import imported_call
from flowops.ledger.spool import is_spool
from flowops.model.call import HOLDS_NUMBER, HOLDS_NUMBER_HINT
from flowops.model.document import Place, Problem
from flowops.model.ledger import State
from flowops.model.plan import Guard
from flowops.model.status import DocumentTotals, LedgerStatus
from flowops.schema.check import reference_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from flowops.app.observer import Observer
    from flowops.ledger.open import Made
    from flowops.ledger.operations import ImportedCall
    from flowops.ledger.reader import Reader
    from flowops.model.document import Value
    from flowops.model.ledger import Entry, GivenUp

#: Bytes of the first line of a spool, which has a body.
LONGEST_LINE = 4 * 1024 * 1024


class Named(NamedTuple):
    """A document that calls stand in: where it begins, and the labels of its calls."""

    place: str | None
    labels: tuple[tuple[str, str], ...] = ()


NOT_NAMED = Named(None)


def is_doubtful(entry: Entry) -> bool:
    """Return whether nobody can tell if a call was placed.

    A call whose run is gone is in doubt, whether or not a later run has written that down yet.
    """
    return entry.state.is_unsettled and not entry.live


def report_since(ledger: Reader, asked: Selection, since: datetime | None, *, hears: bool) -> LedgerStatus:
    """Return the totals of a ledger, or of the calls that are asked for and were claimed since a time.

    Raises UsageError where a selection takes none at all.
    """
    narrowed = asked.paths or asked.calls.narrows
    if since is None and not narrowed:
        return status_of(ledger)._replace(hears=hears)
    counts, hours, outcomes = Counter[State](), Counter[str](), Counter[int]()
    doubtful: list[Entry] = []
    named = _documents_of(asked)
    documents: dict[Named, tuple[Counter[State], Counter[int]]] = {}
    for entry in entries_asked(ledger, asked, since=since):
        claimed = datetime.fromisoformat(entry.claimed_at)
        in_doubt = is_doubtful(entry)
        state = State.IN_DOUBT if in_doubt else entry.state
        counts[state] += 1
        of_document, its_outcomes = documents.setdefault(
            named.get(entry.reference_id, NOT_NAMED), (Counter(), Counter())
        )
        of_document[state] += 1
        its_outcomes.update(leg.code for leg in entry.legs if leg.code is not None)
        hours[claimed.astimezone(UTC).strftime("%Y-%m-%dT%H:00Z")] += 1
        outcomes.update(leg.code for leg in entry.legs if leg.code is not None)
        doubtful += [entry] if in_doubt else []
    names = {entry.reference_id for entry in entries_asked(ledger, asked)} if narrowed else None
    return LedgerStatus(
        ledger.environment,
        checkpoint if (checkpoint := ledger.checkpoint()).id else None,
        {state: counts[state] for state in State},
        outcomes,
        doubtful,
        guards_of(ledger),
        [call for call in _given_up(ledger) if names is None or call.reference_id in names],
        None if since is None else since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        dict(sorted(hours.items())),
        hears,
        [
            DocumentTotals(where.place, dict(where.labels), states, codes)
            for where, (states, codes) in sorted(documents.items(), key=lambda each: (each[0].place is None, each[0]))
        ]
        if named
        else (),
    )


def _documents_of(asked: Selection) -> dict[str, Named]:
    """Return in which documents the calls stand that the files name; nothing where they are not valid.

    No database is asked for rows.
    """
    # What renders takes long to be imported, and a ledger is looked at without.
    from flowops.app.render import Walk, checked

    try:
        workspace = load(Selection((), asked.environment, asked.var, asked.var_files))
        walk = Walk(workspace, variables(workspace, asked.var, asked.var_files))
        return {
            reference: where
            for batch in checked(walk)
            for where in [Named(f"{batch.place.file}:{batch.place.line}", tuple(batch.labels.items()))]
            for reference in batch.references
        }
    except (Invalid, UsageError):
        return {}


def status_of(ledger: Reader) -> LedgerStatus:
    """Return the totals of a ledger, and what somebody has to see to."""
    unsettled = ledger.entries(states={state for state in State if state.is_unsettled})
    doubtful = [entry for entry in unsettled if is_doubtful(entry)]
    unwritten = sum(entry.state is State.IN_FLIGHT for entry in doubtful)
    counts = ledger.count()
    counts[State.IN_FLIGHT] = max(counts[State.IN_FLIGHT] - unwritten, 0)  # other runs go on meanwhile
    counts[State.IN_DOUBT] += unwritten
    checkpoint = ledger.checkpoint()
    return LedgerStatus(
        ledger.environment,
        checkpoint if checkpoint.id else None,
        counts,
        ledger.outcomes(),
        doubtful,
        guards_of(ledger),
        _given_up(ledger),
    )


def _given_up(ledger: Reader) -> list[GivenUp]:
    """Return the calls that are given up; none where the key is lost, without which nobody can tell."""
    return sorted(ledger.given_up().values()) if ledger.has_key else []


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
    Where files or labels are asked for, the files say which calls these are. Raises UsageError where a selection takes
    none, unless it names single calls, and Invalid where the files are not valid: before the first row is taken.
    """
    calls, names = asked.calls, None
    if asked.paths or calls.labels:
        names = sorted(references_asked(asked))
    elif calls.names and calls.names == calls.exact_names:
        names = sorted(calls.names)
    if names is not None:
        rows: Iterable[Entry] = (row for row in ledger.entries_of(names) if states is None or row.state in states)
    else:
        rows = ledger.entries(states=states, glob=calls.refs[0] if len(calls.refs) == 1 and not calls.names else None)
    found = (row for row in rows if calls.takes_name(row.reference_id))
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
    return init_ledger(
        address.url,
        environment,
        project=name_of(project),
        api=host_of(settings),
        actor=actor(revision_of(project.root)),
        goes_on=goes_on,
        key=address.key,
        root=project.root,
    )


def guards_of(ledger: Reader) -> tuple[Guard, ...]:
    """Return the guards that the ledger itself knows of: somebody has stopped the environment."""
    why = ledger.stopped()
    return () if why is None else (Guard("stop", why),)


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
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return is_spool(stream.readline(LONGEST_LINE))


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
