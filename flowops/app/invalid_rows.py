"""Rows of a call set that are wrong: told and left out where the document says so, as long as they are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_any_number
from flowops.model.call import LeftOut
from flowops.model.document import Problem
from flowops.model.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.document import Document, RowPlace, Value
    from flowops.templates.batches import RenderedBatch

#: The code of what is said of them all.
INVALID_ROWS = "invalid-rows"
SHARE = "5%"


class InvalidRows:
    """What was left out of one call set; `taken` counts the rows that its ``where`` takes, good and bad."""

    def __init__(self, document: Document) -> None:
        self.rows: list[LeftOut] = []
        self._document = document
        self._found = Problems()
        self._taken = 0

    def add(self, batch: RenderedBatch) -> None:
        """Take in what a batch has left out."""
        self.rows += left_out(batch)
        self._taken += batch.invalid + len(batch.references)
        self._found += batch.skipped

    @property
    def count(self) -> int:
        """Return how many rows were left out."""
        return len(self.rows)

    def report(self, problems: Problems, warnings: Problems | None) -> None:
        """Put what is wrong behind the warnings, or, where too many rows are, behind the problems."""
        if not self.count:
            return
        most = allowed(self._document.value.get("max-invalid", SHARE), self._taken)
        rows = f"{self.count:,} of {self._taken:,} rows {'is' if self.count == 1 else 'are'} invalid"
        if self.count > most:
            message = f"on-invalid: {rows}, more than max-invalid allows: {most:,}"
            problems += self._found
            problems.add(self._problem(message))
        elif warnings is not None:
            warnings += self._found
            warnings.add(self._problem(f"on-invalid: {rows} and left out"))

    def _problem(self, message: str) -> Problem:
        return Problem(self._document.place(("on-invalid",)), message=message, code=INVALID_ROWS)


def left_out(batch: RenderedBatch) -> Iterator[LeftOut]:
    """Yield the rows that a batch has left out, with why: masked, as a wrong row has its numbers anywhere."""
    names = {call.row: call.reference_id for call in batch.left_out}
    reasons: dict[RowPlace, list[str]] = {}
    for problem in batch.skipped:
        if problem.row is not None:
            reasons.setdefault(problem.row, []).append(mask_any_number(problem.message))
    for row, why in sorted(reasons.items(), key=lambda item: item[0].number):
        name = names.get(row)
        yield LeftOut(batch.place, row, None if name is None else mask_any_number(name), tuple(dict.fromkeys(why)))


def allowed(most: Value, taken: int) -> int:
    """Return how many of so many rows may be invalid: a count, or a share of them, and then at least one."""
    if isinstance(most, int):
        return most
    share = float(str(most).removesuffix("%"))
    return max(1, int(taken * share / 100))
