"""A difference between two revisions as it may be shown: masked, and what changed in many calls is said once.

Every format is made from these values, JSON from `masked_changes`: what is not masked here is not printed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Self

from flowops.common.masking import calling_code
from flowops.common.tuples import NamedTuple
from flowops.model.call import INSTRUCTION_ID, ONE_ATTEMPT
from flowops.model.document import ABSENT
from flowops.model.plan import A_FEW, Change, Difference, Shift
from flowops.report.masking import PeopleCounter, masked
from flowops.report.views.plan import Group, distinguish_callees, view_of
from flowops.report.worddiff import Piece, edit, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flowops.model.call import Call, Origin
    from flowops.model.document import Place
    from flowops.model.plan import ChangedAttempts, DifferentCall


#: Bytes of JSON that are not written into a file.
_IN_MEMORY = 2**20


@dataclass(slots=True)
class Variant:
    """One way in which a field changed: `pieces` are those of the first call that has it."""

    pieces: tuple[Piece, ...]
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ChangedField:
    """A change of one field in all calls that have it from one place of the files; the most common change first.

    `variants` are those for a reader, `hidden` counts the others and `hidden_calls` their calls.
    """

    path: str
    place: Place
    count: int
    variants: list[Variant]
    hidden: int = 0
    hidden_calls: int = 0


class DifferenceView(NamedTuple):
    """A difference for readers. `people` counts the numbers that added and changed calls ring, each once.

    `around` are the changes of what is around the calls: where they go, with whose token, and the policy.
    """

    environment: str
    base: str
    head: str | None
    counts: Mapping[Shift, int]
    unchanged: int
    people: int
    base_problems: int
    countries: Mapping[str, int]
    fields: tuple[ChangedField, ...]
    added: tuple[Group, ...]
    removed: tuple[Group, ...]
    around: tuple[tuple[str, tuple[Piece, ...]], ...] = ()


class DifferenceOutput:
    """A difference as formats ask for it. Its calls are taken one by one as they are found, and none is kept.

    What a reader sees of them is counted, with `full` all of it. For a program each is written as a `line` into a
    private file, of which the document is made in the end.
    """

    def __init__(
        self, environment: str, *, full: bool = False, line: Callable[[DifferentCall], str] | None = None
    ) -> None:
        self.environment = environment
        self.found = Difference("", None, {}, 0)
        self._full = full
        self._line = line
        self._lines: IO[str] | None = None
        self._numbers: set[str] = set()
        self._pseudonym = PeopleCounter()
        self._groups: dict[Shift, dict[Place, Group]] = {Shift.ADDED: {}, Shift.REMOVED: {}}
        #: The document that the calls come from just now, and where the fields that changed stand in it.
        self._origin: Origin | None = None
        self._places: dict[str, Place] = {}
        self._fields: dict[tuple[str, Place], dict[tuple[Piece, ...], Variant]] = {}

    def close(self) -> None:
        """Let the file go."""
        if self._lines is not None:
            self._lines.close()

    def take_all(self, found: Difference) -> Self:
        """Take a difference that has its calls."""
        for each in found.calls:
            self.take(each)
        self.found = found
        return self

    @property
    def people(self) -> int:
        """Return how many numbers the added and changed calls ring, each counted once."""
        return len(self._numbers)

    def take(self, each: DifferentCall) -> None:
        """Take one call that differs."""
        if each.shift is not Shift.REMOVED:
            self._numbers.update(each.call.callees)
        if self._line is not None:
            if self._lines is None:
                self._lines = SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="\n")  # noqa: SIM115
            self._lines.write(f"{self._line(each)}\n")
        if each.shift is Shift.CHANGED:
            self._take_changes(each)
        else:
            self._take_call(each.call, each.shift)

    def lines(self) -> Iterator[str]:
        """Yield the calls as programs get them."""
        assert self._line is not None, "nobody said how a call is written"
        if self._lines is not None:
            self._lines.seek(0)
            yield from (line.rstrip("\n") for line in self._lines)

    @cached_property
    def view(self) -> DifferenceView:
        """Return it for readers, once all is taken: made once, for all that is printed of it."""
        found = self.found
        added, removed = (tuple(groups.values()) for groups in self._groups.values())
        distinguish_callees((*added, *removed))  # both sides have the same names
        fields = [_field(*where, list(variants.values()), full=self._full) for where, variants in self._fields.items()]
        return DifferenceView(
            environment=self.environment,
            base=found.base,
            head=found.head,
            counts=found.counts,
            unchanged=found.unchanged,
            people=self.people,
            base_problems=found.base_problems,
            countries=Counter(map(calling_code, self._numbers)),
            fields=(*map(_of_attempts, found.attempts), *sorted(fields, key=lambda each: -each.count)),
            added=added,
            removed=removed,
            around=tuple(
                (change.path.removeprefix("/"), pieces(change.before, change.after))
                for change in masked_changes(found.environment)
            ),
        )

    def _take_changes(self, each: DifferentCall) -> None:
        """Count the changes of a call by field and place."""
        call = each.call
        if self._origin is not call.origin:  # that of a call set is one for all of its calls
            self._origin = call.origin
            self._places.clear()
        for change in masked_changes(each.changes):
            path = change.path
            place = self._places.get(path) or self._places.setdefault(path, _place_of(call.origin, path))
            steps = pieces(change.before, change.after)
            variants = self._fields.setdefault((path.removeprefix("/"), place), {})
            which = edit(steps)
            variant = variants.get(which) or variants.setdefault(which, Variant(steps))
            variant.count += 1
            if self._full or len(variant.samples) < A_FEW:
                variant.samples.append(call.reference_id)

    def _take_call(self, call: Call, shift: Shift) -> None:
        """Count a call by its document, and keep what a reader sees of it."""
        place, groups = call.origin.place(), self._groups[shift]
        group = groups.get(place) or groups.setdefault(place, Group(place, shift))
        group.flows[f"flow {call.flow}" if call.flow else f"callflow-id {call.body['callflow-id']}"] = None
        if group.shows(shift, full=self._full):
            group.shown.append(view_of(call, shift, self._pseudonym))


def _place_of(origin: Origin, pointer: str) -> Place:
    """Return where a field stands that changed."""
    path = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    return origin.place(("reference-id",) if path == (INSTRUCTION_ID,) else path)


def _of_attempts(each: ChangedAttempts) -> ChangedField:
    """Return how the number of attempts of a document's calls changed."""
    before = ABSENT if each.before in (None, ONE_ATTEMPT) else str(each.before)
    after = ABSENT if each.after == ONE_ATTEMPT else str(each.after)
    return ChangedField("attempts", each.place, each.calls, [Variant(pieces(before, after), each.calls, [each.first])])


def masked_changes(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield changes as they may be shown."""
    for change in changes:
        before, after = (side if side is ABSENT else masked(side) for side in (change.before, change.after))
        yield Change(change.path, before, after)


def _field(path: str, place: Place, variants: list[Variant], *, full: bool) -> ChangedField:
    """Return one field with its commonest variants."""
    variants.sort(key=lambda variant: -variant.count)
    shown, rest = (variants, []) if full else (variants[:A_FEW], variants[A_FEW:])
    count, hidden_calls = sum(variant.count for variant in variants), sum(variant.count for variant in rest)
    return ChangedField(path, place, count, shown, len(rest), hidden_calls)
