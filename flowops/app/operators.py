"""Which calls of a ledger an operator means: by name, by pattern, by a file of names."""

from __future__ import annotations

import csv
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.asked import labelled
from flowops.common.masking import mask_text
from flowops.common.names import reference_filter, same_name, within
from flowops.common.text import from_spreadsheet
from flowops.documents.files import Unreadable, read_given
from flowops.documents.foreign import foreign
from flowops.errors import Invalid, UsageError
from flowops.model.call import FINGERPRINT, attempt_reference, further_references, split_reference
from flowops.model.document import Place, Problem, RowPlace
from flowops.model.selection import CallFilter, Selection
from flowops.schema.check import reference_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from flowops.ledger.operators import Operation
    from flowops.ledger.store import Store
    from flowops.model.call import CallBatch
    from flowops.model.selection import CallSelection

_log = logging.getLogger(__name__)

#: What the column of references is called in a table.
_HEADS = ("reference_id", "reference-id")
#: Bytes of a list of references.
MAX_LIST = 64 * 1024 * 1024


def select(selection: CallSelection, operation: Operation, ledger: Store) -> list[str]:
    """Return the references that are meant, each once. Raises UsageError where there is none."""
    named = selection.references or selection.from_file is not None
    if not (named or selection.globs or selection.labels):
        raise UsageError(
            "say which calls: by REF, --ref GLOB, -l KEY=VALUE or --from-file FILE",
            hint="all that it can be done to: --ref '*'",
        )
    if named:
        names = [*selection.references, *(_listed(selection.from_file) if selection.from_file else [])]
        asked = list(dict.fromkeys(map(same_name, names)))
        if not asked:
            raise UsageError(f"{named_file(selection.from_file)} names no call")
    else:
        asked = operation.candidates(ledger, within(selection.globs))
    found = _wanted(asked, selection, ledger)
    if selection.labels:
        calls = Selection((), ledger.environment, calls=CallFilter(selection.labels))
        with_labels = labelled(ledger, calls, sorted({name for reference in found for name in _names(reference)}))
        found = [reference for reference in found if not with_labels.isdisjoint(_names(reference))]
    if operation.whole_chains:
        roots = ledger.roots_of(found)
        found = list(dict.fromkeys(roots.get(reference, reference) for reference in found))
    if not found:
        among = "" if named else f" among the calls that are {operation.sought}"
        raise UsageError(f"nothing matches{among} in the ledger of {ledger.environment}")
    _log.info("an operator means %(calls)d calls", {"calls": len(found)})
    return found


def _wanted(asked: list[str], selection: CallSelection, ledger: Store) -> list[str]:
    """Return those of some references whose calls the patterns take."""
    if not (selection.globs or selection.excluded):
        return asked
    wanted, chains = reference_filter(selection.globs, selection.excluded), ledger.chains_among(asked)
    calls = {reference: chains.get(reference, (reference, 1)) for reference in asked}
    return [reference for reference, call in calls.items() if wanted.takes(call[0], further_references(*call))]


def _names(reference: str) -> set[str]:
    """Return a reference, and that of the call whose attempt it may be."""
    return {reference, split_reference(reference)[0]}


def read_pairs(file: str) -> dict[str, str]:
    """Return the new names of a CSV file by the old ones: ``old,new`` a line, with or without such a head.

    Raises Invalid with every line that is wrong, and UsageError where there is none.
    """
    pairs: dict[str, str] = {}
    taken: set[str] = set()
    problems: list[Problem] = []
    for number, line in enumerate(lines_of(file), 1):
        named = [same_name(from_spreadsheet(cell.strip())) for cells in csv.reader([line]) for cell in cells]
        if not any(named) or (number == 1 and named == ["old", "new"]):
            continue
        wrong = _wrong_pair(named, pairs, taken)
        if wrong is None:
            pairs[named[0]] = named[1]
            taken.add(named[1])
        else:
            problems.append(Problem(Place(file, number), None, mask_text(wrong), "rename"))
    if problems:
        raise Invalid(problems)
    if not pairs:
        raise UsageError(f"{named_file(file)} names no call")
    return pairs


