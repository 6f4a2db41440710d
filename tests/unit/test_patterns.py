"""No regular expression of the package backtracks: where a text is longer, the time grows as the text does.

Every expression that a module keeps or writes out is found, with the ways in which it is used, and so are the patterns
of the schemas: a new one is held to it, too. Only growth is asked for, and only of what can be measured.
"""

from __future__ import annotations

import ast
import fnmatch
import importlib
import inspect
import json
import pkgutil
import re
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import flowops
from flowops.common.patterns import Regex
from flowops.documents.excerpts import hide_values
from flowops.schema.engine import matcher
from flowops.templates.filters.times import _names, _reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

#: What is repeated, what stands before it, and what behind it, so that what has matched so far has to be given back.
UNITS = (
    *" a0-.:'\"\\/{}%+_é\u200b\n\t([<@•#&=~*|,",
    *(
        "a ",
        "0 ",
        "a.",
        "0-",
        "{{",
        "[(",
        "%a",
        "a=",
        "::",
        ": ",
        "//",
        "'a",
        ", ",
        "0.",
        "a_",
        "\\'",
        "<a",
        "&a",
        "0•",
    ),
    *("+0", "(0)", "{a}", " #", "'•", "{%", "1-", "0:", "\r\n", "b@"),
)
BEGINS = ("", "a", "'", "0")
ENDS = ("", "!", ": b", "\n", "}}")
LENGTH = 2_500
#: A text that is four times as long takes four times as long, and sixteen times where each character looks at all.
LONGER, GROWTH = 4, 9
#: What takes less, in seconds, is not measured: each character looking at all others takes more.
MEASURABLE = 0.002
METHODS = ("match", "fullmatch", "search", "sub", "subn", "split", "finditer", "findall")
#: What texts do not have: who is asked so is an expression.
OF_EXPRESSIONS = {"match", "fullmatch", "search", "finditer"}


class Use(NamedTuple):
    """One expression, where it was found, and one way in which it looks at a text."""

    name: str
    look: Callable[[str], Any]


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(flowops.__path__, "flowops."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def inside(value: object) -> Iterator[re.Pattern[str]]:
    """Every expression in a value."""
    if isinstance(value, Regex):
        value = value.compiled
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, dict):
        yield from (found for pair in value.items() for each in pair for found in inside(each))
    elif isinstance(value, list | tuple | set | frozenset) and len(value) < 1_000:
        yield from (found for each in value for found in inside(each))
    elif isinstance(value, type) and value.__module__.startswith("flowops"):
        yield from (found for each in vars(value).values() if not isinstance(each, type) for found in inside(each))


def by_method(pattern: re.Pattern[str], method: str) -> Callable[[str], Any]:
    if method in ("sub", "subn"):
        return lambda text: pattern.sub("", text)
    if method == "finditer":
        return pattern.findall
    look: Callable[[str], Any] = getattr(pattern, method)
    return look


def kept(module: ModuleType, tree: ast.Module) -> Iterator[Use]:
    """The expressions that a module has under a name, each in the ways in which the module asks it."""
    named: dict[str, set[str]] = {}
    others: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            name = node.value.id if isinstance(node.value, ast.Name) else ""
            (named.setdefault(name, set()) if hasattr(module, name) else others).add(node.attr)
    for name, value in vars(module).items():
        found = list(inside(value))
        asked = named.get(name) or others & OF_EXPRESSIONS or set(METHODS[:3])
        yield from (
            Use(f"{module.__name__}.{name}.{method}: {pattern.pattern[:40]}", by_method(pattern, method))
            for pattern in found
            for method in sorted(asked)
        )


