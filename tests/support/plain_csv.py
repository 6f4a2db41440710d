"""CSV read the plain way, a line and a row at a time: what the fast reader is held against."""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Told = tuple[int | None, int, dict[str, str] | str]


def plain_rows(data: bytes) -> Iterator[Told]:
    """The number, the line and the values of each row; of what is wrong, how its message begins."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.BytesIO(data.removeprefix(codecs.BOM_UTF8)):
            taken += 1
            yield line.decode()

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
        if len(record) == len(header):
            yield number, start, dict(zip(header, record, strict=True))
        else:
            yield number, start, "the row has"
