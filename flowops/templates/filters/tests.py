"""Jinja's tests, what may stand behind ``is``: all that templates have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.templates.budget import MISSING
from flowops.templates.filters.table import Table
from flowops.templates.problems import TemplateError
from flowops.templates.values import arithmetic, compare, contains, is_number, kind

if TYPE_CHECKING:
    from flowops.model.document import Value


TESTS = Table()


@TESTS.register("{{ vars.missing is defined }}", False, forgiving=True)
def defined(value: Value) -> bool:
    """Whether there is such a name, whatever its value."""
    return value is not MISSING


@TESTS.register("{{ vars.missing is undefined }}", True, forgiving=True)
def undefined(value: Value) -> bool:
    """Whether there is no such name."""
    return value is MISSING


@TESTS.register("{{ none is none }}", True)
def none(value: Value) -> bool:
    """Whether it is null."""
    return value is None


@TESTS.register("{{ 'Ann' is string }}", True)
def string(value: Value) -> bool:
    """Whether it is text."""
    return type(value) is str


@TESTS.register("{{ '15' is number }}", False)
def number(value: Value) -> bool:
    """Whether it is a number, with a fraction or without."""
    return is_number(value)


@TESTS.register("{{ 15 is integer }}", True)
def integer(value: Value) -> bool:
    """Whether it is a number written without a fraction."""
    return type(value) is int


@TESTS.register("{{ 15 is float }}", False, name="float")
def fraction(value: Value) -> bool:
    """Whether it is a number written with a fraction."""
    return type(value) is float


@TESTS.register("{{ true is boolean }}", True)
def boolean(value: Value) -> bool:
    """Whether it is true or false."""
    return type(value) is bool


@TESTS.register("{{ vars is mapping }}", True)
def mapping(value: Value) -> bool:
    """Whether it is a mapping of keys to values."""
    return type(value) is dict


@TESTS.register("{{ 'Ann' is sequence }}", False)
def sequence(value: Value) -> bool:
    """Whether it is a list; unlike in Jinja, text is none."""
    return type(value) is list


@TESTS.register("{{ 4 is even }}", True)
def even(value: Value) -> bool:
    """Whether a number divides by two."""
    return _whole(value) % 2 == 0


@TESTS.register("{{ 4 is odd }}", False)
def odd(value: Value) -> bool:
    """Whether a number does not divide by two."""
    return _whole(value) % 2 == 1


@TESTS.register("{{ 9 is divisibleby(3) }}", True)
def divisibleby(value: Value, num: Value) -> bool:
    """Whether a number divides by another."""
    return arithmetic("%", _whole(value), _whole(num)) == 0


@TESTS.register("{{ 'a' is in ['a', 'b'] }}", True, name="in")
def in_(value: Value, seq: Value) -> bool:
    """Whether it is an item of a list, a key of a mapping, or a part of a text."""
    return contains(value, seq)


@TESTS.register("{{ 2 is eq 2 }}", True)
def eq(value: Value, other: Value) -> bool:
    """Whether the two are equal, as with ==."""
    return compare("==", value, other)


@TESTS.register("{{ 2 is ne 2 }}", False)
def ne(value: Value, other: Value) -> bool:
    """Whether the two differ, as with !=."""
    return compare("!=", value, other)


@TESTS.register("{{ 1 is lt 2 }}", True)
def lt(value: Value, other: Value) -> bool:
    """Whether it is less than the other, as with <."""
    return compare("<", value, other)


@TESTS.register("{{ 2 is le 2 }}", True)
def le(value: Value, other: Value) -> bool:
    """Whether it is at most the other, as with <=."""
    return compare("<=", value, other)


@TESTS.register("{{ 2 is gt 2 }}", False)
def gt(value: Value, other: Value) -> bool:
    """Whether it is more than the other, as with >."""
    return compare(">", value, other)


@TESTS.register("{{ 2 is ge 2 }}", True)
def ge(value: Value, other: Value) -> bool:
    """Whether it is at least the other, as with >=."""
    return compare(">=", value, other)


def _whole(value: Value) -> int:
    if type(value) is not int:
        raise TemplateError(f"needs a whole number, not {kind(value)}")
    return value
