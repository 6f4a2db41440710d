"""What goes wrong in templates: the rules of this package by their names, and calls that share a reference-id."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Self

from flowops.common.masking import are_values, mask_any_number, mask_names
from flowops.common.names import looks_like, meant, nearest
from flowops.common.patterns import regex
from flowops.common.text import shorten
from flowops.model.call import split_reference
from flowops.model.document import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from flowops.model.call import Call
    from flowops.model.document import Place

#: The names that the templates of a document ask of each mapping, by how they call that: ``row``, ``row.address``.
Asked = dict[str, set[str]]
#: Names in templates and rows may be very long.
_LONGEST = 300
_LONGEST_HINT = 600
#: Rows have fewer columns; of one that has more, those behind them are not told.
_LOOKED_AT = 500


class TemplateError(Exception):
    """What is wrong with a template, or with a value that it met; the message holds no value of a row.

    `offset` counts characters from the start of the template; None until the part that knows it has
    seen the error. A hint that takes work to find is a function, called when the error is reported.
    """

    def __init__(self, message: str, *, hint: str | Callable[[], str] | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = shorten(message, _LONGEST)
        self.offset = offset
        self._hint = hint

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it."""
        hint = self._hint() if callable(self._hint) else self._hint
        return None if hint is None else shorten(hint, _LONGEST_HINT)

    def find_hint(self) -> str | None:
        """Return `hint`, for whoever asks later."""
        return self.hint

    def at(self, offset: int, name: str | None = None) -> Self:
        """Return the error with its place, and the filter's name before the message, unless it knows its place."""
        if self.offset is None:
            self.offset = offset
            self.message = self.message if name is None else shorten(f"{name}: {self.message}", _LONGEST)
        return self


class UndefinedName(TemplateError):
    """A name that is not there; the hint tells what is.

    `asked` are the names that templates ask of each mapping, such as ``row``: they decide what may be told of it.
    """

    def __init__(self, label: str, offset: int, parent: str, key: object, present: Collection[object]) -> None:
        self.asked: Asked = {}
        super().__init__(
            f"'{label}' is not defined",
            hint=lambda: _what_there_is(label, parent, str(key), present, self.asked.get(parent, ())),
            offset=offset,
        )


class BudgetExceeded(TemplateError):
    """A call's templates take more work than one call may; ends the rendering of the call."""

    def __init__(self) -> None:
        super().__init__(
            "the templates of this call take too much work", hint="loop over less, or prepare the data beforehand"
        )


def member(parent: str, key: str) -> str:
    """Return how a template writes a key of a mapping: ``row.phone``, or ``row['first name']``."""
    return f"{parent}.{key}" if key.isidentifier() and not key.startswith("_") else f"{parent}[{key!r}]"


#: Of which mappings nobody but an author gives the names.
_WRITTEN = regex(r"(?:vars|loop)\b")


def _what_there_is(label: str, parent: str, key: str, present: Collection[object], asked: Collection[str]) -> str:
    """Return what a mapping has, the nearest name first; of very many names only the first are looked at.

    Where a file has no header, the names of its columns are the values of its first row, and nobody's name looks like
    one. So names are told where the templates, which know some of them, find at least half of what they ask for.
    """
    names = tuple(name for name in islice(present, _LOOKED_AT) if isinstance(name, str))
    owner = "the row" if parent == "row" else parent
    alike, have_values = _known(names)
    found = sum(looks_like(name) in alike for name in asked)
    told = _WRITTEN.match(parent) is not None or 2 * found >= max(len(asked), 1)
    guess = alike.get(looks_like(key)) or (nearest(key, names) if told and not have_values else None)
    parts = [] if guess is None else [meant(key, guess, member(parent, guess))]
    if told or not names:
        parts.append(f"{owner} has: {mask_names(names)}" if names else f"{owner} is empty")
        if guess is None:
            parts[-1] += _remedy(label, parent)
    elif parent == "row":
        columns = "1 column" if len(present) == 1 else f"{len(present)} columns"
        parts.append(f"the row has {columns}, most with other names: is the first line of a CSV its header?")
    else:
        parts.append(f"{owner} has {len(present)} other names")
    return " ".join(parts)