def written(module: ModuleType, tree: ast.Module) -> Iterator[Use]:
    """The expressions that a module uses in no compiled form: ``re.sub(r"…", …)``, ``re.fullmatch(PATTERN, …)``."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        called, first = node.func, node.args[0]
        is_of_re = isinstance(called.value, ast.Name) and called.value.id == "re"
        if not (is_of_re and called.attr in (*METHODS, "compile")):
            continue
        try:
            text = eval(compile(ast.Expression(first), module.__name__, "eval"), dict(vars(module)))
        except NameError:  # it is made of what a function is given
            UNKNOWN.add(f"{module.__name__}: re.{called.attr}({ast.unparse(first)})")
            continue
        method = "match" if called.attr == "compile" else called.attr
        yield Use(f"{module.__name__}.{method}: {ast.unparse(first)[:40]}", by_method(re.compile(text), method))


#: Expressions that are not known before somebody runs the module.
UNKNOWN: set[str] = set()
#: All of them. Those of names and dates are asked below; of others the parts are `re.escape`d, or of the house.
MADE_LATER = {
    "flowops.api.classify: re.sub('|'.join(map(_as_written, words)))",
    "flowops.common.masking: re.split(f\"({'|'.join((re.escape(part) for part in sorted(kept, reverse=True)))})\")",
    "flowops.common.names: re.compile(fnmatch.translate(same_name(glob).replace('[', '[[]')))",
    "flowops.common.number_plan: re.compile(pattern)",
    "flowops.common.patterns: re.compile(self.pattern)",
    "flowops.documents.discovery: re.compile('|'.join((fnmatch.translate(same_name(f'{stem}{each}')) for each in suffixes)))",  # noqa: E501
    "flowops.documents.discovery: re.compile(fnmatch.translate(same_name(step)))",
    "flowops.documents.excerpts: re.sub(pattern)",
    "flowops.ledger.database: re.sub(pattern)",
    "flowops.templates.filters.times: re.compile(''.join(parts))",
}


def made() -> Iterator[Use]:
    """The expressions that are made of what a repository says, as bad as it can say it."""
    names = re.compile(fnmatch.translate("*a*0*a*0*a*0*b"))
    yield Use("a glob", names.fullmatch)
    yield Use("values of keys", lambda line: hide_values(line, frozenset({"a", "aa", "0", "a."})))
    form = " %d %m %Y %H %M %S . %A "
    yield Use("a date", _reader(form, _names("en")).fullmatch)


def of_schemas() -> Iterator[Use]:
    """The patterns of the schemas, in the engine that asks them."""
    for path in sorted((Path(__file__).parents[2] / "schemas").glob("*.json")):
        ahead: list[Any] = [json.loads(path.read_text())]
        while ahead:
            found = ahead.pop()
            if isinstance(found, dict):
                ahead += found.values()
                patterns = [found.get("pattern"), *(found.get("patternProperties") or ())]
                yield from (Use(f"{path.name}: {each}", matcher(each)) for each in patterns if isinstance(each, str))
            elif isinstance(found, list):
                ahead += found


def uses() -> dict[str, Use]:
    found: dict[str, Use] = {}
    for module in modules():
        tree = ast.parse(inspect.getsource(module))
        for use in (*kept(module, tree), *written(module, tree)):
            found.setdefault(use.name, use)
    return found | {use.name: use for use in (*of_schemas(), *made())}


def seconds(look: Callable[[str], Any], text: str) -> float:
    begun = time.process_time()
    look(text)
    return time.process_time() - begun


def growth(look: Callable[[str], Any], begin: str, unit: str, end: str) -> float:
    """How many times as long a longer text takes; the best of some, since nothing makes a look shorter than it is."""
    short, long = (begin + unit * (length // len(unit)) + end for length in (LENGTH, LENGTH * LONGER))
    best = min(seconds(look, short) for _ in range(5))
    return min(seconds(look, long) for _ in range(3)) / best


FOUND = uses()


def test_expressions_that_are_made_of_what_somebody_gives_are_known() -> None:
    assert UNKNOWN == MADE_LATER


def test_expressions_are_found_wherever_they_are() -> None:
    names = set(FOUND)
    assert len(names) > 100
    for begin in (
        "flowops.common.text._COUNTED.sub: ",
        "flowops.common.numbers._E164.fullmatch: ",
        "flowops.common.addresses.fullmatch: _PARTS_PATTERN",
        "call.schema.json: ",
    ):
        assert any(name.startswith(begin) for name in names)


@pytest.mark.parametrize("use", FOUND.values(), ids=list(FOUND))
def test_no_expression_takes_more_than_its_share_of_a_longer_text(use: Use) -> None:
    for begin, unit, end in product(BEGINS, UNITS, ENDS):
        if seconds(use.look, begin + unit * (LENGTH // len(unit)) + end) > MEASURABLE:
            assert any(growth(use.look, begin, unit, end) < GROWTH for _ in range(3)), (begin, unit, end)


def test_an_expression_that_backtracks_is_seen() -> None:
    look = re.compile(r"\s+x").search
    assert any(growth(look, "", " ", "") > GROWTH for _ in range(20))
