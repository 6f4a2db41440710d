"""Where something stands in the user's files, and what is wrong there."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; `line` and `column` count from 1, `file` is shown as it is."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class RowPlace:
    """A row of data: `number` counts data rows from 1, `line` is where it starts in the file, if that has lines."""

    file: str
    number: int
    line: int | None

    def __str__(self) -> str:
        return f"row {self.number} of {self.file}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing the user has to mend.

    `message` names the field first (``callee: '+3161234' is not a valid number in NL``), `code` is the
    stable name of the rule that found it (``schema``, ``template``, ``number``, …), for machines.
    """

    place: Place
    row: RowPlace | None = field(default=None, compare=False)
    message: str = ""
    code: str = "invalid"
    hint: str | None = field(default=None, compare=False)
