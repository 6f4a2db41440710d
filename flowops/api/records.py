"""Call Detail Records, whatever their fields are called: the only place that reads them.

The vendor documents that a record carries the reference, and not how it or any other field is named.
So a name counts whatever its case and its hyphens (``instruction-id``, ``instructionId``, ``Instruction_ID``),
in the record itself or in an object inside it, the outermost first; see the tuples below.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.common.json import NotJson, read_json
from flowops.common.names import same_name
from flowops.common.numbers import received
from flowops.errors import Invalid
from flowops.model.call import read_call_id
from flowops.model.document import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.document import Value

REFERENCE = (
    "instructionid",
    "referenceid",
    "reference",
    "customerreference",
    "clientreference",
    "externalreference",
    "instruction",
)
CALL_ID = ("callid", "calluuid")
#: What may be the call's, or one of the record's own.
RECORD_ID = ("conversationid", "conversationuuid", "id", "uuid")
CALLEE = ("callee", "calleenumber", "called", "callednumber", "destination", "destinationnumber", "to", "bnumber")
STARTED = ("startedat", "starttime", "startdatetime", "start", "startdate", "createdat", "created", "timestamp", "date")
ENDED = ("endedat", "endtime", "enddatetime", "end", "enddate", "finishedat", "disconnectedat")
CODE = ("resultcode", "code")
DESCRIPTION = ("resultdescription", "description")
#: Where a page that is not an array keeps its records.
PAGES = ("conversations", "records", "items", "results", "data", "value", "content")

#: The longest reference that the API takes (vendor documentation of the sibling apps).
LONGEST_REFERENCE = 64
#: How many objects inside each other are searched.
DEPTH = 4
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """The facts of one Call Detail Record: it proves that the call was placed. Times are in UTC.

    `is_of_record` says whether the `call_id` may be one of the record's own, which is none of the call's.
    """

    reference_id: str
    call_id: str | None = None
    callee: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    code: int | None = None
    description: str | None = None
    is_of_record: bool = field(default=False, compare=False)


def read_record(value: Value) -> CallRecord | None:
    """Return one record; None when it carries no reference, so when it is of a call that flowops did not place."""
    reference_id = _text(value, REFERENCE)
    if reference_id is None or len(reference_id) > LONGEST_REFERENCE:
        return None
    callee = _text(value, CALLEE)
    callee = callee and (received(callee) or callee)
    call_id = read_call_id(_text(value, CALL_ID), callee)
    return CallRecord(
        same_name(reference_id),
        call_id or read_call_id(_text(value, RECORD_ID), callee),
        callee,
        _time(value, STARTED),
        _time(value, ENDED),
        _whole(value, CODE),
        _text(value, DESCRIPTION),
        is_of_record=call_id is None,
    )


def items_of(value: Value) -> Sequence[Value]:
    """Return the records in a page: the page itself, or the array in it. Raise ValueError when there is none."""
    if isinstance(value, list):
        return value
    for name in PAGES:
        found = _find(value, (name,), list)
        if found is not None:
            return list(found)
    msg = "there are no records in it"
    raise ValueError(msg)


def read_file(lines: Iterable[str], name: str) -> list[CallRecord]:
    """Return the records of an exported file: a JSON array (or a page), JSON Lines, or CSV with a header.

    Records without a reference are left out. Raises Invalid with the place of what cannot be read.
    """
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).removeprefix("\ufeff")
    match text.lstrip()[:1]:
        case "":
            return []
        case "[" | "{":
            values: Iterable[Value] = _read_json(text, name)
        case _:
            values = _read_csv(text, name)
    return [record for record in map(read_record, values) if record is not None]


def _read_json(text: str, name: str) -> Sequence[Value]:
    """Return the values of an array, a page, a single record, or an object a line."""
    filled = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(filled) > 1 and _is_object(filled[0][1]):
        return [_parse(line, name, number) for number, line in filled]
    value = _parse(text, name, 1)
    try:
        return items_of(value)
    except ValueError:
        return [value]


def _is_object(line: str) -> bool:
    try:
        return isinstance(read_json(line, half_characters=True), dict)
    except ValueError:
        return False


def _parse(text: str, name: str, line: int) -> Value:
    """Return the value of a JSON text that begins in a line of a file."""
    try:
        return read_json(text, half_characters=True)
    except NotJson as error:
        place = Place(name, line + error.line - 1, error.column)
        message = f"records: this is not readable JSON: {error.reason}"
        raise Invalid([Problem(place, message=message, code="records")]) from None


def _read_csv(text: str, name: str) -> Iterator[Value]:
    """Yield a mapping a row. Without a column that can be the reference the file is of no use."""
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader)
        if not any(_plain(column) in REFERENCE for column in header):
            columns = ", ".join(REFERENCE[:3])
            message = f"records: no column of the header can be the reference (one of {columns}, …)"
            raise Invalid([Problem(Place(name), message=message, code="records")])
        for row in reader:
            yield {column: value for column, value in zip(header, row, strict=False) if value.strip()}
    except csv.Error as error:
        message = f"records: this is not readable CSV: {error}"
        raise Invalid([Problem(Place(name, max(reader.line_num, 1)), message=message, code="records")]) from None


def _find(value: Value, names: Sequence[str], kinds: type | tuple[type, ...]) -> Value | None:
    """Return the first value of these kinds under any of the names, level by level; the order of the names decides."""
    level = [value] if isinstance(value, Mapping) else []
    for _ in range(DEPTH):
        fields = {_plain(key): inner for mapping in reversed(level) for key, inner in mapping.items()}
        for name in names:
            if isinstance(fields.get(name), kinds) and not isinstance(fields[name], bool):
                return fields[name]
        level = [inner for mapping in level for inner in mapping.values() if isinstance(inner, Mapping)]
    return None


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _text(value: Value, names: Sequence[str]) -> str | None:
    found = _find(value, names, (str, int))
    return str(found).strip() or None if found is not None else None


def _whole(value: Value, names: Sequence[str]) -> int | None:
    text = _text(value, names)
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else None


def _time(value: Value, names: Sequence[str]) -> datetime | None:
    """Return a time in ISO 8601; one without an offset is in UTC (vendor documentation)."""
    text = _text(value, names)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
