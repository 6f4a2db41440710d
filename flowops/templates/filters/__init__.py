"""The filters of templates, all there are; `documentation` is written from this table alone."""

from __future__ import annotations

from flowops.templates.filters.general import GENERAL
from flowops.templates.filters.lists import LISTS
from flowops.templates.filters.numbers import NUMBERS
from flowops.templates.filters.phones import PHONES
from flowops.templates.filters.text import TEXT
from flowops.templates.filters.times import TIMES
from flowops.templates.table import Documented, Function, Table

FILTERS = Table({**PHONES, **TIMES, **TEXT, **NUMBERS, **LISTS, **GENERAL})

__all__ = ["FILTERS", "Documented", "Function", "Table"]
