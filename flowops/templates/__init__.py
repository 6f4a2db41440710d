"""Documents and rows to rendered calls: Jinja's syntax, worked out on JSON's values, with nothing else in reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach
from flowops.templates.duplicates import duplicates


def documentation() -> list[Documented]:
    """Every filter that templates have: its name, its signature, what it does, an example and its result."""
    from flowops.templates.filters import FILTERS

    return FILTERS.documentation()


def documentation_of_tests() -> list[Documented]:
    """Every test, what may stand behind ``is``, in the same form."""
    from flowops.templates.tests import TESTS

    return TESTS.documentation()


if TYPE_CHECKING:
    from flowops.templates.batches import CallSet, Check, RenderedBatch
    from flowops.templates.calls import CompiledCall
    from flowops.templates.compilation import Compilation
    from flowops.templates.selection import Selection, compile_selection
    from flowops.templates.table import Documented
    from flowops.templates.variables import CheckVariables, VariableProblem
else:
    __getattr__ = attach(
        __name__,
        {
            "batches": "CallSet Check RenderedBatch",
            "calls": "CompiledCall",
            "compilation": "Compilation",
            "selection": "Selection compile_selection",
            "table": "Documented",
            "variables": "CheckVariables VariableProblem",
        },
    )

__all__ = [
    "CallSet",
    "Check",
    "CheckVariables",
    "Compilation",
    "CompiledCall",
    "Documented",
    "RenderedBatch",
    "Selection",
    "VariableProblem",
    "compile_selection",
    "documentation",
    "documentation_of_tests",
    "duplicates",
]
