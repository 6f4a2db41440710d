"""CSV read the plain way, a line and a row at a time: what the fast reader is held against."""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a character makes of the place that it stands in: in front of a field, in it, in quotes, behind quotes.
_STEPS = {
    ("start", '"'): "quoted",
    ("plain", ","): "start",
    ("quoted", '"'): "behind",
    ("behind", '"'): "quoted",
    ("behind", ","): "start",
    ("start", ","): "start",
}


def has_stray_quote(written: str) -> bool:
    """Whether a quote begins inside of a field."""
    state = "start"
    for char in written:
        if state == "plain" and char == '"':
            return True
        state = _STEPS.get((state, char), "quoted" if state == "quoted" else "plain")
    return False


Told = tuple[int | None, int, dict[str, str] | str]


def plain_rows(data: bytes) -> Iterator[Told]:
    """The number, the line and the values of each row; of what is wrong, how its message begins."""
    taken = 0
    written: list[str] = []

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.BytesIO(data.removeprefix(codecs.BOM_UTF8)):
            taken += 1
            written.append(line.decode())
            yield written[-1]

    records = csv.reader(lines(), strict=True)
    header: list[str] = []
    number = 0
    while True:
        start = taken + 1
        try:
            record = next(records, None)
        except UnicodeDecodeError:
            yield None, taken, "the file is not UTF-8"
            return
        except csv.Error:
            if not header:
                yield None, taken, ""
                return
            number += 1
            yield number, start, ""
            continue
        if record is None:
            return
        if not record:
            continue
        if not header:
            header = record
            continue
        number += 1
        if any('"' in field for field in record) and has_stray_quote("".join(written[start - 1 : taken])):
            yield number, start, ""
        elif len(record) == len(header):
            yield number, start, dict(zip(header, record, strict=True))
        else:
            yield number, start, "the row has"