def check_pair(old: str, new: str) -> dict[str, str]:
    """Return a new name by the old one. Raises UsageError where that is none."""
    wrong = _wrong_pair([old, new], (), ())
    if wrong is not None:
        raise UsageError(wrong)
    return {old: new}


def _wrong_pair(named: Sequence[str], renamed: Collection[str], taken: Collection[str]) -> str | None:
    """Return what is wrong with an old name and a new one, behind others that are `renamed` and `taken`."""
    if len(named) != len(("old", "new")):
        return f"has {len(named)} cells, and not two: the old reference-id and the new one"
    old, new = named
    errors = reference_errors(new)
    if errors:
        return f"the new reference-id: {errors[0].text}"
    if old == new:
        return f"{old} is both the old reference-id and the new one"
    if old in renamed:
        return f"{old} is in more than one line"
    return f"{new} is the new reference-id of two calls" if new in taken else None


def _listed(file: str) -> Iterator[str]:
    """Yield the references in a file, or in stdin: one a line, or the first cells of a table as `ledger export` has it.

    Raises Invalid with every line that is none.
    """
    lines = lines_of(file)
    is_table = bool(lines) and lines[0].partition(",")[0].strip() in _HEADS
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if is_table:
            text = next((from_spreadsheet(cells[0]) for cells in csv.reader([text]) if number > 1 and cells), "")
        if not text:
            continue
        wrong = reference_errors(text)
        if wrong:
            row = RowPlace(file, number, number)
            problems.append(
                Problem(Place(file, number), row, f"reference-id: {wrong[0].text}", "import", wrong[0].hint)
            )
        yield text
    if problems:
        raise Invalid(problems)


def named_file(file: str | None) -> str:
    """Return what a file of names is called in a message."""
    return "stdin" if file in (None, "-") else str(file)


def lines_of(file: str) -> list[str]:
    """Return the lines of a file, ``-`` for stdin. Raises UsageError where it cannot be read, or holds no list."""
    try:
        data = sys.stdin.buffer.read(MAX_LIST + 1) if file == "-" else read_given(Path(file), MAX_LIST)
        if (trouble := foreign(data)) is not None:
            raise UsageError(f"{named_file(file)} {trouble}")
        # As spreadsheets and some editors write a text: its first characters are no part of the first line.
        return data.decode("utf-8-sig").splitlines()
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None


def edits(ledger: Store, asked: Selection) -> dict[str, str]:
    """Return the placed calls of which the files say something else than what was sent, with those fingerprints.

    Each attempt is compared with what the files say of it. Raises Invalid where the files are wrong.
    """
    found: dict[str, str] = {}
    # What renders takes long to be imported, and most commands on a ledger do without.
    from flowops.app.render import batches_asked

    for batch in batches_asked(asked):
        there = list(range(len(batch.references)))
        for attempt in range(1, batch.attempts.most + 1):
            # Attempts behind one that was not placed there are none.
            names = [attempt_reference(batch.references[index], attempt) for index in there]
            placed = ledger.placed(names)
            there = [index for index, name in zip(there, names, strict=True) if name in placed]
            if not there:
                break
            calls = batch if attempt == 1 else batch.repeated(there, attempt)
            found.update(_edited(calls, placed))
    return found


def _edited(calls: CallBatch, placed: Mapping[str, tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Yield the calls that were placed with another fingerprint than they have, and that which they have."""
    for reference, made in zip(calls.references, calls.hashes, strict=True):
        fingerprint = FINGERPRINT + made.hex()
        if placed.get(reference, (fingerprint, 0))[0] not in ("", fingerprint):
            yield reference, fingerprint
