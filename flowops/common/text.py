"""Text of any origin made fit to stand in a message: short, on one line, harmless; and its lines and columns."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from flowops.common.patterns import regex

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

#: More of a value than this is never repeated in a message.
SHOWN = 60
#: More names than this are not listed one by one.
LISTED = 12

# What a spreadsheet takes for the beginning of a formula, and what keeps it from doing so.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
# What stands for a value that is masked (see `flowops.common.masking`), and how much there is of anything.
_REPEATED = regex(r"'[^'•…]*+[•…][^']*+'|\+?(?P<number>[0-9•][0-9• ]*+)|''")
_COUNTED = regex(r"[0-9][0-9,.]*")
_IN_UTC = regex(
    r"(?P<day>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r" (?P<time>[0-9]{2}(?::[0-9]{2}){1,2}) UTC\b"
)
# What begins a command to a CI runner anywhere in a line: ``##[`` (GitHub), ``##vso[`` (Azure), ``##teamcity[``.
_COMMAND = regex(r"##(?=[A-Za-z]{0,20}\[)")
# Who logs in at an address, and with which password.
_LOGIN = regex(r"//[^/?#\s]*@")


def minute(text: str) -> str:
    """Return a time that was written for machines in UTC for people: ``2026-11-24 09:00 UTC``, see `local_times`."""
    return f"{text[:10]} {text[11:16]} UTC"


def second(text: str) -> str:
    """Return `minute` with its seconds: ``2026-11-24 09:00:12 UTC``."""
    return f"{text[:10]} {text[11:19]} UTC"


def local_times(text: str) -> str:
    """Return a text for people with its times in UTC as those of the zone that this process is in, which is named."""
    return _IN_UTC.sub(_in_local_time, text) if " UTC" in text else text


def _in_local_time(found: re.Match[str]) -> str:
    try:
        at = datetime.fromisoformat(f"{found['date']} {found['time']}+00:00").astimezone()
    except (ValueError, OverflowError):
        return found[0]
    seconds = ":%S" if found["time"].count(":") > 1 else ""
    return at.strftime(f"{'%a ' if found['day'] else ''}%Y-%m-%d %H:%M{seconds} %Z")


def visible(text: object) -> str:
    """Return text in which every character can be seen: a path may hold control characters, and bytes that are none."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in shown)


def without_commands(text: str, sharp: str) -> str:
    """Return a text in which no CI runner finds a command: its second ``#`` is written as the text's language can."""
    return _COMMAND.sub(lambda _: f"#{sharp}", text) if "##" in text else text


def shorten(text: str, longest: int) -> str:
    """Return the text, cut to so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def escaped(text: str) -> str:
    """Return a name or a part of a text as a message repeats it."""
    return visible(shorten(text, SHOWN))


def count(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 call``, ``1,200 calls``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def quoted(value: Any) -> str:
    """Return a value as the user wrote it: text in quotes, without a password; a collection by its kind."""
    if isinstance(value, str):
        return f"'{escaped(_LOGIN.sub('//•••@', value))}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        # Python refuses to print integers of many thousand digits, and nobody wants to read one.
        return escaped(str(value)) if value.bit_length() < 10_000 else "of thousands of digits"
    if isinstance(value, float):
        return repr(value)
    return "a list" if isinstance(value, list) else "a mapping"


def listed(names: Iterable[str]) -> str:
    """Return some names, not too many: ``a, b, c``."""
    shown = [escaped(name) for name in islice(names, LISTED + 1)]
    return ", ".join([*shown[:LISTED], "…"] if len(shown) > LISTED else shown)


def spreadsheet_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula and no terminal obeys, and in which everything can be seen.

    `from_spreadsheet` takes back any that may be a name.
    """
    from flowops.common.names import with_all_seen  # most commands write no cell

    shown = with_all_seen(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def from_spreadsheet(cell: str) -> str:
    """Return the text that `spreadsheet_cell` made a cell of, without the apostrophe in front."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def dotted(path: Iterable[str | int]) -> str:
    """Return the way to a value as messages show it: ``flow-variables.minutes``, ``callees[1]`` (counted from 0)."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += f".{escaped(step)}" if shown else escaped(step)
    return shown


@lru_cache(maxsize=1024)
def without_values(message: str) -> str:
    """Return a message without what it repeats of a row, so that the same mistake in two rows gives the same text."""
    return _COUNTED.sub("0", _REPEATED.sub(_without_value, message))


def _without_value(found: re.Match[str]) -> str:
    number = found["number"]
    return found[0] if number is not None and "•" not in number[1:] else "•"


LINE_BREAK = regex(r"\r\n?|\n")
#: A place is counted from the start of the block of so many characters that it is in.
_BLOCK = 4_096
_BEGINNING = (1, 0)


def line_starts(text: str) -> list[int]:
    """Return the offsets at which lines begin; the first is 0."""
    return [0, *(found.end() for found in LINE_BREAK.finditer(text))]


def count_breaks(text: str, start: int, end: int) -> int:
    """Return how many line breaks end between two offsets: a CR before an LF is the beginning of one."""
    return text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end + 1)


class Lines:
    """The lines of a text, which are counted once somebody asks: most texts have nothing that a message is about."""

    __slots__ = ("_blocks", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        #: The line in which each block begins, and where that line does.
        self._blocks = [_BEGINNING]

    def at(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset that is not inside a line break; a column is a character."""
        blocks, wanted = self._blocks, offset // _BLOCK
        while len(blocks) <= wanted:
            blocks.append(self._line(len(blocks) - 1, len(blocks) * _BLOCK))
        line, start = self._line(wanted, offset)
        return line, offset - start + 1

    def _line(self, block: int, offset: int) -> tuple[int, int]:
        """Return the line of an offset in a block, or at its end, and where that line begins."""
        line, start = self._blocks[block]
        begin = block * _BLOCK
        breaks = count_breaks(self._text, begin, offset)
        if not breaks:
            return line, start
        return line + breaks, 1 + max(self._text.rfind("\n", begin, offset), self._text.rfind("\r", begin, offset))
