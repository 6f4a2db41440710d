"""The filters of templates, and the tests that may stand behind ``is``: all there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.templates.filters.lists import LISTS
from flowops.templates.filters.numbers import NUMBERS
from flowops.templates.filters.phones import PHONES
from flowops.templates.filters.table import Table
from flowops.templates.filters.tests import TESTS
from flowops.templates.filters.text import GENERAL, TEXT
from flowops.templates.filters.times import TIMES

if TYPE_CHECKING:
    from flowops.templates.filters.table import Documented

FILTERS = Table({**PHONES, **TIMES, **TEXT, **NUMBERS, **LISTS, **GENERAL})


def documentation() -> list[Documented]:
    """Return every filter that templates have: its name, its signature, what it does, an example and its result."""
    return FILTERS.documentation()


def documentation_of_tests() -> list[Documented]:
    """Return every test in the same form."""
    return TESTS.documentation()
