"""A difference of two revisions as it may be shown: masked, word by word, what changed in many calls said once.

Every format but JSON is made from these values, JSON from `changes_of`: what is not masked here is not printed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.masking import calling_code
from flowops.model.call import ONE_ATTEMPT
from flowops.model.document import ABSENT
from flowops.model.plan import A_FEW, Change, Shift
from flowops.report.masking import PeopleCounter, masked
from flowops.report.views.plan import Group, distinguish_callees, view_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Place, Value
    from flowops.model.plan import ChangedAttempts, Difference, DifferentCall

#: Words that stay on each side of a difference inside a long text.
CONTEXT = 3
#: Texts of so many characters are shown whole.
SHORT = 60
#: How much work comparing two texts may be: the product of their numbers of words.
_WORK = 250_000
_WORDS = re.compile(r"\s*\S+|\s+")
GAP = "…"
#: Said of two values that are the same as they may be shown.
MASKED = " (another value behind the mask)"


class Side(StrEnum):
    """Which of the two a piece stands in."""

    BOTH = "both"
    BEFORE = "before"
    AFTER = "after"


class Piece(NamedTuple):
    """A run of words, as they are in the text; not escaped."""

    side: Side
    text: str


def pieces(before: Value, after: Value) -> tuple[Piece, ...]:
    """Return what leads from one masked value to the other; equal ones say that another value is behind the mask."""
    if before is not ABSENT and before == after and type(before) is type(after):
        return (Piece(Side.BOTH, f"{shown(after)}{MASKED}"),)
    if isinstance(before, str) and isinstance(after, str):
        old, new = _WORDS.findall(before), _WORDS.findall(after)
        runs = list(_runs(old, new))
        if any(side is Side.BOTH and text.strip() for side, text in runs):
            return tuple(_shortened(runs) if max(len(before), len(after)) > SHORT else (Piece(*run) for run in runs))
    return (Piece(Side.BEFORE, shown(before)), Piece(Side.AFTER, shown(after)))


def edit(found: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the difference alone, whatever stands around it: calls with other names in the same text have the same."""
    differing = tuple(Piece(piece.side, piece.text.strip()) for piece in found if piece.side is not Side.BOTH)
    return differing or tuple(found)


def one_side(found: Sequence[Piece], side: Side) -> tuple[Piece, ...]:
    """Return the pieces of one side, in quotes where the words of two texts are compared."""
    both = [piece for piece in found if piece.side is Side.BOTH]
    if len(found) == len(both) == 1:
        return (Piece(Side.BOTH, found[0].text.removesuffix(MASKED) if side is Side.BEFORE else found[0].text),)
    pieces = tuple(piece for piece in found if piece.side in (side, Side.BOTH))
    return (Piece(Side.BOTH, '"'), *pieces, Piece(Side.BOTH, '"')) if both else pieces


def shown(value: Value) -> str:
    """Return a JSON value as it is shown: text in quotes, nothing as ``(absent)``."""
    return "(absent)" if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[Side, str]]:
    """Yield runs of words that are on both sides or on one."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < min(len(old), len(new)) - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[same : len(old) - tail], new[same : len(new) - tail]
    if same:
        yield Side.BOTH, "".join(old[:same])
    if len(middle_old) * len(middle_new) > _WORK:
        yield Side.BEFORE, "".join(middle_old)
        yield Side.AFTER, "".join(middle_new)
    else:
        matcher = difflib.SequenceMatcher(None, middle_old, middle_new, autojunk=False)
        for tag, first, last, from_, to in matcher.get_opcodes():
            if tag == "equal":
                yield Side.BOTH, "".join(middle_old[first:last])
                continue
            if first < last:
                yield Side.BEFORE, "".join(middle_old[first:last])
            if from_ < to:
                yield Side.AFTER, "".join(middle_new[from_:to])
    if tail:
        yield Side.BOTH, "".join(old[len(old) - tail :])


def _shortened(runs: Sequence[tuple[Side, str]]) -> Iterator[Piece]:
    """Yield the runs with what is the same on both sides cut down to the words next to a difference."""
    for number, (side, text) in enumerate(runs):
        if side is not Side.BOTH:
            yield Piece(side, text)
            continue
        words = _WORDS.findall(text)
        before, after = (CONTEXT if number else 0), (CONTEXT if number < len(runs) - 1 else 0)
        if len(words) <= before + after:
            yield Piece(side, text)
            continue
        head = "".join(words[:before])
        last = "".join(words[len(words) - after :]) if after else ""
        yield Piece(side, f"{head} {GAP}{last}" if head else f"{GAP}{last}")


@dataclass(slots=True)
class Variant:
    """One way in which a field changed: `pieces` are those of the first call that has it."""

    pieces: tuple[Piece, ...]
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ChangedField:
    """What became of one field in all calls that have it from one place of the files; the commonest way first.

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


