"""Two lists of rendered calls, joined by reference-id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Difference, DifferentCall, Problem, Shift
from flowops.plan.canonical import identify
from flowops.plan.diff import diff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowops.model import Call, Value


def difference(
    base: Iterable[Call],
    head: Iterable[Call],
    *,
    names: tuple[str, str | None],
    seal: Callable[[Call], dict[str, Value]],
) -> Difference:
    """What the head renders otherwise than the base; `names` are what people call the two.

    Bodies are the same when their fingerprints are, whatever file they are written in. A body without a fingerprint
    (see `identify`) is compared as it is. Of a call whose bodies differ, every value that is sensitive on either side
    is sealed on both before the fields are compared; the calls themselves are left as they are.
    """
    before = {call.reference_id: call for call in base}
    after = {call.reference_id: call for call in head}
    found: list[DifferentCall] = []
    unchanged = 0
    for reference, call in after.items():
        old = before.get(reference)
        if old is None:
            found.append(DifferentCall(Shift.ADDED, call))
        elif _same(old, call):
            unchanged += 1
        else:
            sensitive = old.sensitive | call.sensitive
            sides = (seal(side._replace(sensitive=sensitive)) for side in (old, call))
            found.append(DifferentCall(Shift.CHANGED, call, diff(*sides)))
    found += (DifferentCall(Shift.REMOVED, call) for reference, call in before.items() if reference not in after)
    return Difference(*names, tuple(found), unchanged)


def _same(old: Call, new: Call) -> bool:
    one, other = identify(old), identify(new)
    if isinstance(one, Problem) or isinstance(other, Problem):
        return old.body == new.body
    return one == other
