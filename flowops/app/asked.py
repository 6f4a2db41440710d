"""Which calls of a ledger are asked for: by their names, by labels, or by the files that name them."""

from __future__ import annotations

from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from flowops.common.names import within
from flowops.errors import Invalid, UsageError
from flowops.model.selection import CallFilter, Selection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from flowops.ledger.reader import Reader
    from flowops.model.ledger import Entry, State


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
        rows = ledger.entries(states=states, glob=within(() if calls.names else calls.refs))
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


def labelled(ledger: Reader, asked: Selection, among: Sequence[str] | None = None) -> frozenset[str]:
    """Return the references of the calls that have the labels which are asked for; `among` some, where that is said.

    Those are the labels that a call was claimed with, which the ledger keeps, or that the files give it. Files that are
    not valid give none: what was claimed is found all the same.
    """
    of_labels = asked._replace(paths=(), calls=CallFilter(asked.calls.labels))
    try:
        named = references_asked(of_labels)
    except (Invalid, UsageError):
        named = frozenset()
    return named | ledger.labelled(asked.calls.labels, among)


def references_asked(asked: Selection) -> frozenset[str]:
    """Return the references of the calls that the files name and that are asked for.

    Raises UsageError where there is none, and Invalid where the files are not valid.
    """
    # What renders takes long to be imported, and a ledger is looked at without.
    from flowops.app.render import batches_asked

    return frozenset(reference for batch in batches_asked(asked) for reference in batch.references)


def names_in_files(environment: str) -> dict[str, str | None]:
    """Return the references that the files name, each with that which the call had before; those are named, too.

    What was placed under the old one is this call. Raises Invalid where the files are not valid.
    """
    from flowops.app.render import batches_asked
    from flowops.app.walk import moved_from

    named: dict[str, str | None] = {}
    for batch in batches_asked(Selection((), environment)):
        named.update(dict.fromkeys(batch.references))
        named.update(moved_from(batch))
    return dict.fromkeys(filter(None, named.values())) | named
