"""A result as a small tree of values, which the writers for people draw: text, Markdown and HTML.

Everything in it is masked already, and nothing is escaped: each writer does that for its medium. Whatever a report
says is said in every format, because there is nothing else to draw.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from flowops.common.text import count
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowops.report.worddiff import Piece

Item = TypeVar("Item")


class Tone(StrEnum):
    """The tone of a word: good, bad, waiting, in doubt; a writer has a colour for each."""

    PLAIN = ""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ALARM = "alarm"
    DOUBT = "doubt"
    WAIT = "wait"
    MUTED = "muted"


class Word(NamedTuple):
    """Words that are more than prose: in `code` a name or value from outside.

    `short` stands for it where there is little room.
    """

    text: str
    tone: Tone = Tone.PLAIN
    strong: bool = False
    code: bool = False
    short: str = ""


class Mark(NamedTuple):
    """The sign in front of a call, and what it means."""

    sign: str
    meaning: str
    tone: Tone = Tone.PLAIN


class Edit(NamedTuple):
    """The edits that lead from one value to another."""

    pieces: tuple[Piece, ...]


#: A sentence or a part of one; a plain text in it is prose.
Phrase: TypeAlias = "tuple[str | Word | Edit, ...]"
#: The content of one field of a table, one line each.
Cell: TypeAlias = "tuple[Phrase, ...]"


class Where(StrEnum):
    """The place of a column in a terminal; pages have a column for each."""

    CELL = "cell"
    #: At the end of the row, after a colon; further lines below it.
    AFTER = "after"
    #: On lines of its own.
    BELOW = "below"
    #: Nowhere, and not in Markdown: only a page has room for it.
    PAGE = "page"


class Column(NamedTuple):
    """A column of a table."""

    name: str
    where: Where = Where.CELL


class Row(NamedTuple):
    """A row of a table; what is `urgent` needs a decision, and comes first where not everything fits."""

    cells: tuple[Cell, ...]
    urgent: bool = False
    mark: Mark | None = None


class Lazy(Generic[Item]):
    """Things that are made when they are drawn, each time."""

    def __init__(self, make: Callable[[], Iterable[Item]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Item]:
        return iter(self._make())


class Table(NamedTuple):
    """Rows; `number` is how many there are, None where that is not known before the end.

    A terminal shows a `few` of them where not all are asked for. `hidden` says which others there are.
    With a `total` a terminal has the head, every column aligned, and the number of rows.
    """

    columns: tuple[Column, ...]
    rows: Iterable[Row]
    number: int | None = None
    few: int | None = None
    hidden: str = ""
    total: str = ""
    indent: int = 2


class Entry(NamedTuple):
    """An item of a list, one line or more, and its details."""

    lines: tuple[Phrase, ...]
    note: Phrase = ()
    mark: Mark | None = None


class Listing(NamedTuple):
    """Things one after the other."""

    entries: Iterable[Entry]
    hidden: str = ""


class Bar(NamedTuple):
    """One number of a chart; `note` says more of it."""

    name: str
    number: int
    note: str = ""
    tone: Tone = Tone.PLAIN


class Chart(NamedTuple):
    """Numbers by name."""

    title: str
    bars: Sequence[Bar]
    legend: str = ""
    #: What is counted.
    unit: str = "calls"


class Code(NamedTuple):
    """Lines that are printed unchanged; with a caption they are a whole document."""

    lines: Iterable[str]
    caption: str = ""
    language: str = "yaml"


Block: TypeAlias = "Table | Listing | Chart | Code"


class Section(NamedTuple):
    """A part of a report; `commands` can be typed as they are.

    `urgent` says what of it needs a decision, where only some of its rows do. One that is `folded` is closed at
    first where that is possible. `detail` is for where there is room: a page.
    """

    title: Phrase
    blocks: Iterable[Block]
    urgent: Phrase = ()
    folded: bool = False
    detail: bool = False
    commands: tuple[str, ...] = ()


class Total(NamedTuple):
    """One of the totals; `phones` is how many phones these calls go to, where that is known."""

    name: str
    number: int
    tone: Tone = Tone.PLAIN
    phones: int | None = None

    @property
    def note(self) -> str:
        """Return ``3 phones`` where calls and phones are not the same number, else nothing."""
        if self.phones is None or self.phones == self.number:
            return ""
        return count(self.phones, "phone")


class Totals(NamedTuple):
    """The totals by kind; the first `always` are shown even when they are zero."""

    label: Phrase
    counts: tuple[Total, ...]
    always: int

    @property
    def told(self) -> tuple[Total, ...]:
        """Return those that a reader is shown."""
        return tuple(each for at, each in enumerate(self.counts) if at < self.always or each.number)


class Report(NamedTuple):
    """All that a result says: where totals stand depends on which end of it a reader sees first.

    `alerts` come before anything else. `remarks` explain the totals, `notices` are about the whole. `context` says what
    it was made from. Project and `environment` make the marker by which a bot finds the comment that it wrote before;
    without a `kind` it is no comment, and may be of any length. `things` are what it has many of.
    """

    sections: Iterable[Section]
    title: Phrase = ()
    subtitle: Phrase = ()
    context: Phrase = ()
    alerts: tuple[Phrase, ...] = ()
    totals: Totals | None = None
    remarks: tuple[Phrase, ...] = ()
    notices: tuple[Phrase, ...] = ()
    digest: str = ""
    kind: str = ""
    environment: str = ""
    things: str = "calls"
    #: Whether a terminal has the title in front, and an empty line between the sections.
    headed: bool = True
    spaced: bool = False


def named(text: str, short: str = "", *, strong: bool = False) -> Word:
    """Return a name or value from outside."""
    return Word(text, strong=strong, code=True, short=short)


def strong(text: str, tone: Tone = Tone.PLAIN) -> Word:
    """Return words that stand out."""
    return Word(text, tone, strong=True)


def cell(*parts: str | Word | Edit) -> Cell:
    """Return a field of one line; an empty one without parts."""
    return (parts,) if parts else ()


def plain(phrase: Phrase) -> str:
    """Return the words of a phrase; of an edit nothing."""
    return "".join(part if isinstance(part, str) else part.text for part in phrase if not isinstance(part, Edit))
