"""What a walk over calls says of them besides problems: warnings, and the rows that are wrong and left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_any_number
from flowops.common.patterns import regex
from flowops.model.call import LeftOut
from flowops.model.document import Batch, Place, Problem, Problems
from flowops.templates.leftovers import leftovers, may_have_leftovers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from flowops.app.load import Workspace
    from flowops.model.call import CallBatch
    from flowops.model.document import Document, RowPlace, Value
    from flowops.templates.batches import RenderedBatch
#: The codes of warnings: of texts that hold what was to be rendered, of documents without calls.
LEFTOVER = "leftover"
#: The code of the warning about references that change with their rows' places; and such a template, which takes the
#: number itself, and no column of that name.
ROW_NUMBER = "row-number"
_BY_ROW_NUMBER = regex(r"(?<![\w.'\"])row_number\b")
NO_CALLS = "no-calls"


class RowCounter:
    """Batches on their way, counted: `count` rows were read, the first of them from `file`."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.count = 0
        self.file = ""
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._batches:
            self.file = self.file or batch.file
            self.count += len(batch.rows)
            yield batch


def warn_of_row_number(document: Document, warnings: Problems) -> None:
    """Warn of calls that are named by where their rows stand."""
    reference = document.value["call"].get("reference-id")
    if isinstance(reference, str) and "{" in reference and _BY_ROW_NUMBER.search(reference):
        message = "reference-id: is made of row_number, which is another one for each row below one that is inserted"
        hint = "name calls by what belongs to them, such as {{ row.id }}: another name is another call, and rings"
        place = document.place(("call", "reference-id"))
        warnings.add(Problem(place, message=message, code=ROW_NUMBER, hint=hint))


def warn_of_leftovers(batch: CallBatch, columns: Collection[str], warnings: Problems) -> None:
    """Warn of what a call says that it was not meant to say."""
    bodies = batch.bodies
    for index, body in enumerate(bodies) if may_have_leftovers(bodies) else ():
        for found in leftovers(body, columns):
            call = batch.call(index)
            place = call.origin.place(found.path)
            warnings.add(Problem(place, call.row, found.message, LEFTOVER, found.hint))


def no_documents(workspace: Workspace) -> Problem:
    """Return why there are no calls at all."""
    project = workspace.project
    if project.document is None:
        place, looked = Place(workspace.reader.shown(project.root)), "the files that were read"
    else:
        place, looked = project.document.place(("include",)), f"include: {', '.join(project.include)}"
    message = f"there are no calls: no document of kind Call or CallSet ({looked})"
    return Problem(place, message=message, code=NO_CALLS)


def no_rows(document: Document, rows: RowCounter) -> Problem:
    """Return why a call set has no calls, although nothing is wrong with it."""
    if not rows.count:
        field = "matrix" if "matrix" in document.value else "for-each"
        return Problem(document.place((field,)), message=f"{field}: there are no rows, so no calls", code=NO_CALLS)
    if document.value.get("limit") == 0:
        return Problem(document.place(("limit",)), message="limit: takes none of the rows", code=NO_CALLS)
    message = f"where: false for all rows, {rows.count:,} of {rows.file}, so there are no calls"
    return Problem(document.place(("where",)), message=message, code=NO_CALLS)


#: The code of what is said of them all.
INVALID_ROWS = "invalid-rows"
SHARE = "5%"


class InvalidRows:
    """The rows that were left out of one call set; `taken` counts the rows that its ``where`` takes, good and bad."""

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
            problems.add(self._problem(message, f"fix them, or allow as many: max-invalid: {self.count}"))
        elif warnings is not None:
            warnings += self._found
            warnings.add(self._problem(f"on-invalid: {rows} and left out"))

    def _problem(self, message: str, hint: str | None = None) -> Problem:
        return Problem(self._document.place(("on-invalid",)), message=message, hint=hint, code=INVALID_ROWS)


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