@lru_cache(maxsize=4)
def _known(names: tuple[str, ...]) -> tuple[dict[str, str], bool]:
    """Return names by how they look, and whether one of them looks like a value: one mapping lacks many names."""
    return {looks_like(name): name for name in names}, are_values(names)


def _remedy(label: str, parent: str) -> str:
    """Return how a variable is given that a template names itself; a name that was worked out may be a row's value."""
    name = label.removeprefix("vars.")
    return f"; give it with --var {name}=…" if parent == "vars" and label != name and name.isidentifier() else ""


#: The stable names of the rules that this package applies.
TEMPLATE = "template"
FLOW = "flow"
VARIABLE = "variable"
DUPLICATE = "duplicate"

_REFERENCE = "reference-id"
_MOVED_FROM = "moved-from"


_OWN = "each call needs one of its own"


def duplicates(calls: Iterable[Call]) -> Iterator[Problem]:
    """Yield a problem for every call whose reference-id an earlier call has, naming where that one is from."""
    first: dict[str, tuple[Call, Place]] = {}
    origin = place = None
    for call in calls:
        # The rows of a document come one after the other, and are placed where it says the name of all.
        if call.origin is not origin or place is None:
            origin, place = call.origin, call.origin.place((_REFERENCE,))
        known = first.get(call.reference_id)
        if known is None:
            first[call.reference_id] = call, place
        else:
            message = f"{_REFERENCE}: {_both(call, place, *known)}"
            yield Problem(place, call.row, message, DUPLICATE, _OWN, kind=DUPLICATE)


def attempt_names(calls: Iterable[Call], with_attempts: Mapping[str, Call]) -> Iterator[Problem]:
    """Yield a problem for every call whose reference-id an attempt of another one has; that is by its reference-id."""
    for call in calls:
        root, attempt = split_reference(call.reference_id)
        other = with_attempts.get(root)
        if other is not None and 1 < attempt <= other.attempts.most:
            at, name = other.origin.place((_REFERENCE,)), mask_any_number(call.reference_id)
            row = f", {other.row.in_file}" if other.row else ""
            message = f"{_REFERENCE}: '{name}' is the name of attempt {attempt} of the call at {at}{row}"
            yield Problem(call.origin.place((_REFERENCE,)), call.row, message, DUPLICATE, _OWN, kind=DUPLICATE)


def wrong_moves(calls: Iterable[Call], references: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for every call that is moved from where another one is, or from where an earlier one is moved.

    `references` are those of the calls that there are, of all that calls are moved from.
    """
    first: dict[str, Call] = {}
    for call in calls:
        before = call.terms.moved_from
        if before is None:
            continue
        known = first.setdefault(before, call)
        place, name = call.origin.place((_MOVED_FROM,)), call.shown((_MOVED_FROM,), before)
        if before == call.reference_id:
            message, hint = f"{name} is its own reference-id", "name the one that it had before, or leave it out"
        elif before in references:
            message, hint = f"{name} is the reference-id of a call in these files", "a call that was moved is not there"
        elif known is not call:
            where = known.origin.place((_MOVED_FROM,))
            row = f", {known.row.in_file}" if known.row else ""
            message, hint = f"{name} is also that of the call at {where}{row}", "one call becomes one call"
        else:
            continue
        yield Problem(place, call.row, f"{_MOVED_FROM}: {message}", DUPLICATE, hint, kind=hint)


def _both(call: Call, place: Place, first: Call, at: Place) -> str:
    """Return ``row 2 and row 1 of data/d.csv both make the reference-id 'x-1'``."""
    # One of the two may be of a row that is wrong, so that nobody knows whose number stands in its name.
    name = mask_any_number(call.reference_id)
    if call.row is None or first.row is None:
        return f"'{name}' is also that of the call at {at}{f', {first.row.in_file}' if first.row else ''}"
    row = f"row {call.row.number}" if call.row.file == first.row.file else str(call.row)
    where = "" if at == place else f" (at {at})"
    return f"{row} and {first.row}{where} both make the reference-id '{name}'"
