"""What a template sees while it is rendered, and the steps it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowops.templates.fault import OutOfSteps
from flowops.templates.limits import CALL_STEPS

if TYPE_CHECKING:
    from flowops.model import Value


class Scope:
    """The names of one call: ``vars``, and ``row`` and ``row_number``; inside a loop also its own."""

    __slots__ = ("names", "steps")

    def __init__(self, names: dict[str, Value], steps: int = CALL_STEPS) -> None:
        self.names = names
        self.steps = steps

    def spend(self, steps: int) -> None:
        """Take steps; raises `OutOfSteps` when there are none left."""
        self.steps -= steps
        if self.steps < 0:
            raise OutOfSteps


class Missing:
    """Stands for a value that is not there, where that may be: before ``default`` and ``is defined``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
