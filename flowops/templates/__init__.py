"""Documents and rows to rendered calls: Jinja's syntax, worked out on JSON's values, with nothing else in reach."""

from __future__ import annotations

from flowops.templates.batches import CallSet, RenderedBatch
from flowops.templates.calls import CompiledCall, compile_call
from flowops.templates.duplicates import duplicates
from flowops.templates.filters import FILTERS
from flowops.templates.selection import Selection, compile_selection
from flowops.templates.table import Documented
from flowops.templates.tests import TESTS
from flowops.templates.variables import CheckVariables, VariableProblem


def documentation() -> list[Documented]:
    """Every filter that templates have: its name, its signature, what it does, an example and its result."""
    return FILTERS.documentation()


def documentation_of_tests() -> list[Documented]:
    """Every test, what may stand behind ``is``, in the same form."""
    return TESTS.documentation()


__all__ = [
    "CallSet",
    "CheckVariables",
    "CompiledCall",
    "Documented",
    "RenderedBatch",
    "Selection",
    "VariableProblem",
    "compile_call",
    "compile_selection",
    "documentation",
    "documentation_of_tests",
    "duplicates",
]
