"""How much a template may be: a hostile one ends with a message, soon and in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowops.common.budget import CALL_STEPS
from flowops.templates.problems import BudgetExceeded

if TYPE_CHECKING:
    from flowops.model.document import Value


#: Characters of one template, as YAML gives it.
MAX_SOURCE = 16_384
#: Parts of one template: names, literals, operators, filters, statements.
MAX_PARTS = 2_000
#: After so many mistakes the rest of a template is not looked at.
MAX_ERRORS = 20
#: How deep the parts of a template may stand in each other, and its brackets.
MAX_DEPTH = 64
MAX_BRACKETS = 32
#: How many loops may stand in each other.
MAX_LOOPS = 16
#: After so many rows with problems the rest of a call set is not rendered: what is wrong is looked for at length.
WRONG_ROWS = 1_000


#: The name of which attempt of the call is rendered: 1, 2, …
ATTEMPT = "attempt"


class Scope:
    """The names of one call: ``vars``, ``attempt``, and ``row`` and ``row_number``; inside a loop also its own."""

    __slots__ = ("budget", "names")

    def __init__(self, names: dict[str, Value], budget: int = CALL_STEPS) -> None:
        self.names = names
        self.budget = budget

    def charge(self, steps: int) -> None:
        """Take steps; raises `BudgetExceeded` when there are none left."""
        self.budget -= steps
        if self.budget < 0:
            raise BudgetExceeded


class Missing:
    """Stands for a value that is not there, where that may be: before ``default`` and ``is defined``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
