"""What spreadsheets, Git and downloads leave in a file of rows, each with the message that ends the search for it.

Nothing here repeats what may be a value, nor the name of a column: a file without a header has somebody's name there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.common.masking import mask_quoted
from flowops.common.names import hidden_at_an_end, without_invisible
from flowops.common.patterns import regex
from flowops.common.text import listed
from flowops.documents.foreign import Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.documents.row_source import Dialect

COMMA = ","
#: What may separate fields, in the order in which it is guessed, and how it is called.
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", COMMA: "commas"}
_JSON_LINES = "name it .jsonl, with an object in each line"
_CONFLICT = regex(r"^(?:<{7} |>{7} |={7}\r?$)", re.MULTILINE)
_SEPARATOR_LINE = regex(r"sep=(.?)", re.IGNORECASE)
# What nobody calls a column: a phone number, or an address.
_DATA = regex(r"[='\"]*+\+?+[0-9][0-9 ().+/-]{8,}+\"?+|[^@\s]++@[^@\s]++")
_DATE = regex(r"[0-9]{1,4}([-./])[0-9]{1,2}\1[0-9]{1,4}")
_LEAST_DIGITS = 9
_LONGEST = 100


def conflict(text: str) -> int | None:
    """Return where a mark of Git's stands that a merge has left, None where none does."""
    if "<<<<<<< " not in text and ">>>>>>> " not in text:
        return None
    found = _CONFLICT.search(text)
    return None if found is None else found.start()


def header_troubles(header: Sequence[str], dialect: Dialect) -> list[Trouble]:
    """Return what is wrong with the names of columns."""
    whole = _no_header(header, dialect)
    if whole is not None:
        return [whole]
    troubles = [*_unnamed(header)]
    first: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        if not name.strip():
            continue
        # Two names that look the same are one: a row could be asked for either.
        seen = without_invisible(name)
        if name != name.strip():
            troubles.append(Trouble(f"the name of column {number} begins or ends with a space", "delete it"))
        elif (hidden := hidden_at_an_end(name)) is not None:
            troubles.append(Trouble(f"the name of column {number} {hidden}", "remove it"))
        elif first.setdefault(seen, number) != number:
            troubles.append(Trouble(f"the columns {first[seen]} and {number} have the same name"))
    return troubles


def _no_header(header: Sequence[str], dialect: Dialect) -> Trouble | None:
    """Return why a line is not the names of the columns at all."""
    delimiter = dialect.delimiter or COMMA
    separator = _SEPARATOR_LINE.match(header[0])
    if separator is not None and len(header) <= 2:
        said = separator[1] or (delimiter if len(header) == 2 else "")
        hint = "delete the line"
        if said and said != delimiter and dialect.declarable:
            hint += f", and declare the delimiter: {_declared(said)}"
        return Trouble("the first line says to a spreadsheet what separates fields, and is no header", hint)
    if header[0].lstrip("\ufeff ")[:1] in ("{", "["):
        return Trouble("the file is JSON, and not CSV", _JSON_LINES)
    others = [other for other in DELIMITERS if other != delimiter and other in header[0]]
    if any(_is_data(part) for name in header for part in _parted(name, others)):
        message = "the first line is a row, and not a header: it holds what looks like a phone number or an address"
        return Trouble(message, "write a line with the names of the columns above it, such as id,phone,name")
    if len(header) == 1 and others:
        hint = f"fields are separated by {DELIMITERS.get(delimiter, mask_quoted(delimiter))}"
        if dialect.declarable:
            hint += f"; if they are not, declare it: {_declared(others[0])}"
        return Trouble(f"the header is one column, with {DELIMITERS[others[0]]} in its name", hint)
    return None


def _declared(delimiter: str) -> str:
    written = delimiter.replace("\t", "\\t")
    return f'for-each: {{file: …, delimiter: "{written}"}}'


def _parted(name: str, delimiters: Sequence[str]) -> list[str]:
    return name.split(delimiters[0]) if delimiters else [name]


def _is_data(name: str) -> bool:
    """Return whether a name is a phone number or an address."""
    name = name.strip()
    if len(name) > _LONGEST or _DATA.fullmatch(name) is None or _DATE.fullmatch(name) is not None:
        return False
    return "@" in name or sum(char.isdigit() for char in name) >= _LEAST_DIGITS


def _unnamed(header: Sequence[str]) -> list[Trouble]:
    """Return what is wrong with columns without a name, in one message."""
    unnamed = [number for number, name in enumerate(header, 1) if not name.strip()]
    if not unnamed:
        return []
    which = f"column {unnamed[0]} has" if len(unnamed) == 1 else f"columns {listed(list(map(str, unnamed)))} have"
    if unnamed == list(range(len(header) - len(unnamed) + 1, len(header) + 1)):
        hint = "empty columns at the end: delete them"
        if len(unnamed) > 1 and len(unnamed) + 1 == len(header):
            hint = "if this line is a title, delete everything above the header; if not, delete empty columns"
        return [Trouble(f"{which} no name", hint)]
    return [Trouble(f"{which} no name", "each column has a name of its own")]


def title_line(header: Sequence[str], records: Sequence[Sequence[str]], dialect: Dialect) -> Trouble | None:
    """Return that a line is a title above the header: all that follows has more fields, and the same number of them."""
    widths = [len(record) for record in records if record]
    if len(widths) < 2 or len(set(widths)) > 1 or widths[0] <= len(header):
        return None
    message = f"the header has {fields(len(header))}, and every row has {widths[0]}"
    quoting = width_trouble(widths[0], len(header), dialect).hint
    return Trouble(message, f"if this line is a title, delete everything above the header; if not, {quoting}")


def fields(count: int) -> str:
    """Return how many fields there are."""
    return "1 field" if count == 1 else f"{count} fields"


def width_trouble(found: int, header: int, dialect: Dialect) -> Trouble:
    """Return that a row has another number of fields than the header."""
    message = f"the row has {fields(found)}, and the header has {header}"
    if found < header:
        return Trouble(message)
    delimiter = dialect.delimiter or COMMA
    name = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}.get(delimiter, mask_quoted(delimiter))
    return Trouble(message, f"a value with {name} in it has to be in quotes")


def stray_quote(text: str, dialect: Dialect) -> Trouble | None:
    """Return what is wrong with the quotes of a record, given as it is written: one begins where no field does."""
    quote, delimiter = dialect.quote or '"', dialect.delimiter or COMMA
    # Every second piece is outside of quotes; it is empty where a quote inside of quotes is written twice.
    for piece in text.split(quote)[:-1:2]:
        field = piece[piece.rfind(delimiter) + 1 :]
        if not field:
            continue
        if not field.strip():
            return Trouble("there is a blank before a quote", "delete the blanks between fields")
        if field.strip() == "=":
            return Trouble(
                'a field is the formula of a spreadsheet, ="…"', "write the value alone, without = and quotes"
            )
        return Trouble(
            "there is a quote inside a field that does not begin with one",
            "put the whole field in quotes, and write a quote inside of it twice; or declare quote: none",
        )
    return None
