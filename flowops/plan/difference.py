"""Two revisions of the calls, joined by reference-id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowops.model.difference import Difference, DifferentCall, Shift
from flowops.plan.canonical import Uncanonical, fingerprint
from flowops.plan.diff import diff

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from flowops.model.call import Call
    from flowops.model.document import Value

    #: A fingerprint, or of a body that has none the body itself.
    Identity: TypeAlias = str | dict[str, Value]


class Side(Protocol):
    """One of two revisions: what each reference-id stands for, and the calls, gone through for those that differ."""

    @property
    def identities(self) -> Mapping[str, Identity]:
        """Return the identities of the bodies by reference-id."""
        ...

    @property
    def calls(self) -> Iterable[Call]:
        """Return the calls themselves."""
        ...


def identity(body: dict[str, Value]) -> Identity:
    """Return what is the same for two bodies when they are, whatever file they are written in."""
    try:
        return fingerprint(body)
    except Uncanonical:
        return body


def difference(
    base: Side,
    head: Side,
    *,
    names: tuple[str, str | None],
    pseudonymize: Callable[[Call], dict[str, Value]],
) -> Difference:
    """Return what the head renders otherwise than the base; `names` are what people call the two.

    Of a call whose bodies differ, every value that is sensitive on either side has a pseudonym on both before the
    fields are compared; the calls themselves are left as they are.
    """
    before, after = base.identities, head.identities
    unchanged = {reference for reference, body in after.items() if before.get(reference) == body}
    old = _others(base, unchanged)
    new = _others(head, unchanged)
    found: list[DifferentCall] = []
    for reference, call in new.items():
        if reference not in old:
            found.append(DifferentCall(Shift.ADDED, call))
            continue
        sensitive = old[reference].sensitive | call.sensitive
        sides = (pseudonymize(side._replace(sensitive=sensitive)) for side in (old[reference], call))
        found.append(DifferentCall(Shift.CHANGED, call, diff(*sides)))
    found += (DifferentCall(Shift.REMOVED, call) for reference, call in old.items() if reference not in new)
    return Difference(*names, tuple(found), len(unchanged))


def _others(side: Side, unchanged: Container[str]) -> dict[str, Call]:
    return {call.reference_id: call for call in side.calls if call.reference_id not in unchanged}
