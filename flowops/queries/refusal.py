"""Why there are no rows, or no more."""

from __future__ import annotations


class Refused(Exception):
    """What is wrong with a query or a file, for the user; `row` counts from 1 when it is about one."""

    def __init__(self, message: str, hint: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.row = row
