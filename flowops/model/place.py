"""Where something stands in the user's files, and what is wrong there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final


class Place(NamedTuple):
    """A position in a file; `line` and `column` count from 1, `file` is shown as it is."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class RowPlace(NamedTuple):
    """A row of data: `number` counts data rows from 1, `line` is where it starts in the file, if that has lines."""

    file: str
    number: int
    line: int | None

    def __str__(self) -> str:
        return f"row {self.number} of {self.file}"

    @property
    def in_file(self) -> str:
        """Return the row as a message names it, with its line: ``row 12 of data/x.csv, line 13``."""
        return str(self) if self.line is None else f"{self}, line {self.line}"


class Problem:
    """One thing the user has to mend.

    `message` names the field first (``callee: '+3161234' is not a valid number in NL``), `code` is the
    stable name of the rule that found it (``schema``, ``template``, ``number``, …), for machines.
    Neither the row nor the hint makes another problem of it.
    """

    __slots__ = ("code", "hint", "message", "place", "row")

    def __init__(
        self,
        place: Place,
        row: RowPlace | None = None,
        message: str = "",
        code: str = "invalid",
        hint: str | None = None,
    ) -> None:
        self.place: Final = place
        self.row: Final = row
        self.message: Final = message
        self.code: Final = code
        self.hint: Final = hint

    def _key(self) -> tuple[Place, str, str]:
        return self.place, self.message, self.code

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Problem) else NotImplemented

    def __lt__(self, other: Problem) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Problem({self.place!r}, {self.row!r}, {self.message!r}, {self.code!r}, {self.hint!r})"