class DifferenceOutput(NamedTuple):
    """A difference as formats ask for it; with `full` nothing is left out."""

    found: Difference
    environment: str
    full: bool = False

    def view(self) -> DifferenceView:
        """Return it for readers."""
        return of_difference(self.found, self.environment, full=self.full)


def of_difference(found: Difference, environment: str, *, full: bool = False) -> DifferenceView:
    """Return a difference for readers; with `full` nothing is left out."""
    pseudonym = PeopleCounter()
    added, removed = (
        _grouped((each for each in found.calls if each.shift is shift), shift, pseudonym, full=full)
        for shift in (Shift.ADDED, Shift.REMOVED)
    )
    distinguish_callees((*added, *removed))  # both sides have the same names
    reached = {number for each in found.calls if each.shift is not Shift.REMOVED for number in each.call.callees}
    return DifferenceView(
        environment=environment,
        base=found.base,
        head=found.head,
        counts=found.counts(),
        unchanged=found.unchanged,
        people=len(reached),
        base_problems=found.base_problems,
        countries=Counter(calling_code(number) for number in reached),
        fields=(
            *map(_of_attempts, found.attempts),
            *_fields((each for each in found.calls if each.shift is Shift.CHANGED), full=full),
        ),
        added=added,
        removed=removed,
        around=tuple(
            (change.path.removeprefix("/"), pieces(change.before, change.after))
            for change in masked_changes(found.environment)
        ),
    )


def _of_attempts(each: ChangedAttempts) -> ChangedField:
    """Return what became of how often the calls of a document may be tried."""
    before = ABSENT if each.before in (None, ONE_ATTEMPT) else str(each.before)
    after = ABSENT if each.after == ONE_ATTEMPT else str(each.after)
    return ChangedField("attempts", each.place, each.calls, [Variant(pieces(before, after), each.calls, [each.first])])


def changes_of(each: DifferentCall) -> Iterator[Change]:
    """Yield the changes of a call, masked."""
    return masked_changes(each.changes)


def masked_changes(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield changes as they may be shown."""
    for change in changes:
        before, after = (side if side is ABSENT else masked(side) for side in (change.before, change.after))
        yield Change(change.path, before, after)


def _fields(calls: Iterable[DifferentCall], *, full: bool) -> Iterator[ChangedField]:
    """Yield the changes by field and place, those of the most calls first."""
    found: dict[tuple[str, Place], dict[tuple[Piece, ...], Variant]] = {}
    for each in calls:
        for change in changes_of(each):
            path = tuple(step.replace("~1", "/").replace("~0", "~") for step in change.path.split("/")[1:])
            place = each.call.origin.place(("reference-id",) if path == ("instruction-id",) else path)
            steps = pieces(change.before, change.after)
            variants = found.setdefault((change.path.removeprefix("/"), place), {})
            variant = variants.setdefault(edit(steps), Variant(steps))
            variant.count += 1
            if full or len(variant.samples) < A_FEW:
                variant.samples.append(each.call.reference_id)
    fields = [_field(*where, list(variants.values()), full=full) for where, variants in found.items()]
    yield from sorted(fields, key=lambda each: -each.count)


def _field(path: str, place: Place, variants: list[Variant], *, full: bool) -> ChangedField:
    """Return one field with its commonest variants."""
    variants.sort(key=lambda variant: -variant.count)
    shown, rest = (variants, []) if full else (variants[:A_FEW], variants[A_FEW:])
    count, hidden_calls = sum(variant.count for variant in variants), sum(variant.count for variant in rest)
    return ChangedField(path, place, count, shown, len(rest), hidden_calls)


def _grouped(
    calls: Iterable[DifferentCall], shift: Shift, pseudonym: PeopleCounter, *, full: bool
) -> tuple[Group, ...]:
    """Return the calls by document, a few of each."""
    groups: dict[Place, Group] = {}
    for each in calls:
        call = each.call
        place = call.origin.place()
        group = groups.setdefault(place, Group(place, shift))
        group.flows[f"flow {call.flow}" if call.flow else f"callflow-id {call.body['callflow-id']}"] = None
        if group.shows(shift, full=full):
            group.shown.append(view_of(call, shift, pseudonym))
    return tuple(groups.values())
