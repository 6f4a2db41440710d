"""How much a template may be, make and do: a hostile one ends with a message, soon and in little memory.

Time is counted in steps, never by the clock, so that the same files give the same answer everywhere.
A step is a round of a loop, 50 parts of a template that are worked out, 256 characters of text that
are made or filtered, or 16 items of a list that are gone through: well under 10 µs each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flowops.templates.errors import BudgetExceeded

if TYPE_CHECKING:
    from flowops.model.document import Value


#: Characters of one template, as YAML gives it.
MAX_SOURCE = 16_384
#: Characters of all templates of one document: to parse them is the longest work per character that there is.
MAX_SOURCES = 262_144
#: Parts of one template: names, literals, operators, filters, statements.
MAX_PARTS = 2_000
#: How deep the parts of a template may stand in each other, and its brackets.
MAX_DEPTH = 64
MAX_BRACKETS = 32
#: How many loops may stand in each other.
MAX_LOOPS = 16
#: Characters of any text that a template takes or makes.
MAX_TEXT = 65_536

#: Steps of one call, over all its templates.
CALL_BUDGET = 10_000
#: Steps of a whole call set: this many, and so many more for each row.
SET_BUDGET = 500_000
ROW_BUDGET = 20
#: After so many rows with problems the rest of a call set is not rendered: what is wrong is looked for at length.
WRONG_ROWS = 1_000

PARTS_PER_STEP = 50
CHARACTERS_PER_STEP = 256
ITEMS_PER_STEP = 16


class Scope:
    """The names of one call: ``vars``, and ``row`` and ``row_number``; inside a loop also its own."""

    __slots__ = ("budget", "names")

    def __init__(self, names: dict[str, Value], budget: int = CALL_BUDGET) -> None:
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
