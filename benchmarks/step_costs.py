"""How long a step of the budget of templates takes at most, over all filters, tests and operators.

What a template may do is counted in steps, by what is touched. Here everything that a template has gets operands that
are as large as they may be; the slowest step is what a hostile template can make of its budget.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.common.budget import CALL_STEPS, MAX_TEXT, PARTS_PER_STEP
from flowops.templates import closures
from flowops.templates.budget import Scope
from flowops.templates.filters import FILTERS
from flowops.templates.filters.tests import TESTS
from flowops.templates.problems import TemplateError
from flowops.templates.template import compile_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from size import Size

    from flowops.templates.filters.table import Function

NAMES = frozenset({"vars", "row", "row_number"})
#: What takes less for a step is measured once.
QUICK = 5e-6
#: What a hostile document can have by aliases: many times one long text.
LONG = "é" * (MAX_TEXT - 1)
OPERANDS: dict[str, Any] = {
    "a": "a",
    "2": 2,
    "letters": "aB" * (MAX_TEXT // 2 - 1),
    "accents": LONG,
    "growing": "ß" * (MAX_TEXT // 3),
    "digits": "0" * (MAX_TEXT - 1),
    "blanks": " " * (MAX_TEXT - 1),
    "commas": "a," * (MAX_TEXT // 2 - 1),
    "nearly": "a" * (MAX_TEXT // 2) + "b",
    "distinct": "".join(map(chr, range(0x4E00, 0x9FA5))),
    "numbers": list(range(50_000)),
    "words": [f"w{number}" for number in range(20_000)],
    "long words": [LONG] * 300,
    "mappings": [{"a": LONG, "b": number} for number in range(2_000)],
    "lists": [[LONG] * 20] * 20,
    "mapping": {f"k{number}": number for number in range(20_000)},
    "mapping of texts": {f"k{number}": LONG for number in range(300)},
}
ARGUMENTS = ("a", "2", "letters", "accents", "nearly", "distinct", "numbers", "words", "long words", "mapping")
SIGNS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in", "+", "-", "*", "/", "//", "%", "~", "and", "or")
#: The rest of what a template has, with one operand.
SOURCES = (
    *("{{ not row.a }}", "{{ -row.a }}", "{{ +row.a }}", "{{ row.a }}", "{{ row.a if row.a else row.a }}"),
    *("{{ row.a[0] }}", "{{ row.a[1:] }}", "{{ row.a[:-1] | length }}", "{{ [row.a, row.a] }}", "{{ {'x': row.a} }}"),
    *("x{{ row.a }}", "{% for x in row.a %}{% endfor %}", "{% for x in row.a %}{{ x }}{% endfor %}"),
    *("{{ row.a.k1 }}", "{{ (row.a, 1) }}", "{% if row.a %}x{% elif row.a %}y{% else %}z{% endif %}"),
    *("{{ row[row.a] }}", "{{ row.a ~ row.a ~ row.a }}"),
)


class Cost(NamedTuple):
    """A use of something, the steps that it was charged, and the seconds of the processor that it took."""

    name: str
    steps: int
    seconds: float

    @property
    def microseconds(self) -> float:
        """What a step of it took."""
        return 1e6 * self.seconds / self.steps


def of_functions() -> Iterator[Cost]:
    """Every filter and test, on all operands with up to two arguments."""
    for table, called in ((FILTERS, "|"), (TESTS, "is")):
        for name, function in table.items():
            given: list[tuple[str, ...]] = [(), *((each,) for each in ARGUMENTS)]
            given += product(("a", "letters", "nearly"), repeat=2)
            for operand, arguments in product(OPERANDS, given):
                if function.misuse(len(arguments), ()) is None:
                    yield _of_function(
                        f"{operand} {called} {name}({', '.join(arguments)})", function, operand, arguments
                    )


def of_expressions() -> Iterator[Cost]:
    """Every operator on pairs of operands, and all else that templates have."""
    for sign, left, right in product(SIGNS, OPERANDS, ARGUMENTS):
        yield _of_source(f"{left} {sign} {right}", f"{{{{ row.a {sign} row.b }}}}", left, right)
    for source, operand in product(SOURCES, OPERANDS):
        yield _of_source(f"{source} of {operand}", source, operand, operand)


def _of_function(name: str, function: Function, operand: str, arguments: Sequence[str]) -> Cost:
    values = tuple(OPERANDS[each] for each in arguments)

    def use(scope: Scope) -> None:
        closures.applied(function, OPERANDS[operand], values, {}, 0, scope)

    return _cost(name, use, function.weight)


def _of_source(name: str, source: str, left: str, right: str) -> Cost:
    template = compile_template(source, NAMES)
    row = {"a": OPERANDS[left], "b": OPERANDS[right]}

    def use(scope: Scope) -> None:
        scope.names = {"vars": {}, "row": row, "row_number": 1}
        template.evaluate(scope)

    return _cost(name, use, template.work)


def _cost(name: str, use: Any, work: int) -> Cost:
    best, steps = float("inf"), 1
    for _ in range(5):
        scope = Scope({}, CALL_STEPS)
        begun = time.process_time()
        # What is refused has been looked at all the same.
        with suppress(TemplateError):
            use(scope)
        best = min(best, time.process_time() - begun)
        steps = 1 + CALL_STEPS - scope.budget + work // PARTS_PER_STEP
        if best < steps * QUICK:
            break
    return Cost(name, steps, best)


@dataclass(frozen=True)
class StepCosts:
    """The slowest steps, the worst first."""

    costs: Sequence[Cost]
    title = "The slowest steps of the templates' budget"
    note = "A step is to take a few microseconds, whatever it is of. The operands are in `benchmarks/step_costs.py`."

    def table(self) -> list[list[str]]:
        """A head, then a row a use."""
        rows = [[each.name, f"{each.steps:,}", f"{each.microseconds:.1f} µs"] for each in self.costs]
        return [["", "steps", "a step"], *rows]

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        runs = {each.name: [{"steps": each.steps, "seconds": each.seconds}] for each in self.costs}
        return {"title": self.title, "runs": runs}


def step_costs(size: Size, _keep: Path | None) -> list[StepCosts]:
    """The slowest of all, or, in short, of the operators."""
    found = list(of_expressions()) if size.rounds == 1 else [*of_functions(), *of_expressions()]
    return [StepCosts(sorted(found, key=lambda cost: cost.microseconds, reverse=True)[:12])]
