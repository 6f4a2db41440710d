"""What a template does is charged by what it touches: no step of anything takes many times as long as another.

The filters, tests and operators are those of the registries, so a new one is held to it, too; their operands are as
large as operands may be. `benchmarks/step_costs.py` has them, and tells the slowest.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from flowops.templates import expressions
from flowops.templates.filters import FILTERS
from flowops.templates.filters.tests import TESTS
from flowops.templates.jinja import nodes
from flowops.templates.syntax import parse

#: A step is 256 characters or 16 items: a few microseconds. A busy machine takes some times as long; what is charged
#: by its outermost length alone would take thousands of times as long.
MICROSECONDS = 150


@pytest.fixture(scope="module")
def costs() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
    try:
        yield import_module("step_costs")
    finally:
        del sys.path[0]


def test_no_use_of_a_filter_or_a_test_takes_more_than_it_was_charged(costs: Any) -> None:
    found = list(costs.of_functions())
    used = "\n".join(cost.name for cost in found)
    assert [name for name in FILTERS if f"| {name}(" not in used] == []
    assert [name for name in TESTS if f"is {name}(" not in used] == []
    assert [cost for cost in found if cost.microseconds > MICROSECONDS] == []


def test_no_operator_takes_more_than_it_was_charged(costs: Any) -> None:
    assert [cost for cost in costs.of_expressions() if cost.microseconds > MICROSECONDS] == []


def test_every_node_that_templates_have_is_among_them(costs: Any) -> None:
    written = [f"{{{{ row.a {sign} row.b }}}}" for sign in costs.SIGNS]
    sources = [*costs.SOURCES, *written, "{{ row.a | upper is none }}"]
    met = {type(node) for source in sources for node in parse(source).find_all(nodes.Node)}
    assert {*expressions._EXPRESSIONS} - met == set()


def test_what_is_charged_too_little_is_seen(costs: Any) -> None:
    free = costs._cost("free", lambda _: sorted(map(str.lower, costs.OPERANDS["long words"])), 1)
    assert free.microseconds > MICROSECONDS
