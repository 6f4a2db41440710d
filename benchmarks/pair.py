"""A stage and its bare limit, ready to be timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


def _nothing() -> None:
    return


class Pair(NamedTuple):
    """Both return how many things they did; what `prepare` does before each of them is not timed."""

    bare: Callable[[], int]
    own: Callable[[], int]
    prepare: Callable[[], None] = _nothing
